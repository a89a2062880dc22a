// Where a transform says what became of each record.

import { bitmap, Bytes, partsOf, Rest } from "./columns.js";
import { wellFormed } from "./text.js";

/** All that a record has, to be changed. */
export function newRecord(record) {
  const { payload, key, headers, properties, timestamp } = record;
  return { payload, key, headers, properties, timestamp };
}

export class Output {
  #batch;
  #fates;
  #rejected = [];
  #input = [];
  #payload = new Bytes();
  #rest = null;

  constructor(batch) {
    this.#batch = batch;
    this.#fates = new Array(batch.length).fill("open");
  }

  keep(record) {
    this.#settle(record, "kept");
  }

  drop(record) {
    this.#settle(record, "dropped");
  }

  reject(record, reason) {
    this.#settle(record, "rejected");
    this.#rejected.push({ record: record.number, reason: wellFormed(reason) });
  }

  replacePayload(record, payload) {
    this.#begin(record);
    this.#payload.push(payload);
    this.#rest?.push(newRecord(record));
  }

  replace(record, made) {
    const whole = partsOf(made);
    this.#begin(record);
    this.#payload.push(whole.payload);
    if (!this.#rest) {
      // Those before had all but their payloads from their parents.
      this.#rest = new Rest();
      for (const input of this.#input.slice(0, -1)) this.#rest.push(this.#batch.get(input));
    }
    this.#rest.push(whole);
  }

  #begin(record) {
    const { number } = record;
    if (this.#input.at(-1) > number) throw new Error(`record ${number} is replaced after a later one`);
    this.#settle(record, "made");
    this.#input.push(number);
  }

  #settle({ number }, fate) {
    const before = this.#fates[number];
    if (before !== "open" && !(before === "made" && fate === "made")) {
      throw new Error(`record ${number} was ${before} and is now ${fate}`);
    }
    this.#fates[number] = fate;
  }

  /** What the host hears. */
  finish() {
    const forgotten = this.#fates.indexOf("open");
    if (forgotten >= 0) throw new Error(`record ${forgotten} was forgotten: keep, replace, drop or reject it`);
    this.#rejected.sort((one, other) => one.record - other.record);
    return { edit: this.#edit(), rejected: this.#rejected };
  }

  #edit() {
    const of = (fate) => bitmap(this.#fates, (each) => each === fate);
    if (this.#input.length > 0) return { tag: "replace", val: this.#replacement(of("kept"), of("dropped")) };
    return this.#fates.includes("dropped") ? { tag: "keep", val: of("kept") } : { tag: "unchanged" };
  }

  #replacement(kept, dropped) {
    const rest = this.#rest?.finish() ?? { key: null, headers: null, properties: null, time: null };
    return { input: this.#input, payload: this.#payload.finish(), ...rest, kept, dropped };
  }
}
