// Values by key, which outlive an instance, for a transform that wants `state`.

import { wanted } from "./host.js";
import { bytesOf } from "./columns.js";

export const state = {
  get(key) {
    return wanted("state").get(bytesOf(key)) ?? undefined;
  },

  /** Whether there was room for it. */
  set(key, value) {
    const values = wanted("state");
    try {
      values.set(bytesOf(key), bytesOf(value));
      return true;
    } catch {
      return false;
    }
  },

  remove(key) {
    wanted("state").remove(bytesOf(key));
  },
};
