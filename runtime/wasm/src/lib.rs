//! Plugins: WASM components that run as sources, transforms and sinks, held within limits. (Invariant 10)
//!
//! `file -> Plugin (compiled, described) -> Instance (memory, time, output, log bounded) -> answer, checked`
//!
//! `wasm` is registered as a source, a transform and a sink, like any other connector. What a plugin answers is a claim:
//! nothing of it is used before all of it is checked. One that traps, runs too long or answers nonsense loses its instance;
//! the host makes another, finds the record to blame where one is, and goes on. It keeps what the next instance needs: a
//! transform's state, a source's positions, and what a sink took and has not flushed.
//!
//! Architecture Invariant: nothing of Catchwater but its SDK is imported here. A plugin gets no file, and no clock, chance
//! or network but what it wants and its pipeline grants: what WASI functions a compiler's library asks for are there and
//! trap. A transform gets no network at all.

mod apart;
mod arrivals;
mod aside;
mod bindings;
mod cache;
mod ceiling;
mod columns;
mod compile;
mod config;
mod description;
mod edit;
mod egress;
mod exports;
mod fault;
mod footprint;
mod grants;
mod instance;
mod journal;
mod kept;
mod keyed;
mod machine;
mod outside;
mod plugin;
mod plugins;
mod rejections;
mod sink;
mod source;
mod step;
#[cfg(test)]
mod tests;
mod transform;
mod trial;
mod trim;
mod wants;
mod warm;

pub use ceiling::Ceiling;
pub use compile::worker;
pub use plugin::{Plugin, componentize, digest};
pub use plugins::{Places, Plugins};

use std::sync::Arc;

use catchwater_sdk::source::simple;
use catchwater_sdk::{Context, Registry};

use crate::config::{SinkConfig, SourceConfig, TransformConfig};
use crate::sink::WasmSink;
use crate::source::WasmSource;
use crate::transform::Wasm;

/// Makes `wasm` known as a source, a transform and a sink that these plugins can be.
pub fn register(registry: &mut Registry, plugins: &Arc<Plugins>) {
    let [for_sources, for_transforms, for_sinks] = [(); 3].map(|()| Arc::clone(plugins));
    registry.source("wasm", move |SourceConfig(config): SourceConfig, context: &Context| {
        Ok(simple::source(WasmSource::new(&for_sources, config, context)?))
    });
    registry.transform("wasm", move |TransformConfig(config): TransformConfig, context: &Context| {
        Ok(Box::new(Wasm::new(&for_transforms, config, context)?))
    });
    registry.sink("wasm", move |SinkConfig(config): SinkConfig, context: &Context| {
        Ok(Box::new(WasmSink::new(&for_sinks, config, context)?))
    });
}
