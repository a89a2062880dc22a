import { wellFormed } from "./text.js";

/** Why a plugin cannot go on; the kind is an instruction to the host. */
export class Failure extends Error {
  kind = "data";
}

const kinds = { Config: "config", Unavailable: "unavailable", Refused: "refused", Data: "data" };
for (const [name, kind] of Object.entries(kinds)) {
  Failure[name] = { [name]: class extends Failure { kind = kind; } }[name];
}

/** A mistake in a configuration. */
export class Mistake extends Error {
  constructor(key, message) {
    super(message);
    this.key = key;
  }

  get where() {
    return this.key ? `${this.key}: ${this.message}` : this.message;
  }
}

/** What an error says, in one line. */
export function said(error) {
  return wellFormed(error).replace(/\s*\n\s*/g, " ");
}

/** The same, and where it was raised. */
export function trace(error) {
  return `${said(error)} ${said(error?.stack ?? "").trim()}`.trim();
}
