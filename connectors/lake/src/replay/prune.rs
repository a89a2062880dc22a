//! Which files can hold nothing that is asked for, as far as the table's log tells.

use catchwater_sdk::Result;

use super::selection::Selection;
use crate::read::{DataFile, LiveFile, Snapshot};
use crate::search::{Sieve, Sifted, newest_of};

/// What the log says of the files of a snapshot.
pub(super) struct Prune<'a> {
    selection: &'a Selection,
    sieve: Sieve,
}

impl Prune<'_> {
    pub(super) fn new<'a>(selection: &'a Selection, snapshot: &Snapshot) -> Prune<'a> {
        Prune { selection, sieve: Sieve::new(selection.filter(), snapshot) }
    }

    /// Whether a file can hold an event that is asked for. Says yes in doubt.
    pub(super) fn can_hold(&self, file: &LiveFile) -> bool {
        let oldest = self.selection.oldest.as_ref();
        self.sieve.file(file).may && oldest.is_none_or(|oldest| newest(file) >= oldest.micros)
    }

    /// Which rows of a file can be asked for.
    pub(super) async fn rows(&self, file: &mut DataFile) -> Result<Sifted> {
        self.sieve.rows(file).await
    }

    /// What is asked for.
    pub(super) fn selection(&self) -> &Selection {
        self.selection
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
