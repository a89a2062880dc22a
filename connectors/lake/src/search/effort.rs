//! How much a search had to look at.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a search looked at, and what it could leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// The files of the snapshot.
    pub files: u64,
    /// Files of which more than the log was read.
    pub files_read: u64,
    /// Row groups of those files.
    pub groups: u64,
    /// Row groups of which columns were read.
    pub groups_read: u64,
    /// Rows of those row groups.
    pub rows_read: u64,
    /// Rows that nothing ruled out before their payload was read.
    pub payloads_read: u64,
    /// Rows whose payload was decoded.
    pub payloads_decoded: u64,
    /// Bytes that were read of data files.
    pub bytes_read: u64,
}

/// Counts while several groups are looked at.
#[derive(Debug, Default)]
pub(super) struct Meter {
    files_read: AtomicU64,
    groups: AtomicU64,
    groups_read: AtomicU64,
    rows_read: AtomicU64,
    payloads_read: AtomicU64,
    payloads_decoded: AtomicU64,
    bytes_read: AtomicU64,
}

impl Meter {
    pub(super) fn opened(&self, groups: usize, bytes: u64) {
        add(&self.files_read, 1);
        add(&self.groups, groups as u64);
        add(&self.bytes_read, bytes);
    }

    pub(super) fn group_read(&self, rows: usize) {
        add(&self.groups_read, 1);
        add(&self.rows_read, rows as u64);
    }

    pub(super) fn payloads(&self, read: usize, decoded: usize) {
        add(&self.payloads_read, read as u64);
        add(&self.payloads_decoded, decoded as u64);
    }

    pub(super) fn bytes(&self, bytes: u64) {
        add(&self.bytes_read, bytes);
    }

    /// What was counted, for a snapshot of so many files.
    pub(super) fn effort(&self, files: usize) -> Effort {
        let [files_read, groups, groups_read, rows_read, payloads_read, payloads_decoded, bytes_read] = [
            &self.files_read,
            &self.groups,
            &self.groups_read,
            &self.rows_read,
            &self.payloads_read,
            &self.payloads_decoded,
            &self.bytes_read,
        ]
        .map(|count| count.load(Ordering::Relaxed));
        let files = files as u64;
        Effort { files, files_read, groups, groups_read, rows_read, payloads_read, payloads_decoded, bytes_read }
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}
