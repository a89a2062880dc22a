//! What a plugin says of itself. The same file says the same each time: it has no clock, no chance and no network to say it by.

use serde::{Deserialize, Serialize};

use crate::bindings::lifecycle;

/// It is kept beside the compiled code: an interpreter takes longer to say it than to be started.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// What it calls itself.
    pub(crate) name: String,
    pub(crate) version: String,
    /// What it does.
    pub(crate) summary: String,
    /// The JSON Schema of its configuration.
    pub(crate) config_schema: String,
    /// The version of its state; 0 where it has none.
    pub(crate) state_version: u32,
    /// What it wants beyond log and counters.
    pub(crate) wants: Vec<String>,
}

// === impl Description ===

impl From<lifecycle::Description> for Description {
    fn from(said: lifecycle::Description) -> Description {
        let lifecycle::Description { name, version, summary, config_schema, state_version, wants, attributes: _ } =
            said;
        Description { name, version, summary, config_schema, state_version, wants }
    }
}
