//! A plugin as a file holds it: compiled, its imports and exports checked, described.

use std::fmt;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};
use wit_component::ComponentEncoder;

use crate::bindings::{TransformPluginPre, host, lifecycle, types};
use crate::config::Bounds;
use crate::fault::Fault;
use crate::instance::{Instance, State};
use crate::journal::{Journal, plain};

/// A plugin that can be run as often as one likes.
pub struct Plugin {
    name: String,
    digest: String,
    prepared: TransformPluginPre<State>,
    description: lifecycle::Description,
    imports: Vec<String>,
    bytes: usize,
}

/// The interface that a transform exports; its version is the plugin's.
const TRANSFORM: &str = "catchwater:plugin/transform@0.1.0";
/// What a plugin of this version may import.
const KNOWN: [&str; 2] = ["catchwater:plugin/types@0.1.0", "catchwater:plugin/host@0.1.0"];
/// The keys of hash maps, the same each time: a replay repeats itself.
const SEED: (u64, u64) = (0x6361_7463_6877_6174, 0x6572_2d70_6c75_6769);

// === impl Plugin ===

impl Plugin {
    /// Makes a compiled component ready; an error says what is wrong with it.
    pub(crate) fn new(name: &str, digest: &str, component: &Component, bytes: usize) -> Result<Plugin, String> {
        let engine = component.engine();
        let ty = component.component_type();
        let imports: Vec<_> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<_> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        check_exports(&exports)?;
        check_imports(&imports)?;
        let prepared = prepare(component, &imports).map_err(|error| format!("cannot be linked: {error:#}"))?;
        let undescribed = lifecycle::Description {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            config_schema: String::new(),
            state_version: 0,
            wants: Vec::new(),
            attributes: Vec::new(),
        };
        let (name, digest) = (name.to_owned(), digest.to_owned());
        let mut plugin = Plugin { name, digest, prepared, description: undescribed, imports, bytes };
        plugin.description =
            plugin.ask(Instance::describe).map_err(|fault| format!("does not describe itself: {fault}"))?;
        refuse_wants(&plugin.description.wants)?;
        Ok(plugin)
    }

    /// Asks an instance that is made for it and dropped behind it.
    pub(crate) fn ask<R>(&self, question: impl FnOnce(&mut Instance) -> Result<R, Fault>) -> Result<R, Fault> {
        let mut instance = Instance::new(self, Bounds::default(), Arc::new(Mutex::new(Journal::silent())))?;
        question(&mut instance)
    }

    /// The name that it was asked for under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of its file, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How many bytes its file has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it calls itself, and its version.
    pub fn title(&self) -> (&str, &str) {
        (&self.description.name, &self.description.version)
    }

    /// What it says that it does.
    pub fn summary(&self) -> &str {
        &self.description.summary
    }

    /// The JSON Schema of its configuration.
    pub fn config_schema(&self) -> &str {
        &self.description.config_schema
    }

    /// The version of its state; 0 where it has none.
    pub fn state_version(&self) -> u32 {
        self.description.state_version
    }

    /// What it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The interface that it speaks.
    pub fn interface(&self) -> &'static str {
        TRANSFORM
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.prepared.engine()
    }

    pub(crate) fn prepared(&self) -> &TransformPluginPre<State> {
        &self.prepared
    }

    /// The compiled code, to be kept.
    pub(crate) fn component(&self) -> &Component {
        self.prepared.instance_pre().component()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Exactly one version is spoken here; a plugin of another says which.
fn check_exports(exports: &[String]) -> Result<(), String> {
    if exports.iter().any(|export| export == TRANSFORM) {
        return Ok(());
    }
    match exports.iter().find(|export| export.starts_with("catchwater:plugin/")) {
        Some(other) => Err(format!("speaks `{other}`, and this Catchwater `{TRANSFORM}`")),
        None => Err(format!("is no plugin: it does not export `{TRANSFORM}`")),
    }
}

fn check_imports(imports: &[String]) -> Result<(), String> {
    let unknown = imports.iter().find(|name| !KNOWN.contains(&name.as_str()) && !name.starts_with("wasi:"));
    match unknown {
        Some(name) => Err(format!("imports `{name}`, which there is not: a plugin may import {}", KNOWN.join(" and "))),
        None => Ok(()),
    }
}

fn refuse_wants(wants: &[String]) -> Result<(), String> {
    match wants.first() {
        Some(want) => {
            Err(format!("wants `{}`, and nothing but log and counters is granted by this Catchwater", plain(want)))
        }
        None => Ok(()),
    }
}

/// Links what it imports. What a compiler's library wants of WASI is there and traps, but for the keys of hash maps.
fn prepare(component: &Component, imports: &[String]) -> wasmtime::Result<TransformPluginPre<State>> {
    let mut linker = Linker::<State>::new(component.engine());
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    for name in imports.iter().filter(|name| name.starts_with("wasi:random/insecure-seed@")) {
        let function = if name.contains("@0.2.") { "insecure-seed" } else { "get-insecure-seed" };
        linker.instance(name)?.func_wrap(function, |_, (): ()| Ok((SEED,)))?;
    }
    linker.define_unknown_imports_as_traps(component)?;
    TransformPluginPre::new(linker.instantiate_pre(component)?)
}

/// The digest of a file's bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The component in a file: as it is, or made out of the core module that a compiler wrote with the plugin's types in it.
pub fn componentize(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    if !bytes.starts_with(b"\0asm") {
        return Err("is no WASM file".into());
    }
    if !bytes.starts_with(CORE_MODULE) {
        return Ok(bytes);
    }
    let encoded = ComponentEncoder::default().module(&bytes).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| format!("is a module that no component can be made of: {error:#}"))
}
