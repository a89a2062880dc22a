//! Checkpoints: the sum of the log up to a version, as Parquet, so that nobody has to read all entries.
//!
//! We read of them what [`State`](super::state::State) keeps, and leave it to the `deltalake` crate to write them.

mod read;
mod write;

pub(super) use self::read::read;
pub(super) use self::write::Checkpoints;

/// A checkpoint is made each time the version passes a multiple of this.
pub(super) const INTERVAL: i64 = 100;
