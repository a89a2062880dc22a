//! The lake: records become rows of Delta tables, exactly once.
//!
//! ```text
//!  write ──▶ Rows: envelope builders + Shredder (infers columns), in arrival order, per collection
//!  Cut ────▶ Staged: arrays, one bucket per date, sorted by stream, partition, position
//!            ──▶ Encoder: Parquet, one file open at a time ──▶ Store: put if absent, synced
//!            ──▶ Committer, shared by the tasks of the process ──▶ Table: one commit of files + positions
//! ```
//!
//! The positions of a barrier are in the same commit as the rows before it, and the commit holds only if the table still
//! has the positions that this task started from. So a crash repeats nothing, a zombie is fenced by whoever came after it,
//! and there is no lease. What is held between two `Cut`s is in memory alone, as a source that can be read again gives it again;
//! for one that cannot it is in the hot log too (module `hot_log`).
//!
//! A column never changes its type (see module `shred`). Two writers that widen a schema at the same time both get their
//! columns; the one that comes second with another type for the same column shreds its rows again, from the payloads.

pub mod care;
mod collection;
mod committer;
mod config;
mod heavy;
mod hot_log;
mod names;
pub mod read;
pub mod replay;
mod rows;
mod salvage;
pub mod search;
mod shred;
mod sink;
mod staged;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use catchwater_sdk::{Context, Registry};

use self::config::Config;
pub use self::hot_log::{Forgotten, forgotten as forgotten_hot_logs};

/// Makes the lake known. Tasks that are built from one registry share a committer for each table.
pub fn register(registry: &mut Registry) {
    register_with(registry, replay::Board::default());
}

/// The same; `board` is told what each replay does.
pub fn register_with(registry: &mut Registry, board: replay::Board) {
    replay::register(registry, board);
    let committers = Arc::new(committer::Committers::default());
    registry.sink("lake", move |config: Config, context: &Context| {
        let sink = sink::LakeSink::new(config, context, Arc::clone(&committers))?;
        Ok(Box::new(sink))
    });
}
