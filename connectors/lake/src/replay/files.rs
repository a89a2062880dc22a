//! The files that are being read, in pieces of bounded size.
//!
//! Each partition reads its own rows of a file, several of them side by side. What they share is kept here: the open files
//! with their runs, a few streams that go on where the last piece ended, and a few pieces that hold rows of several
//! partitions. All three are bounded: what was let go is read again if it is needed again. (Invariant 9)

use std::collections::HashMap;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow::buffer::BooleanBuffer;
use catchwater_sdk::{Error, Partition, Result};

use super::board::Tally;
use super::rows::{part, select};
use super::runs::{Ranges, Run, Runs, Wanted, runs};
use super::selection::{Selection, Verdict, believable_time};
use crate::read::{DataFile, EventBatch, EventStream, LiveFile, Snapshot};
use crate::search::{Sieve, Sifted};
use crate::task::Task;

/// So many files stay open: each holds its footer.
const FILES_MAX: usize = 256;

/// So many streams stay open: each holds a decoded page of every column, and the piece that comes next.
const STREAMS_MAX: usize = 16;

/// So many bytes of pieces are kept for other partitions.
const KEPT_BYTES_MAX: usize = 24 << 20;

/// All pieces that partitions are at, together, take about so much, and those that are decoded ahead at most as much again;
/// each of them at least [`PIECE_BYTES_MIN`].
const PIECES_BYTES: usize = 48 << 20;
const PIECE_BYTES_MIN: usize = 64 << 10;
const PIECE_BYTES_MAX: usize = 4 << 20;

/// A piece reaches at least so far past the rows of its partition, so that short runs share one.
const PIECE_ROWS: u64 = 8192;

/// Some rows of a file, and which of them are to be sent. Rows that cannot be asked for were not read.
#[derive(Debug)]
pub(super) struct Piece {
    events: EventBatch,
    /// The rows of the file that it covers.
    rows: Range<u64>,
    pub(super) chosen: Vec<Chosen>,
}

/// An event that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    /// Its number among the events of the piece.
    event: u32,
    row: u64,
    /// See [`believable_time`].
    pub(super) micros: i64,
    /// A replay had sent it before: it is counted, and left out.
    pub(super) replayed: bool,
}

/// The files of a snapshot that can hold what is asked for.
pub(super) struct Files {
    snapshot: Arc<Snapshot>,
    files: Arc<[LiveFile]>,
    selection: Arc<Selection>,
    sieve: Sieve,
    ranges: Ranges,
    tally: Arc<Tally>,
    open: HashMap<usize, Open>,
    /// Those whose footer is held, the one opened last at the end.
    held: VecDeque<usize>,
    streams: VecDeque<Stream>,
    kept: VecDeque<(usize, Arc<Piece>)>,
    piece_bytes: usize,
}

struct Open {
    /// None if its place was needed for another.
    file: Option<DataFile>,
    /// The rows that may be asked for.
    may: BooleanBuffer,
    runs: Runs,
    /// How many partitions may still read it.
    readers: usize,
}

/// Goes on behind the piece that it gave last, whose successor is decoded meanwhile.
struct Stream {
    file: usize,
    next: u64,
    end: u64,
    ahead: Ahead,
}

/// A piece that is being decoded, on a thread of its own if one is free.
type Ahead = Task<Option<(Piece, EventStream)>>;

// === impl Piece ===

impl Piece {
    /// `left`: the rows that may be asked for, from the first of the piece to where its stream ends.
    fn new(events: EventBatch, left: Range<u64>, may: &BooleanBuffer, selection: &Selection) -> Piece {
        let part = part(&left, may);
        let mut numbers = part.set_indices().map(|row| left.start + row as u64);
        let chosen = |((number, event), row)| {
            let verdict = selection.judge(event);
            let replayed = verdict == Verdict::Replayed;
            (verdict != Verdict::Other).then(|| Chosen { event: number, row, micros: believable_time(event), replayed })
        };
        let chosen = (0..).zip(events.iter()).zip(numbers.by_ref()).filter_map(chosen).collect();
        Piece { rows: left.start..numbers.next().unwrap_or(left.end), chosen, events }
    }

    /// The record of a chosen event.
    pub(super) fn record(&self, chosen: usize) -> catchwater_sdk::RecordRef<'_> {
        self.events.batch().get(self.chosen[chosen].event as usize)
    }

    /// The first chosen event that stands at or behind a row.
    pub(super) fn first_from(&self, row: u64) -> usize {
        self.chosen.partition_point(|chosen| chosen.row < row)
    }

    /// The row of a chosen event.
    pub(super) fn row(&self, chosen: usize) -> u64 {
        self.chosen[chosen].row
    }

    /// Where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.rows.end
    }

    fn size_bytes(&self) -> usize {
        self.events.batch().size_bytes()
    }
}

/// Decodes the piece that begins with these rows; none where the file ends before.
fn decode(mut events: EventStream, left: Range<u64>, may: BooleanBuffer, selection: Arc<Selection>) -> Ahead {
    Task::begin("decode rows ahead", async move {
        let batch = events.next().await?.filter(|batch| !batch.is_empty());
        Ok(batch.map(|batch| (Piece::new(batch, left, &may, &selection), events)))
    })
}

// === impl Files ===

impl Files {
    /// `ranges` has each partition that will be read, with what is wanted of it.
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        files: Arc<[LiveFile]>,
        selection: Arc<Selection>,
        ranges: Ranges,
        tally: Arc<Tally>,
    ) -> Files {
        let partitions = ranges.len();
        Files {
            sieve: Sieve::new(selection.filter(), &snapshot),
            snapshot,
            files,
            selection,
            ranges,
            tally,
            open: HashMap::new(),
            held: VecDeque::new(),
            streams: VecDeque::new(),
            kept: VecDeque::new(),
            piece_bytes: (PIECES_BYTES / partitions.max(1)).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX),
        }
    }

    /// The runs of a partition in a file, which is opened for the first that asks. `readers`: how many will ask in all.
    pub(super) async fn runs(&mut self, file: usize, partition: &Partition, readers: usize) -> Result<Vec<Run>> {
        if !self.open.contains_key(&file) {
            let mut opened = self.snapshot.open(&self.files[file]).await?;
            let Sifted { may, groups } = self.sieve.rows(&mut opened).await?;
            self.count(&opened, &may, groups.len());
            let runs = runs(&mut opened, Some(Wanted { ranges: &self.ranges, may: &may, groups })).await?;
            self.open.insert(file, Open { file: None, may, runs, readers });
            self.hold(file, opened);
        }
        let open = self.open.get_mut(&file).expect("it was opened above");
        Ok(open.runs.remove(partition).unwrap_or_default())
    }

    /// What of a file need not be read.
    fn count(&self, file: &DataFile, may: &BooleanBuffer, groups: usize) {
        self.tally.groups.fetch_add(file.row_groups().len() as u64, Relaxed);
        self.tally.groups_ruled_out.fetch_add((file.row_groups().len() - groups) as u64, Relaxed);
        self.tally.rows.fetch_add(may.len() as u64, Relaxed);
        self.tally.rows_ruled_out.fetch_add((may.len() - may.count_set_bits()) as u64, Relaxed);
    }

    /// Keeps a file open, at the cost of another.
    fn hold(&mut self, file: usize, opened: DataFile) {
        self.held.push_back(file);
        if self.held.len() > FILES_MAX
            && let Some(oldest) = self.held.pop_front()
            && let Some(open) = self.open.get_mut(&oldest)
        {
            open.file = None;
        }
        if let Some(open) = self.open.get_mut(&file) {
            open.file = Some(opened);
        }
    }

    /// A partition needs nothing more of a file.
    pub(super) fn done(&mut self, file: usize) {
        let Some(open) = self.open.get_mut(&file) else { return };
        open.readers -= 1;
        if open.readers == 0 {
            self.open.remove(&file);
            self.held.retain(|held| *held != file);
            self.streams.retain(|stream| stream.file != file);
            self.kept.retain(|(of, _)| *of != file);
        }
    }

    /// The piece that holds a row of a run.
    pub(super) async fn piece(&mut self, file: usize, row: u64, run: &Run) -> Result<Arc<Piece>> {
        let holds = |(of, piece): &&(usize, Arc<Piece>)| *of == file && piece.rows.contains(&row);
        if let Some((_, piece)) = self.kept.iter().find(holds) {
            return Ok(Arc::clone(piece));
        }
        let goes_on = self.streams.iter().position(|stream| stream.file == file && stream.next == row);
        let Stream { end, ahead, .. } = match goes_on {
            Some(place) => self.streams.remove(place).expect("it was found"),
            None => self.stream(file, row, run).await?,
        };
        let decoded = ahead.done().await?;
        let (piece, events) =
            decoded.ok_or_else(|| Error::bug(format!("row {row} of {} is not there", self.files[file].path)))?;
        let (next, piece) = (piece.end(), Arc::new(piece));
        if next > run.rows.end {
            self.keep(file, &piece);
        }
        if next < end {
            let may = self.open.get(&file).expect("it is being read").may.clone();
            let ahead = decode(events, next..end, may, Arc::clone(&self.selection));
            self.streams.push_back(Stream { file, next, end, ahead });
            self.streams.drain(..self.streams.len().saturating_sub(STREAMS_MAX));
        }
        Ok(piece)
    }

    async fn stream(&mut self, file: usize, row: u64, run: &Run) -> Result<Stream> {
        if self.open.get(&file).is_none_or(|open| open.file.is_none()) {
            let opened = self.snapshot.open(&self.files[file]).await?;
            self.hold(file, opened);
        }
        let Open { file: opened, may, .. } = self.open.get_mut(&file).expect("it was opened for its runs");
        let opened = opened.as_mut().expect("it is held");
        let end = run.rows.end.max(row + PIECE_ROWS).min(opened.rows());
        let rows = select(opened.row_groups(), row..end, may);
        let events = opened.events_in_batches_of(rows, self.piece_bytes).await?;
        let ahead = decode(events, row..end, may.clone(), Arc::clone(&self.selection));
        Ok(Stream { file, next: row, end, ahead })
    }

    /// Others may have rows in it.
    fn keep(&mut self, file: usize, piece: &Arc<Piece>) {
        self.kept.push_back((file, Arc::clone(piece)));
        let mut bytes: usize = self.kept.iter().map(|(_, piece)| piece.size_bytes()).sum();
        while bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = self.kept.pop_front()
        {
            bytes -= oldest.size_bytes();
        }
    }
}
