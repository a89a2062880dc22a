//! A source and a sink in memory, with everything that can go wrong on request.
//!
//! What would be a broker or a table is a handle that outlives the source or sink over it, as the real one outlives a
//! crash: a [`MemoryLog`] is read by its sources, a [`MemoryStore`] is filled by its sinks.

mod faults;
mod log;
mod opaque;
mod store;

pub use faults::{Call, Faults};
pub use log::MemoryLog;
pub use opaque::Opaque;
pub use store::{MemoryStore, Stored};

use crate::source::SourceTraits;

/// What a sink is told of a source that can be read again, and of which nothing more is to be known.
pub fn upstream() -> SourceTraits {
    SourceTraits {
        capture: Some("conformance".into()),
        rereadable: true,
        keeps_positions: false,
        shareable: false,
        unacknowledged_max: None,
        commit_within: None,
        may_return: false,
    }
}

#[cfg(test)]
mod tests;
