// What a plugin may ask of the host. On the author's own machine there is none; lines go to standard error then.

import { trace } from "./failure.js";
import { boundDepth } from "./json.js";
import { wellFormed } from "./text.js";

/** The interfaces that the plugin was built with, by their names. */
export const host = {
  host: { log: (level, message) => globalThis.process?.stderr.write(`${level}: ${message}\n`), count() {} },
  clock: { now: () => Date.now() * 1000 },
  state: own(),
  random: { bytes: (count) => Uint8Array.from({ length: count }, (_, number) => number * 151 + 7) },
};

/** Values by key in memory. */
function own() {
  const values = new Map();
  return {
    get: (key) => values.get(String(key)),
    set: (key, value) => values.set(String(key), value),
    remove: (key) => values.delete(String(key)),
  };
}

/** Puts the host of the plugin in place of the author's own machine. */
export function connect(interfaces) {
  delete host.clock;
  delete host.random;
  delete host.state;
  Object.assign(host, interfaces);
  boundDepth();
  const line = (level) => (...parts) => log(level, parts.map(shown).join(" "));
  globalThis.console = { debug: line("debug"), log: line("info"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** A value in a line of the log, whatever it is. */
function shown(part) {
  try {
    if (part instanceof Error) return trace(part);
    return typeof part === "object" ? json(part) : said(part);
  } catch {
    return Object.prototype.toString.call(part);
  }
}

function said(value) {
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** JSON, with words for what it has no form for. */
function json(value) {
  const within = []; // the objects around the value at hand
  return JSON.stringify(value, function (_, item) {
    while (within.length > 0 && within.at(-1) !== this) within.pop();
    if (item instanceof Error || typeof item === "bigint") return said(item);
    if (typeof item !== "object" || item === null) return item;
    if (within.includes(item)) return "[circular]";
    within.push(item);
    return item;
  });
}

export function log(level, message) {
  host.host.log(level, wellFormed(message));
}

export function count(name, delta = 1) {
  if (delta > 0) host.host.count(wellFormed(name), delta);
}

export function now() {
  return wanted("clock").now();
}

export function random(count) {
  return wanted("random").bytes(count);
}

/** An interface that the plugin says it wants. */
export function wanted(want) {
  if (!host[want]) throw new Error(`it asks for \`${want}\`, which its package.json does not name: "catchwater": {"wants": ["${want}"]}`);
  return host[want];
}
