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
