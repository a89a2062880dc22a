// Records as a plugin sees them: views into the columns that the host handed over.

import { fieldsAt, valueAt } from "./columns.js";
import { decode } from "./text.js";

/** What the value of a field is, as a number of the interface. */
export const Kind = Object.freeze({ BYTES: 0, TEXT: 1, INTEGER: 2, FLOAT: 3, BOOL: 4, JSON: 6 });

const timestampKinds = [null, "create", "append"];

/** A field of text. */
export function field(name, text) {
  return { name, value: text, kind: Kind.TEXT };
}

export class Batch {
  #columns;

  constructor(columns) {
    this.#columns = columns;
  }

  get length() {
    return this.#columns.count;
  }

  get(number) {
    return new Record(this.#columns, number);
  }

  *[Symbol.iterator]() {
    for (let number = 0; number < this.length; number++) yield this.get(number);
  }
}

export class Record {
  #columns;

  constructor(columns, number) {
    this.#columns = columns;
    this.number = number;
  }

  get payload() {
    return valueAt(this.#columns.payload, this.number);
  }

  get key() {
    return valueAt(this.#columns.key, this.number);
  }

  get headers() {
    return fieldsAt(this.#columns.headers, this.number);
  }

  get properties() {
    return fieldsAt(this.#columns.properties, this.number);
  }

  get timestamp() {
    const kind = timestampKinds[this.#columns.time.kinds[this.number]];
    return kind ? { micros: this.#columns.time.micros[this.number], kind } : null;
  }

  get source() {
    return this.#origin.source;
  }

  get stream() {
    return this.#origin.stream;
  }

  get partition() {
    return this.#origin.partition;
  }

  get position() {
    return this.#columns.position[this.number];
  }

  text() {
    const payload = this.payload;
    return payload && decode(payload);
  }

  json() {
    const text = this.text();
    return text === null ? null : JSON.parse(text);
  }

  header(name) {
    return this.headers.findLast((header) => header.name === name) ?? null;
  }

  get #origin() {
    return this.#columns.origins[this.#columns.origin[this.number]];
  }
}
