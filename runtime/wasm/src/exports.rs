//! What a plugin exports: the lifecycle, and what it does in a pipeline.

use catchwater_sdk::config::Role;
use wasmparser::{Parser, Payload};
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Result};

use crate::bindings::{lifecycle, sink, source, transform};
use crate::instance::State;
use crate::journal::plain;

/// The section in which a plugin's SDK says the version of the interface that it speaks.
const SECTION: &str = "catchwater:interface";
const VERSION: &str = "0.1.0";
/// The interfaces of which a plugin exports one; their version is the plugin's.
const INTERFACES: [(Role, &str); 3] = [
    (Role::Transform, "catchwater:plugin/transform@0.1.0"),
    (Role::Source, "catchwater:plugin/source@0.1.0"),
    (Role::Sink, "catchwater:plugin/sink@0.1.0"),
];

/// Where in a component the functions are.
pub(crate) struct Places {
    lifecycle: lifecycle::GuestIndices,
    work: WorkPlaces,
}

enum WorkPlaces {
    Transform(transform::GuestIndices),
    Source(source::GuestIndices),
    Sink(sink::GuestIndices),
}

/// The functions of an instance.
pub(crate) struct Exports {
    pub(crate) lifecycle: lifecycle::Guest,
    pub(crate) work: Work,
}

/// See [`Exports`].
pub(crate) enum Work {
    Transform(transform::Guest),
    Source(source::Guest),
    Sink(sink::Guest),
}

// === impl Places ===

impl Places {
    pub(crate) fn new(prepared: &InstancePre<State>, role: Role) -> Result<Places> {
        let work = match role {
            Role::Source => WorkPlaces::Source(source::GuestIndices::new(prepared)?),
            Role::Sink => WorkPlaces::Sink(sink::GuestIndices::new(prepared)?),
            _ => WorkPlaces::Transform(transform::GuestIndices::new(prepared)?),
        };
        Ok(Places { lifecycle: lifecycle::GuestIndices::new(prepared)?, work })
    }

    pub(crate) fn load(&self, mut store: impl AsContextMut, instance: &Instance) -> Result<Exports> {
        let work = match &self.work {
            WorkPlaces::Transform(places) => Work::Transform(places.load(&mut store, instance)?),
            WorkPlaces::Source(places) => Work::Source(places.load(&mut store, instance)?),
            WorkPlaces::Sink(places) => Work::Sink(places.load(&mut store, instance)?),
        };
        Ok(Exports { lifecycle: self.lifecycle.load(&mut store, instance)?, work })
    }
}

/// Refuses a plugin of a version that is not spoken here, before anything is compiled. One that was made without an SDK says
/// it by its exports alone.
pub(crate) fn check_version(component: &[u8]) -> Result<(), String> {
    // What is wrong with a file, the compiler says.
    let mut payloads = Parser::new(0).parse_all(component).map_while(|payload| payload.ok());
    let said = payloads.find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    match said.map(String::from_utf8_lossy) {
        Some(version) if version != VERSION => Err(format!(
            "speaks version {} of the interface `catchwater:plugin`, and this Catchwater speaks {VERSION}",
            plain(&version)
        )),
        _ => Ok(()),
    }
}

/// What a plugin with these exports does. Exactly one version is spoken here; a plugin of another says which.
pub(crate) fn role_of(exports: &[String]) -> Result<Role, String> {
    let found = INTERFACES.iter().find(|(_, interface)| exports.iter().any(|export| export == interface));
    if let Some((role, _)) = found {
        return Ok(*role);
    }
    let spoken = INTERFACES.map(|(_, interface)| format!("`{interface}`")).join(", ");
    match exports.iter().find(|export| export.starts_with("catchwater:plugin/")) {
        Some(other) => Err(format!("speaks `{other}`, and this Catchwater {spoken}")),
        None => Err(format!("is no plugin: it exports none of {spoken}")),
    }
}

/// The interface that plugins of this role export.
pub(crate) fn interface_of(role: Role) -> &'static str {
    INTERFACES.iter().find(|(known, _)| *known == role).map_or("", |(_, interface)| interface)
}
