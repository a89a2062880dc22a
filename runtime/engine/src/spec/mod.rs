//! What was asked for: pipelines as their files describe them, checked as far as that goes without building anything.
//!
//! `files -> trees -> walk(schema) -> Pipeline`. One [schema](pipeline_schema) is composed out of the schemas of all
//! connectors; the walker checks trees against it, and [editors](editor_schema) get the same one. So whoever writes a
//! connector says each thing once, in its configuration struct.
//!
//! Architecture Invariant: nothing in here contacts or changes anything (Invariant 6). It reads the files it is given and
//! those that `${file:...}` names.

mod component;
mod destination;
mod editor;
mod load;
mod mistakes;
mod pipeline;
mod render;
mod routes;
mod schema;
mod secrets;
mod settings;
mod traps;
mod trial;
mod walker;

pub use catchwater_sdk::nearest;
pub use component::{Component, OnError, Place, When};
pub use destination::Destination;
pub use editor::editor_schema;
pub use load::{
    Documents, SETTINGS, is_settings, is_yaml, load, load_beside, load_documents, load_tested, load_texts, load_with,
    outline, pipelines_in,
};
pub use mistakes::{Located, Mistakes, SourceFile};
pub use pipeline::{Pipeline, Sink};
pub(crate) use routes::ROUTER;
pub use routes::Unmatched;
pub use schema::pipeline_schema;
pub use settings::{Retry, Settings};
pub use trial::{Content, Expected, Given, Named, Rejection, Trial, Trials};

#[cfg(test)]
mod tests;
