//! What the walker asks of whoever knows the connectors.

use std::fmt;

use serde_json::Value;

/// What a component does in a pipeline; a type name is unique within its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads records from another system.
    Source,
    /// Turns records into records.
    Transform,
    /// Stores records in another system.
    Sink,
    /// Decodes payloads.
    Format,
}

impl Role {
    /// The word used in messages and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Transform => "transform",
            Role::Sink => "sink",
            Role::Format => "format",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The connectors there are, and the JSON Schema of each one's own keys (see [`schema_of`](super::schema_of)).
pub trait Catalog {
    /// The schema of the keys that belong to this connector; `None` when there is no such type.
    fn schema(&self, role: Role, type_name: &str) -> Option<&Value>;
    /// The type names of a role, sorted.
    fn names(&self, role: Role) -> Vec<&str>;
}
