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

#[cfg(test)]
mod tests;
