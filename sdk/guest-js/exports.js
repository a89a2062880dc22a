// From the calls of the interface to the author's class.

import { Arrivals } from "./arrivals.js";
import { Batch } from "./batch.js";
import { bytesOf } from "./columns.js";
import { Failure, Mistake } from "./failure.js";
import { log } from "./host.js";
import { Output } from "./output.js";
import { Rejects } from "./rejects.js";
import { examine, read } from "./schema.js";

const NOTHING = { type: "object", additionalProperties: false };
const METHODS = { transform: ["process"], source: ["partitions", "start", "read"], sink: ["write", "flush"] };

/** What the component exports. `about` is its package.json. */
export function exportsOf(Plugin, about) {
  const { kind = "transform", wants = [] } = about.catchwater ?? {};
  const schema = Plugin.schema ?? NOTHING;
  let plugin = null;

  const lifecycle = {
    describe() {
      const missing = METHODS[kind].find((method) => typeof Plugin.prototype?.[method] !== "function");
      if (missing) explain(() => fail(`a ${kind} is a class with ${METHODS[kind].join(", ")}, the module's default export: ${missing} is missing`));
      explain(() => examine(schema));
      return {
        name: about.name,
        version: about.version ?? "0.0.0",
        summary: about.description ?? "",
        configSchema: JSON.stringify(schema),
        stateVersion: Plugin.stateVersion ?? 0,
        wants,
        attributes: [],
      };
    },

    validate(config) {
      return explain(() => configured(Plugin, schema, config).mistakes.map(({ key, message }) => ({ key, message })));
    },

    open({ config, state, ...opening }) {
      typed("config", () => {
        const { mistakes, config: read } = configured(Plugin, schema, config);
        if (mistakes.length > 0) throw new Failure.Config(mistakes.map((mistake) => mistake.where).join("; "));
        plugin = new Plugin(read, { ...opening, state: state ? Uint8Array.from(state) : null });
      });
    },

    snapshot() {
      return typed("refused", () => bytesOf(plugin?.snapshot?.()) ?? new Uint8Array());
    },

    close() {
      const closing = plugin;
      plugin = null;
      explain(() => closing?.close?.());
    },
  };

  const transform = {
    process(columns) {
      return typed("data", () => {
        const batch = new Batch(columns);
        const out = new Output(batch);
        plugin.process(batch, out);
        return out.finish();
      });
    },
  };

  const source = {
    partitions() {
      return typed(null, () =>
        plugin.partitions().map(({ beginsAt, ...partition }) => ({ partition, position: beginsAt })),
      );
    },

    start(places) {
      typed(null, () => places.forEach(({ partition, position }) => plugin.start(partition, position)));
    },

    read(recordsMax, bytesMax) {
      return typed(null, () => {
        const arrivals = new Arrivals(recordsMax, bytesMax);
        const next = plugin.read(arrivals);
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
    write: (columns) => rejecting((rejects) => plugin.write(new Batch(columns), rejects)),
    flush: () => rejecting((rejects) => plugin.flush(rejects)),
  };

  return { lifecycle, ...{ transform: { transform }, source: { source }, sink: { sink } }[kind] };
}

/** The configuration as the class gets it, or the mistakes in it. */
function configured(Plugin, schema, text) {
  const { config, mistakes = [] } = read(schema, JSON.parse(text));
  if (mistakes.length > 0) return { mistakes };
  try {
    Plugin.check?.(config);
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
    if (error instanceof Mistake) throw { kind: "config", message: error.where };
    if (error instanceof Failure) throw { kind: error.kind, message: error.message };
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

function said(error) {
  return String(error).replace(/\s*\n\s*/g, " ");
}

function trace(error) {
  return `${said(error)} ${String(error?.stack ?? "").replace(/\s*\n\s*/g, " ")}`;
}

function fail(message) {
  throw new Error(message);
}
