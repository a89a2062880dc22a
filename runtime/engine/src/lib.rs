//! The engine: from what was asked to what runs.
//!
//! [`spec`] reads files, [`plan`] proves that what they ask for can be built, [`diff`] says what must change, [`topology`]
//! runs it, a task for each copy of a pipeline. Starting is a diff from nothing.

mod backoff;
mod blueprint;
mod claims;
pub mod data_dir;
pub mod dead_letters;
pub mod diff;
pub mod docs;
pub mod offsets;
pub mod plan;
mod positions_file;
pub mod spec;
mod states;
pub mod status;
pub mod steps;
mod task;
pub mod topology;
pub mod trial;

/// Positions that a data folder keeps for sources that have no other place.
pub mod positions {
    pub use crate::positions_file::{are_kept, forget};
}
