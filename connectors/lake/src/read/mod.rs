//! Reading a lake: which collections there are, which files each has, and their rows as the records they were.
//!
//! ```text
//!  Lake ─ collection ─▶ Collection ─ snapshot ─▶ Snapshot: version, schema, positions, files (from the table's log)
//!                                                   │ open
//!                                                   ▼
//!                       DataFile: a Parquet file ─ events ─▶ EventBatch: records with their envelope
//! ```
//!
//! A snapshot stands still: what is committed later is in the next one. Files that the log removed are not in it, so that a
//! row counts once however often it was rewritten. What is read at a time is a row group, what is handed on a batch.

mod events;
mod file;
mod lake;
mod reader;
mod snapshot;
mod stats;
mod subject;

pub use self::events::{Event, EventBatch};
pub(crate) use self::file::RowStream;
pub use self::file::{DataFile, EventStream, Rows};
pub use self::lake::{Collection, Lake};
pub use self::snapshot::{LiveFile, Snapshot, StoredPosition};
pub use self::stats::{ColumnStats, Stats};
pub use crate::writer::{Covered, FileFooter};
