//! Looking after a lake: what is there, and whether it is whole.
//!
//! | | reads |
//! |---|---|
//! | [`overview`] | the log of every collection |
//! | [`Info::read`] | the log of one, and its schema history |
//! | [`gaps`] | the log of one, and the footer of every file |
//! | [`verify`] | all of it: every entry, every page of every file |
//!
//! Architecture Invariant: nothing in here changes anything. What is damaged is named with the way out; what nobody counts
//! is left where it is, because a file that looks left over may be part of a commit that is under way.

mod info;
mod overview;
mod verify;

pub use self::info::{Change, Day, Info, PartitionPosition, SMALL_FILE_BYTES};
pub use self::overview::{Overview, files, overview};
pub(crate) use self::verify::Findings;
pub use self::verify::{Finding, Level, Progress, Verification, first_damage, gaps, verify};
pub use crate::shred::Described;

use catchwater_sdk::Partition;

/// A partition as messages name it: only as much as is needed to find it.
fn shown(capture: &str, partition: &Partition) -> String {
    format!("{partition} of {} as {capture} read it", partition.source)
}
