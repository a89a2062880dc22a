// Requests that the host makes for a source or a sink.

import { bytesOf } from "./columns.js";
import { Failure } from "./failure.js";
import { wanted } from "./host.js";
import { decode, lossy, wellFormed } from "./text.js";

const SHOWN_CHARACTERS_MAX = 200;

/** A request for what is there. */
export function get(url) {
  return new Request("GET", url);
}

/** A request that hands something over. */
export function post(url, body) {
  return new Request("POST", url, body);
}

export class Request {
  headers = [];

  constructor(method, url, body = "") {
    Object.assign(this, { method: wellFormed(method), url: wellFormed(url), body: bytesOf(body) ?? new Uint8Array() });
  }

  header(name, value) {
    this.headers.push({ name: wellFormed(name), value: wellFormed(value) });
    return this;
  }

  send() {
    const { method, url, headers, body } = this;
    try {
      return new Response(wanted("egress").send({ method, url, headers, body }));
    } catch (trouble) {
      throw failure(trouble);
    }
  }
}

export class Response {
  constructor({ status, headers, body }) {
    Object.assign(this, { status, headers, body });
  }

  text() {
    return decode(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }

  header(name) {
    return this.headers.find((header) => header.name === name.toLowerCase())?.value ?? null;
  }

  ok() {
    if (this.status >= 200 && this.status < 300) return this;
    const said = `the server answers ${this.status}: ${lossy(this.body.subarray(0, SHOWN_CHARACTERS_MAX))}`;
    throw this.status >= 500 || [408, 425, 429].includes(this.status) ? new Failure.Unavailable(said) : new Failure.Refused(said);
  }
}

/** What the host says of a request that has no answer, as what the host is to do about it. */
function failure(trouble) {
  const said = trouble.payload ?? trouble;
  if (!["denied", "bounded", "away"].includes(said.kind)) return trouble;
  const made = said.kind === "away" ? new Failure.Unavailable(said.message) : new Failure.Refused(said.message);
  return Object.assign(made, { trouble: said.kind });
}
