//! Replay: a part of a collection, read back as the records it was made of.
//!
//! ```text
//!  Snapshot ─ prune ─▶ files ─ survey ─▶ which file can hold which part of which partition
//!      Lane, one a partition: opens files as it gets to them, merges their runs by position
//!      Merge: lanes by time, cut into portions that are due together (Pace)
//!      Reading: a task that reads ahead, into bounded room
//!      Replay: the source; waits for each portion's time
//! ```
//!
//! The engine's positions are the cursor: they are those that the records had in their own partitions, so that a resumed
//! replay does not care in which files the rows are by then. What else must stay as it was, ends and times, is kept beside
//! them until the replay is done (see `job`).

mod board;
mod config;
mod count;
mod files;
mod job;
mod lane;
mod ledger;
mod merge;
mod pace;
mod prune;
mod reading;
mod recount;
mod rows;
mod runs;
mod selection;
mod settle;
mod source;
mod survey;
mod view;

use std::sync::Arc;

use catchwater_sdk::{Context, Error, Registry};

pub use self::board::{Board, Tally};
pub use self::config::{Config, PositionRange};
pub use self::count::{Count, Sample, count, quick_count};
pub use self::job::{forget, is_interrupted};
pub use self::pace::{Rate, Rounds, Speed};

/// How payloads are understood by queries.
const FORMAT: &str = "json";

/// Makes the source known; `board` is told what each replay does.
pub(crate) fn register(registry: &mut Registry, board: Board) {
    let format = registry.find_format(FORMAT).map(Arc::clone);
    registry.source("replay", move |config: Config, context: &Context| {
        let format = format.clone().ok_or_else(|| Error::bug(format!("there is no format `{FORMAT}`")))?;
        Ok(Box::new(source::Replay::new(config, context, format, &board)?))
    });
}
