//! Which connectors there are: one line of registration each, from which parsing, JSON Schema, documentation page,
//! listing and checks derive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::config::{Catalog, Mistake, Node, Role, schema_of};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::sink::BoxSink;
use crate::source::BoxSource;
use crate::transform::BoxTransform;

type Build<T> = Box<dyn Fn(&Node, &Context) -> Result<T, Mistake> + Send + Sync>;

/// The connectors that a binary knows.
#[derive(Default)]
pub struct Registry {
    sources: BTreeMap<&'static str, Entry<BoxSource>>,
    transforms: BTreeMap<&'static str, Entry<BoxTransform>>,
    sinks: BTreeMap<&'static str, Entry<BoxSink>>,
    formats: BTreeMap<&'static str, Arc<dyn Format>>,
}

struct Entry<T> {
    schema: serde_json::Value,
    build: Build<T>,
}

impl<T: 'static> Entry<T> {
    fn new<C: DeserializeOwned + JsonSchema>(
        build: impl Fn(C, &Context) -> Result<T> + Send + Sync + 'static,
    ) -> Entry<T> {
        let build = move |node: &Node, context: &Context| {
            let config = node.read::<C>()?;
            build(config, context).map_err(|error| Mistake::of_component(node, &error))
        };
        Entry { schema: schema_of::<C>(), build: Box::new(build) }
    }
}

impl Registry {
    /// One that knows nothing.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Makes a source known. `build` must touch nothing outside itself (Invariant 6).
    /// Its configuration's doc comments are the manual.
    pub fn source<C: DeserializeOwned + JsonSchema + 'static>(
        &mut self,
        name: &'static str,
        build: impl Fn(C, &Context) -> Result<BoxSource> + Send + Sync + 'static,
    ) {
        let before = self.sources.insert(name, Entry::new(build));
        assert!(before.is_none(), "two sources are called {name}");
    }

    /// Makes a transform known; as [`Registry::source`].
    pub fn transform<C: DeserializeOwned + JsonSchema + 'static>(
        &mut self,
        name: &'static str,
        build: impl Fn(C, &Context) -> Result<BoxTransform> + Send + Sync + 'static,
    ) {
        let before = self.transforms.insert(name, Entry::new(build));
        assert!(before.is_none(), "two transforms are called {name}");
    }

    /// Makes a sink known; as [`Registry::source`].
    pub fn sink<C: DeserializeOwned + JsonSchema + 'static>(
        &mut self,
        name: &'static str,
        build: impl Fn(C, &Context) -> Result<BoxSink> + Send + Sync + 'static,
    ) {
        let before = self.sinks.insert(name, Entry::new(build));
        assert!(before.is_none(), "two sinks are called {name}");
    }

    /// Makes a payload format known.
    pub fn format(&mut self, format: impl Format + 'static) {
        let before = self.formats.insert(format.name(), Arc::new(format));
        assert!(before.is_none(), "two formats have one name");
    }

    /// Builds a source out of its own keys.
    pub fn build_source(&self, name: &str, config: &Node, context: &Context) -> Result<BoxSource, Mistake> {
        build(&self.sources, Role::Source, name, config, context)
    }

    /// Builds a transform out of its own keys.
    pub fn build_transform(&self, name: &str, config: &Node, context: &Context) -> Result<BoxTransform, Mistake> {
        build(&self.transforms, Role::Transform, name, config, context)
    }

    /// Builds a sink out of its own keys.
    pub fn build_sink(&self, name: &str, config: &Node, context: &Context) -> Result<BoxSink, Mistake> {
        build(&self.sinks, Role::Sink, name, config, context)
    }

    /// A payload format by name.
    pub fn find_format(&self, name: &str) -> Option<&Arc<dyn Format>> {
        self.formats.get(name)
    }
}

fn build<T>(
    entries: &BTreeMap<&'static str, Entry<T>>,
    role: Role,
    name: &str,
    config: &Node,
    context: &Context,
) -> Result<T, Mistake> {
    let unknown = || Mistake::of_component(config, &Error::config(format!("there is no {role} `{name}`")));
    let entry = entries.get(name).ok_or_else(unknown)?;
    (entry.build)(config, context)
}

impl Catalog for Registry {
    fn schema(&self, role: Role, type_name: &str) -> Option<&serde_json::Value> {
        match role {
            Role::Source => self.sources.get(type_name).map(|entry| &entry.schema),
            Role::Transform => self.transforms.get(type_name).map(|entry| &entry.schema),
            Role::Sink => self.sinks.get(type_name).map(|entry| &entry.schema),
            Role::Format => None,
        }
    }

    fn names(&self, role: Role) -> Vec<&str> {
        match role {
            Role::Source => self.sources.keys().copied().collect(),
            Role::Transform => self.transforms.keys().copied().collect(),
            Role::Sink => self.sinks.keys().copied().collect(),
            Role::Format => self.formats.keys().copied().collect(),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |role| self.names(role);
        f.debug_struct("Registry")
            .field("sources", &names(Role::Source))
            .field("transforms", &names(Role::Transform))
            .field("sinks", &names(Role::Sink))
            .field("formats", &names(Role::Format))
            .finish()
    }
}
