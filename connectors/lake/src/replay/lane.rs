//! One partition: its rows in order, out of all files that hold some of them.
//!
//! Files are opened when the partition gets to the first position that they can hold. Runs that overlap are merged by place;
//! a place that comes twice, since two captures or a rewrite stored it twice, is sent once. Where no log tells which of two
//! files counts, a place may hold two records: then both are sent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_sdk::{Partition, RecordRef, Result};
use twox_hash::XxHash3_64;

use super::board::Tally;
use super::files::{Files, Piece};
use super::runs::Run;
use super::selection::Place;

/// A partition being read.
pub(super) struct Lane {
    pub(super) partition: Arc<Partition>,
    /// The positions that are read.
    pub(super) range: Range<i64>,
    /// Files not opened yet, the next one last, each with the first position that it can hold and how many lanes read it.
    files: Vec<(i64, usize, usize)>,
    cursors: Vec<Option<Cursor>>,
    /// Runs by the place of the next row; whether that is known, or only that none is before it.
    order: BinaryHeap<Reverse<(Place, bool, usize)>>,
    head: Option<Head>,
    /// The newest time so far: what is older goes with it.
    micros: i64,
    last: Option<Place>,
    /// What was handed out of the place at hand, where rows of one place may differ. Else none are compared.
    contents: Option<Vec<u64>>,
}

/// Where a run is at.
struct Cursor {
    file: usize,
    run: Run,
    piece: Option<Arc<Piece>>,
    /// Which of the piece's chosen events is next.
    next: usize,
}

/// The next event of a lane.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) place: Place,
    cursor: usize,
    piece: Arc<Piece>,
    chosen: usize,
}

impl Head {
    pub(super) fn record(&self) -> RecordRef<'_> {
        self.piece.record(self.chosen)
    }
}

// === impl Lane ===

impl Lane {
    /// `files`, which can all hold something of the range, in order of the first position that each can hold.
    /// `may_differ`: whether rows of one place may hold several records, so that only equal ones are left out.
    pub(super) fn new(
        partition: Arc<Partition>,
        range: Range<i64>,
        files: Vec<(i64, usize, usize)>,
        may_differ: bool,
    ) -> Lane {
        Lane {
            partition,
            range,
            files: files.into_iter().rev().collect(),
            cursors: Vec::new(),
            order: BinaryHeap::new(),
            head: None,
            micros: i64::MIN,
            last: None,
            contents: may_differ.then(Vec::new),
        }
    }

    /// The next event, once [`Lane::advance`] has found it.
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The time of the next event, or of the newest before it.
    pub(super) fn micros(&self) -> i64 {
        self.micros
    }

    /// Everything before this position was handed out, or is not asked for.
    pub(super) fn frontier(&self) -> i64 {
        self.head.as_ref().map_or(self.range.end, |head| head.place.position)
    }

    /// Finds the next event.
    pub(super) async fn advance(&mut self, files: &mut Files, tally: &Tally) -> Result<()> {
        if let Some(head) = self.head.take() {
            self.last = Some(head.place);
            self.step(head.cursor, files).await?;
        }
        while let Some((place, is_known, number)) = self.next_run(files).await? {
            if !is_known {
                self.seek(number, files).await?;
                continue;
            }
            let cursor = self.cursors[number].as_ref().expect("a run in the order is being read");
            let (piece, next) = (Arc::clone(cursor.piece.as_ref().expect("a known place is in a piece")), cursor.next);
            let chosen = piece.chosen[next];
            if self.is_doubled(place, piece.record(next), tally) {
                tally.doubled.fetch_add(1, Relaxed);
            } else if chosen.replayed {
                tally.replayed.fetch_add(1, Relaxed);
                self.last = Some(place);
            } else {
                self.micros = self.micros.max(chosen.micros);
                self.head = Some(Head { place, cursor: number, chosen: next, piece });
                return Ok(());
            }
            self.step(number, files).await?;
        }
        Ok(())
    }

    /// Whether the record was handed out before.
    fn is_doubled(&mut self, place: Place, record: RecordRef<'_>, tally: &Tally) -> bool {
        let is_again = self.last == Some(place);
        let Some(contents) = &mut self.contents else { return is_again };
        if !is_again {
            contents.clear();
        }
        let content = content(record);
        if contents.contains(&content) {
            return true;
        }
        contents.push(content);
        tally.differing.fetch_add(u64::from(is_again), Relaxed);
        false
    }

    /// The run with the least place, after every file that could hold a lesser one was opened.
    async fn next_run(&mut self, files: &mut Files) -> Result<Option<(Place, bool, usize)>> {
        while let Some((first, file, readers)) = self.files.last().copied()
            && self.order.peek().is_none_or(|Reverse((place, ..))| first <= place.position)
        {
            self.files.pop();
            self.open(file, readers, files).await?;
        }
        Ok(self.order.pop().map(|Reverse(next)| next))
    }

    async fn open(&mut self, file: usize, readers: usize, files: &mut Files) -> Result<()> {
        let runs = files.runs(file, &self.partition, readers).await?;
        if runs.is_empty() {
            files.done(file);
        }
        for run in runs {
            self.order.push(Reverse((run.first, false, self.cursors.len())));
            self.cursors.push(Some(Cursor { file, run, piece: None, next: 0 }));
        }
        Ok(())
    }

    /// Goes to the next chosen event of a run.
    async fn step(&mut self, number: usize, files: &mut Files) -> Result<()> {
        let cursor = self.cursors[number].as_mut().expect("it was at a place");
        cursor.next += 1;
        self.seek(number, files).await
    }

    /// Puts a run into the order at its next chosen event, or ends it.
    async fn seek(&mut self, number: usize, files: &mut Files) -> Result<()> {
        loop {
            let cursor = self.cursors[number].as_mut().expect("a run is sought until it ends");
            let Cursor { file, run, piece, next } = cursor;
            let Some(at) = piece else {
                let (loaded, from) = (files.piece(*file, run.rows.start, run).await?, run.rows.start);
                (*next, *piece) = (loaded.first_from(from), Some(loaded));
                continue;
            };
            match at.chosen.get(*next) {
                Some(_) if at.row(*next) < run.rows.end => {
                    let record = at.record(*next);
                    let place = Place { position: record.position(), index: record.index() };
                    self.order.push(Reverse((place, true, number)));
                    return Ok(());
                }
                _ if at.end() < run.rows.end => {
                    let row = at.end();
                    let loaded = files.piece(*file, row, run).await?;
                    (*next, *piece) = (loaded.first_from(row), Some(loaded));
                }
                _ => {
                    self.close(number, files);
                    return Ok(());
                }
            }
        }
    }

    fn close(&mut self, number: usize, files: &mut Files) {
        let Some(cursor) = self.cursors[number].take() else { return };
        let file = cursor.file;
        if !self.cursors.iter().flatten().any(|other| other.file == file) {
            files.done(file);
        }
        while let Some(None) = self.cursors.last() {
            self.cursors.pop();
        }
    }
}

/// A number by which records are told apart: their key and payload.
fn content(record: RecordRef<'_>) -> u64 {
    let of = |bytes: Option<&[u8]>| bytes.map_or(1, XxHash3_64::oneshot);
    of(record.key()).rotate_left(1) ^ of(record.payload())
}
