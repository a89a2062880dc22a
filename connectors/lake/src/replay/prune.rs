//! Which files can hold nothing that is asked for, as far as the table's log tells.

use arrow::array::RecordBatch;
use catchwater_sdk::Result;

use super::rows::select;
use super::selection::Selection;
use crate::read::{DataFile, EventBatch, EventStream, LiveFile, RowStream, Rows, Snapshot};
use crate::search::{ORIGIN_NAMES, Sieve, Sifted, TIME_NAMES, newest_of};

/// What the log says of the files of a snapshot.
pub(super) struct Prune {
    selection: Selection,
    sieve: Sieve,
}

impl Prune {
    pub(super) fn new(selection: &Selection, snapshot: &Snapshot) -> Prune {
        Prune { selection: selection.clone(), sieve: Sieve::new(selection.filter(), snapshot) }
    }

    /// Whether a file can hold an event that is asked for. Says yes in doubt.
    pub(super) fn can_hold(&self, file: &LiveFile) -> bool {
        let oldest = self.selection.oldest.as_ref();
        self.sieve.file(file).may && oldest.is_none_or(|oldest| newest(file) >= oldest.micros)
    }

    /// The events of a file that can be asked for.
    pub(super) async fn events(&self, mut file: DataFile) -> Result<EventStream> {
        let rows = self.rows(&mut file).await?;
        file.events(rows).await
    }

    /// Rows of a file that can be asked for, with no more than they are judged by, and where they came from if that is
    /// asked.
    pub(super) async fn judged(&self, file: &mut DataFile, with_origin: bool) -> Result<RowStream> {
        let rows = self.rows(file).await?;
        let mut names = self.sieve.deciding_names();
        names.push("_replay");
        names.extend(TIME_NAMES);
        names.extend(ORIGIN_NAMES.into_iter().filter(|_| with_origin));
        file.rows_of(rows, |path| names.contains(&&*path[0])).await
    }

    /// The events of such rows, without those that the bytes of their payloads rule out.
    pub(super) fn likely(&self, rows: &RecordBatch, file: &DataFile) -> Result<EventBatch> {
        self.sieve.events(rows, file)
    }

    async fn rows(&self, file: &mut DataFile) -> Result<Rows> {
        let Sifted { may, .. } = self.sieve.rows(file).await?;
        Ok(select(file.row_groups(), 0..may.len() as u64, &may))
    }

    /// What is asked for.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Whether each event of a file is asked for. Says no in doubt.
    pub(super) fn holds_only(&self, file: &LiveFile) -> bool {
        let no_replay = || file.stats().is_some_and(|stats| stats.column(&["_replay"]).nulls == Some(stats.rows));
        self.selection.oldest.is_none() && self.sieve.file(file).must && (self.selection.replayed || no_replay())
    }
}

/// The newest time that an event of the file can have for [`believable_time`](super::selection::believable_time).
pub(super) fn newest(file: &LiveFile) -> i64 {
    newest_of(file).unwrap_or(i64::MAX)
}
