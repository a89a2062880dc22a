//! Plugins: WASM components that run as transforms, held within limits. (Invariant 10)
//!
//! `file -> Plugin (compiled, described) -> Instance (memory, time, output, log bounded) -> edit, checked -> Output`
//!
//! The `wasm` transform is registered like any other connector. What a plugin answers is a claim: nothing of it is used
//! before all of it is checked. One that traps, runs too long or answers nonsense loses its instance; the host makes
//! another, finds the record to blame and goes on.
//!
//! Architecture Invariant: nothing of Catchwater but its SDK is imported here. A plugin gets no file, no network, no clock
//! and no randomness: what WASI functions a compiler's library asks for are there and trap.

mod aside;
mod bindings;
mod cache;
mod columns;
mod config;
mod edit;
mod fault;
mod instance;
mod journal;
mod machine;
mod plugin;
mod plugins;
#[cfg(test)]
mod tests;
mod transform;

pub use plugin::{Plugin, componentize};
pub use plugins::{Places, Plugins};

use std::sync::Arc;

use catchwater_sdk::{Context, Registry};

use crate::config::Config;
use crate::transform::Wasm;

/// Makes the `wasm` transform known. Plugins are looked for, and what was compiled is kept, in these places.
pub fn register(registry: &mut Registry, places: Places) {
    let plugins = Arc::new(Plugins::new(places));
    registry.transform("wasm", move |config: Config, context: &Context| {
        Ok(Box::new(Wasm::new(&plugins, config, context)?))
    });
}
