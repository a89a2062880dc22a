import { wellFormed } from "./text.js";

/** Takes records that a sink cannot store, by their number. */
export class Rejects {
  #rejected = [];

  reject(number, reason) {
    this.#rejected.push({ record: number, reason: wellFormed(reason) });
  }

  /** What the host hears; in tests what was rejected. */
  finish() {
    return this.#rejected.sort((one, other) => one.record - other.record);
  }
}
