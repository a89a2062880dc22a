//! The names under which connectors are classes.

use catchwater_sdk::config::{Catalog, Role};

use super::flat::Flat;

/// A class of connectors: what a sink or source of one type is called in `connector.class`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) role: Role,
    pub(crate) type_name: String,
}

/// What all classes are called behind their type.
const CONNECTOR: &str = "Connector";
/// All of them are of the binary's own version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

// === impl Class ===

impl Class {
    pub(crate) fn new(role: Role, type_name: &str) -> Class {
        Class { role, type_name: type_name.to_owned() }
    }

    /// All there are, by name.
    pub(crate) fn all(catalog: &dyn Catalog) -> Vec<Class> {
        let of = |role| catalog.names(role).into_iter().map(move |name| Class::new(role, name));
        let mut all: Vec<_> = of(Role::Sink).chain(of(Role::Source)).collect();
        all.sort_by_key(Class::name);
        all
    }

    /// The class that a configuration names: `LakeSinkConnector`, `LakeSink` or `lake`. Where a type is both, as `file` is,
    /// `is_source` decides.
    pub(crate) fn find(name: &str, is_source: bool, catalog: &dyn Catalog) -> Option<Class> {
        let fitting = |class: &Class| {
            let full = class.name();
            name == full || Some(name) == full.strip_suffix(CONNECTOR) || name == class.type_name
        };
        let mut fitting: Vec<_> = Class::all(catalog).into_iter().filter(fitting).collect();
        fitting.sort_by_key(|class| (class.role == Role::Source) != is_source);
        fitting.into_iter().next()
    }

    /// The class that a configuration asks for; else the name that nothing has, or none.
    pub(crate) fn of(flat: &Flat, catalog: &dyn Catalog) -> Result<Class, Option<String>> {
        let name = flat.get("connector.class").filter(|name| !name.is_empty()).ok_or(None)?;
        let reads_topics = flat.get("topics").or(flat.get("topics.regex")).is_some();
        let is_source = flat.get("topic").is_some() && !reads_topics;
        Class::find(name, is_source, catalog).ok_or_else(|| Some(name.to_owned()))
    }

    /// As it is listed.
    pub(crate) fn name(&self) -> String {
        let mut letters = self.type_name.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let role = if self.role == Role::Source { "Source" } else { "Sink" };
        format!("{first}{}{role}{CONNECTOR}", letters.as_str())
    }

    /// `sink` or `source`.
    pub(crate) fn kind(&self) -> &'static str {
        if self.role == Role::Source { "source" } else { "sink" }
    }
}
