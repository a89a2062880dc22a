// Plugins for Catchwater in JavaScript or TypeScript; `plugin.d.ts` says what each thing is.

export { Arrivals } from "./arrivals.js";
export { Batch, field, Kind } from "./batch.js";
export { get, post, Request } from "./egress.js";
export { Failure, Mistake } from "./failure.js";
export { count, log, now, random } from "./host.js";
export { state } from "./state.js";
export { newRecord, Output } from "./output.js";
export { Rejects } from "./rejects.js";
export { Next, partition } from "./source.js";
export { decode, encode } from "./text.js";
