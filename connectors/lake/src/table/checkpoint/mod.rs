//! Checkpoints: the sum of the log up to a version, as Parquet, so that nobody has to read all entries.

mod actions;
mod encode;
mod read;
mod write;

#[cfg(test)]
pub(super) use self::actions::Actions;
pub(super) use self::read::read;
pub(super) use self::write::Checkpoints;

/// A checkpoint is made each time the version passes a multiple of this.
pub(super) const INTERVAL: i64 = 100;
