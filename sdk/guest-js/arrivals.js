// Where a source puts what it read.

import { Bytes, exact, integer, integers, partsOf, Rest } from "./columns.js";
import { wellFormed } from "./text.js";

export class Arrivals {
  #recordsMax;
  #bytesMax;
  #payload = new Bytes();
  #rest = new Rest();
  #partition = [];
  #position = [];
  #after = [];
  #rejected = [];

  constructor(recordsMax = Infinity, bytesMax = Infinity) {
    this.#recordsMax = recordsMax;
    this.#bytesMax = bytesMax;
  }

  get length() {
    return this.#position.length;
  }

  get isFull() {
    return this.length >= this.#recordsMax || this.#payload.size + this.#rest.key.size >= this.#bytesMax;
  }

  push(partition, position, record) {
    const whole = typeof record === "string" || record instanceof Uint8Array ? { payload: record } : partsOf(record);
    const place = [exact(partition, "partition"), integer(position, "position")];
    this.#payload.push(whole.payload);
    this.#rest.push(whole);
    this.#partition.push(place[0]);
    this.#position.push(place[1]);
  }

  reject(partition, position, rest, reason) {
    this.#rejected.push({ record: this.length, reason: wellFormed(reason) });
    this.push(partition, position, { payload: rest });
  }

  skipTo(partition, position) {
    this.#after.push({ partition: exact(partition, "partition"), position: exact(position, "position") });
  }

  /** What the host hears. */
  finish() {
    return {
      count: this.length,
      payload: this.#payload.finish(),
      ...this.#rest.finish(),
      partition: this.#partition,
      position: integers(this.#position),
      after: this.#after,
      rejected: this.#rejected,
    };
  }
}
