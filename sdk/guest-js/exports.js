// From the calls of the interface to the author's class.

import { Arrivals } from "./arrivals.js";
import { Batch } from "./batch.js";
import { bytesOf, exact } from "./columns.js";
import { Failure, Mistake, said, trace } from "./failure.js";
import { log } from "./host.js";
import { Output } from "./output.js";
import { Rejects } from "./rejects.js";
import { examine, read } from "./schema.js";
import { wellFormed } from "./text.js";

const NOTHING = { type: "object", additionalProperties: false };
/** What is called and has to be done when the call is over, beside what a kind must have. */
const OTHERS = ["snapshot", "close"];
const LATER = ["AsyncFunction", "GeneratorFunction", "AsyncGeneratorFunction"];
const METHODS = { transform: ["process"], source: ["partitions", "start", "read"], sink: ["write", "flush"] };

/** What the component exports. `about` is its package.json. */
export function exportsOf(Plugin, about) {
  const { kind = "transform", wants = [] } = about.catchwater ?? {};
  const schema = Plugin.schema ?? NOTHING;
  let plugin = null;

  const lifecycle = {
    describe() {
      explain(() => {
        examineClass(Plugin, kind);
        examine(schema);
      });
      return {
        name: wellFormed(about.name),
        version: wellFormed(about.version ?? "0.0.0"),
        summary: wellFormed(about.description ?? ""),
        configSchema: JSON.stringify(schema),
        stateVersion: Plugin.stateVersion ?? 0,
        wants,
        attributes: [],
      };
    },

    validate(config) {
      return explain(() => configured(Plugin, schema, config).mistakes.map(issue));
    },

    open({ config, state, ...opening }) {
      typed("config", () => {
        const { mistakes, config: read } = configured(Plugin, schema, config);
        if (mistakes.length > 0) throw new Failure.Config(mistakes.map((mistake) => mistake.where).join("; "));
        plugin = new Plugin(read, { ...opening, state: state ? Uint8Array.from(state) : null });
      });
    },

    snapshot() {
      return typed("refused", () => bytesOf(done("snapshot", plugin?.snapshot?.())) ?? new Uint8Array());
    },

    close() {
      const closing = plugin;
      plugin = null;
      explain(() => done("close", closing?.close?.()));
    },
  };

  const transform = {
    process(columns) {
      return typed("data", () => {
        const batch = new Batch(columns);
        const out = new Output(batch);
        done("process", plugin.process(batch, out));
        return out.finish();
      });
    },
  };

  const source = {
    partitions() {
      return typed(null, () =>
        done("partitions", plugin.partitions()).map(beginning),
      );
    },

    start(places) {
      typed(null, () => places.forEach(({ partition, position }) => done("start", plugin.start(partition, position))));
    },

    read(recordsMax, bytesMax) {
      return typed(null, () => {
        const arrivals = new Arrivals(recordsMax, bytesMax);
        const next = done("read", plugin.read(arrivals));
        if (!["now", "wait", "end"].includes(next?.tag)) fail("read answers Next.NOW, Next.wait(milliseconds) or Next.END");
        return { arrivals: arrivals.finish(), next };
      });
    },
  };

  const rejecting = (work) =>
    typed(null, () => {
      const rejects = new Rejects();
      work(rejects);
      return rejects.finish();
    });

  const sink = {
    write: (columns) => rejecting((rejects) => done("write", plugin.write(new Batch(columns), rejects))),
    flush: () => rejecting((rejects) => done("flush", plugin.flush(rejects))),
  };

  return { lifecycle, ...{ transform: { transform }, source: { source }, sink: { sink } }[kind] };
}

/** Refuses a class whose methods would not be called, or whose work would not be done when they are. */
function examineClass(Plugin, kind) {
  const methods = Plugin.prototype ?? {};
  const missing = METHODS[kind].find((method) => typeof methods[method] !== "function");
  const wanted = `a ${kind} is a class with ${METHODS[kind].join(", ")}, the module's default export`;
  if (missing) fail(`${wanted}: ${missing} is missing`);
  const later = [...METHODS[kind], ...OTHERS].find((method) => isLater(methods[method])) ?? (isLater(Plugin.check) && "check");
  if (later) fail(synchronous(later));
  if (!Number.isInteger(Plugin.stateVersion ?? 0) || Plugin.stateVersion < 0) fail("stateVersion is a whole number from 0");
  if (typeof methods.snapshot !== "function" || Plugin.stateVersion > 0) return;
  if (kind !== "transform") fail(`snapshot is for transforms: nobody would keep the state of a ${kind}`);
  fail("snapshot is never called without a version of what it gives: `static stateVersion = 1`");
}

function isLater(method) {
  return LATER.includes(method?.constructor?.name);
}

/** What a method answers, if its work is done. Nobody would wait for a promise, or hear that it was rejected: records would be lost. */
function done(method, answer) {
  if (typeof answer?.then === "function") throw new Failure.Refused(synchronous(method));
  return answer;
}

function synchronous(method) {
  return `${method} is async or a generator; the interface is synchronous: a plain method whose work is done when it returns`;
}

function issue({ key, message }) {
  return { key: wellFormed(key), message: wellFormed(message) };
}

function beginning({ beginsAt, number, ...names }) {
  const partition = { number };
  for (const name of ["source", "stream", "incarnation"]) {
    if (typeof names[name] !== "string") fail(`a partition's ${name} is text, and not ${typeof names[name]}`);
    partition[name] = wellFormed(names[name]);
  }
  return { partition, position: exact(beginsAt, "beginsAt") };
}

/** The configuration as the class gets it, or the mistakes in it. */
function configured(Plugin, schema, text) {
  const { config, mistakes = [] } = read(schema, JSON.parse(text));
  if (mistakes.length > 0) return { mistakes };
  try {
    done("check", Plugin.check?.(config));
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { mistakes: [error] };
  }
  return { config, mistakes };
}

/**
 * Does the work; a Failure is what the host hears. Any other error is one of this kind, or ends the instance where there is none:
 * half of the work may be done, and a new instance begins where the last one was.
 */
function typed(kind, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Mistake) throw { kind: "config", message: wellFormed(error.where) };
    if (error instanceof Failure) throw { kind: error.kind, message: wellFormed(error.message) };
    if (!kind) lose(error);
    log("debug", trace(error));
    throw { kind, message: said(error) };
  }
}

/** Does the work; the host would not hear what an error says that ends the instance. */
function explain(work) {
  try {
    return work();
  } catch (error) {
    return lose(error);
  }
}

function lose(error) {
  log("debug", trace(error));
  log("error", said(error));
  throw error;
}

function fail(message) {
  throw new Error(message);
}
