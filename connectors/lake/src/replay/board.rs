//! What the replays of a process have done so far, for whoever shows it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The tallies of replays by the names of their pipelines. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Arc<Tally>>>>);

/// What a replay sent, what it left out and why, and how much there was to read.
#[derive(Debug, Default)]
pub struct Tally {
    /// Events that were handed on in their time, since this process began.
    pub sent: AtomicU64,
    /// Those of them that are durable where they went, as far as that was told; to a tenth of a second.
    pub confirmed: AtomicU64,
    /// Left out since a replay had sent them before.
    pub replayed: AtomicU64,
    /// Left out since the same row was there before: a capture or a rewrite that stored it twice.
    pub doubled: AtomicU64,
    /// Sent although a row of the same identity was: its contents are other ones. Only files without a log hold such.
    pub differing: AtomicU64,
    /// Files of the collection.
    pub files: AtomicU64,
    /// Files that were left out, since others replace them: only where files are read without a log.
    pub files_replaced: AtomicU64,
    /// How much of what files without a log say is damaged or not proven.
    pub unproven: AtomicU64,
    /// Files that were not read, since nothing in them can match.
    pub files_ruled_out: AtomicU64,
    /// Row groups of files that were looked at.
    pub groups: AtomicU64,
    /// Row groups of which nothing but statistics was read, since nothing in them can match.
    pub groups_ruled_out: AtomicU64,
    /// Rows of files that were looked at.
    pub rows: AtomicU64,
    /// Rows of which no payload was read, since they cannot match.
    pub rows_ruled_out: AtomicU64,
    /// By how much a record was later than it was due, at most, in milliseconds.
    pub late_ms: AtomicU64,
    span: Mutex<Option<Span>>,
}

/// From the first portion to the last.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: Instant,
    last: Instant,
    /// Records before the last portion: those that took the time in between.
    before_last: u64,
}

// === impl Board, Tally ===

impl Board {
    /// The tally of a replay.
    pub fn tally(&self, name: &str) -> Arc<Tally> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tallies.entry(name.to_owned()).or_default())
    }
}

impl Tally {
    /// Records were handed on.
    pub(super) fn passed(&self, records: u64, due: Option<Instant>) {
        if records == 0 {
            return;
        }
        let now = Instant::now();
        let before = self.sent.fetch_add(records, Relaxed);
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        let first = span.map_or(now, |span| span.first);
        *span = Some(Span { first, last: now, before_last: before });
        let late = due.map_or(0, |due| now.saturating_duration_since(due).as_millis() as u64);
        self.late_ms.fetch_max(late, Relaxed);
    }

    /// How many seconds passed between the first record and the last; none as long as there are no two.
    pub fn seconds(&self) -> Option<f64> {
        let span = (*self.span.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some((span.last - span.first).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    }

    /// How many records passed by second.
    pub fn by_second(&self) -> Option<f64> {
        let seconds = self.seconds()?;
        let span = (*self.span.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(span.before_last as f64 / seconds)
    }
}
