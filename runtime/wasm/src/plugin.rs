//! A plugin as a file holds it: compiled, its imports and exports checked, described.

use std::fmt;
use std::sync::{Arc, Mutex};

use catchwater_sdk::Error;
use catchwater_sdk::config::Role;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wit_component::ComponentEncoder;

use crate::bindings::types::FailureKind;
use crate::bindings::{clock, egress, host, lifecycle, random, state, types};
use crate::config::Bounds;
use crate::description::Description;
use crate::exports::{Places, interface_of, role_of};
use crate::fault::Fault;
use crate::instance::{Instance, State};
use crate::journal::{Journal, plain};
use crate::outside::Outside;
use crate::wants::Wants;

/// A plugin that can be run as often as one likes.
pub struct Plugin {
    name: String,
    digest: String,
    role: Role,
    prepared: InstancePre<State>,
    places: Places,
    description: Description,
    wants: Wants,
    imports: Vec<String>,
    bytes: u64,
}

/// What every plugin of this version may import; the others it wants. [`Wants`] knows those.
const KNOWN: [&str; 2] = ["catchwater:plugin/types@0.1.0", "catchwater:plugin/host@0.1.0"];
/// The keys of hash maps, the same each time: a replay repeats itself.
const SEED: (u64, u64) = (0x6361_7463_6877_6174, 0x6572_2d70_6c75_6769);

// === impl Plugin ===

impl Plugin {
    /// Makes a compiled component ready. If nobody kept what it says that it is, it is asked, and may take so much for the answer;
    /// an error says what is wrong with it.
    pub(crate) fn new(
        name: &str,
        digest: &str,
        component: &Component,
        bytes: u64,
        kept: Option<Description>,
        when_asked: Bounds,
    ) -> Result<Plugin, String> {
        let engine = component.engine();
        let ty = component.component_type();
        let imports: Vec<_> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<_> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let role = role_of(&exports)?;
        check_imports(&imports)?;
        let unlinked = |error| format!("cannot be linked: {error:#}");
        let prepared = prepare(component, &imports).map_err(unlinked)?;
        let places = Places::new(&prepared, role).map_err(unlinked)?;
        let (is_kept, description) = (kept.is_some(), kept.unwrap_or_default());
        let (name, digest, wants) = (name.to_owned(), digest.to_owned(), Wants::default());
        let mut plugin = Plugin { name, digest, role, prepared, places, description, wants, imports, bytes };
        if !is_kept {
            let described = plugin.describe(when_asked);
            plugin.description = described.map_err(|fault| format!("does not describe itself: {fault}"))?.into();
        }
        plugin.wants = Wants::read(&plugin.description.wants, &plugin.imports)?;
        if role != Role::Transform && plugin.state_version() > 0 {
            return Err(format!("has a state of its own, which nobody would keep: a {role} has none"));
        }
        Ok(plugin)
    }

    /// Asks an instance that is made for it and dropped behind it.
    fn describe(&self, bounds: Bounds) -> Result<lifecycle::Description, Fault> {
        Instance::new(self, bounds, Arc::new(Mutex::new(Journal::silent())), Outside::default())?.describe()
    }

    /// What it said of itself, as what the engine does about it.
    pub(crate) fn failure(&self, failure: &types::Failure) -> Error {
        let text = format!("plugin {}: {}", self.name, plain(&failure.message));
        match failure.kind {
            FailureKind::Config => Error::config(text).at_key("config"),
            FailureKind::Unavailable => Error::unavailable(text),
            FailureKind::Refused => Error::refused(text),
            FailureKind::Data => Error::data(text),
        }
    }

    /// What it does in a pipeline.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What it wants beyond log and counters, such as `egress`.
    pub fn wants(&self) -> &[String] {
        &self.description.wants
    }

    pub(crate) fn needs(&self) -> Wants {
        self.wants
    }

    /// The name that it was asked for under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of its file, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A number for what stands in its file.
    pub(crate) fn contents(&self) -> u64 {
        u64::from_str_radix(&self.digest[..16], 16).expect("a digest is hexadecimal digits")
    }

    /// How many bytes its file has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it calls itself, and its version.
    pub fn title(&self) -> (&str, &str) {
        (&self.description.name, &self.description.version)
    }

    /// What it says of itself, to be kept.
    pub(crate) fn description(&self) -> &Description {
        &self.description
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
        interface_of(self.role)
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.prepared.engine()
    }

    pub(crate) fn prepared(&self) -> (&InstancePre<State>, &Places) {
        (&self.prepared, &self.places)
    }

    /// The compiled code, to be kept.
    pub(crate) fn component(&self) -> &Component {
        self.prepared.component()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

fn check_imports(imports: &[String]) -> Result<(), String> {
    let is_known = |name: &str| KNOWN.contains(&name) || Wants::of_import(name).is_some() || name.starts_with("wasi:");
    match imports.iter().find(|name| !is_known(name)) {
        Some(name) => {
            let wanted = Wants::imports().join(", ");
            Err(format!("imports `{name}`, which there is not: a plugin may import {}, {wanted}", KNOWN.join(", ")))
        }
        None => Ok(()),
    }
}

/// Links what it imports. What a compiler's library wants of WASI is there and traps, but for the keys of hash maps.
fn prepare(component: &Component, imports: &[String]) -> wasmtime::Result<InstancePre<State>> {
    let mut linker = Linker::<State>::new(component.engine());
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    state::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    egress::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    for name in imports.iter().filter(|name| name.starts_with("wasi:random/insecure-seed@")) {
        let function = if name.contains("@0.2.") { "insecure-seed" } else { "get-insecure-seed" };
        linker.instance(name)?.func_wrap(function, |_, (): ()| Ok((SEED,)))?;
    }
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate_pre(component)
}

/// The digest of a file's bytes.
pub fn digest(bytes: &[u8]) -> String {
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
