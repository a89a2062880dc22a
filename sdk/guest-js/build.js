// Makes a component of a project: `node build.js PROJECT COMPONENT`, where node finds esbuild and componentize-qjs.

import { createRequire } from "node:module";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SDK = dirname(fileURLToPath(import.meta.url));
const KINDS = ["transform", "source", "sink"];
const WANTS = ["clock", "random", "state", "egress"];

/** Fails with what the author can do about it. */
class Complaint extends Error {}

/** The interface's version, where the host looks for it before it compiles anything: a section of the component. */
function interfaceSection() {
  const [name, version] = [Buffer.from("catchwater:interface"), Buffer.from("0.1.0")];
  return Buffer.concat([Buffer.from([0, 1 + name.length + version.length, name.length]), name, version]);
}

async function build(project, component, tools) {
  const about = await readManifest(project);
  const { kind, wants } = about.catchwater;
  const jsSource = await bundle(project, entry(project, about), tools("esbuild"));
  const wit = await mkdtemp(join(tmpdir(), "catchwater-plugin-"));
  try {
    await writeWorld(wit, kind, wants);
    const { componentize } = tools("componentize-qjs");
    const asked = { witPath: wit, world: "built", jsSource, sync: true, stubWasi: true };
    const made = await componentize(asked).catch((error) => {
      throw new Complaint(`no component can be made of it: ${reason(error)}`);
    });
    await writeFile(component, Buffer.concat([made.component, interfaceSection()]));
  } finally {
    await rm(wit, { recursive: true, force: true });
  }
}

/** What the author's module throws while it is loaded, without the words of those who loaded it. */
function reason(error) {
  const [first] = String(error?.message ?? error).split("\n");
  return first.replace(/^.*Failed to finish JavaScript module evaluation: /, "its module throws ");
}

/** The package.json, with what it says of the plugin filled in. */
async function readManifest(project) {
  const about = parsed(await readFile(join(project, "package.json"), "utf8"));
  const { kind = "transform", wants = [], main } = about.catchwater ?? {};
  if (!isText(about.name)) throw new Complaint(`package.json has no "name": the plugin is called so`);
  if (!Array.isArray(wants) || !wants.every(isText)) {
    throw new Complaint(`package.json: catchwater.wants is a list such as ["clock"], and not ${JSON.stringify(wants)}`);
  }
  if (!KINDS.includes(kind)) throw new Complaint(`package.json: catchwater.kind is one of ${KINDS.join(", ")}, and not ${kind}`);
  const unknown = wants.find((want) => !WANTS.includes(want));
  if (unknown) throw new Complaint(`package.json: catchwater.wants names ${unknown}, and there are ${WANTS.join(", ")}`);
  const found = main ?? ["plugin.ts", "plugin.js"].find((file) => existsSync(join(project, file)));
  if (!found) throw new Complaint("there is neither a plugin.ts nor a plugin.js");
  return { ...about, catchwater: { kind, wants, main: found } };
}

function parsed(text) {
  let about = null;
  try {
    about = JSON.parse(text);
  } catch (error) {
    throw new Complaint(`package.json is no JSON: ${error.message}`);
  }
  if (typeof about !== "object" || about === null) throw new Complaint("package.json is no object");
  return about;
}

function isText(value) {
  return typeof value === "string" && value !== "";
}

/** The module that the component is made of: the author's class, the host, and what joins them. */
function entry(project, { name, version, description, catchwater }) {
  const { kind, wants, main } = catchwater;
  const about = JSON.stringify({ name, version, description, catchwater: { kind, wants } });
  const imports = ["host", ...wants].map((name) => `import * as ${name} from "catchwater:plugin/${name}@0.1.0";\n`).join("");
  return `${imports}
    import { connect } from ${JSON.stringify(join(SDK, "host.js"))};
    import { exportsOf } from ${JSON.stringify(join(SDK, "exports.js"))};
    import Plugin from ${JSON.stringify(join(project, main))};
    connect({ ${["host", ...wants].join(", ")} });
    export const { lifecycle, ${kind} } = exportsOf(Plugin, ${about});`;
}

/** Everything in one module, TypeScript's types left out. */
async function bundle(project, entry, { build }) {
  const bundled = await build({
    stdin: { contents: entry, resolveDir: project },
    absWorkingDir: project,
    alias: { "catchwater-plugin": join(SDK, "plugin.js") },
    bundle: true,
    write: false,
    external: ["catchwater:*"],
    format: "esm",
    target: "es2023",
    logLevel: "warning",
  }).catch(() => {
    throw new Complaint("it does not bundle, see above; what it imports of npm is there after `npm install`");
  });
  return bundled.outputFiles[0].text;
}

/** A world with what the plugin wants and nothing else, so that nothing is imported that it does not say. */
async function writeWorld(wit, kind, wants) {
  await mkdir(join(wit, "deps"), { recursive: true });
  await cp(join(SDK, "..", "wit"), join(wit, "deps", "plugin"), { recursive: true });
  const imports = ["host", ...wants].map((name) => `import catchwater:plugin/${name}@0.1.0;`);
  const exports = ["lifecycle", kind].map((name) => `export catchwater:plugin/${name}@0.1.0;`);
  await writeFile(join(wit, "world.wit"), `package catchwater:built;\nworld built { ${[...imports, ...exports].join(" ")} }\n`);
}

const [project, component] = process.argv.slice(2);
try {
  await build(resolve(project), resolve(component), createRequire(join(process.cwd(), "tools.js")));
} catch (error) {
  if (!(error instanceof Complaint)) throw error;
  console.error(`${project}: ${error.message}`);
  process.exitCode = 1;
}
