//! All partitions together: their events by time, each partition in its order, cut into batches that are due at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::{Batch, BatchBuilder, Field, FieldKind, Limit, Partition, RecordRef, Result};

use super::board::Tally;
use super::files::Files;
use super::lane::Lane;
use super::pace::Pace;
use super::selection::Selection;
use super::survey::{Atlas, Sheet};
use crate::read::{LiveFile, Snapshot};
use crate::rows::envelope::REPLAY_HEADER;

/// What is due within this time of each other goes together.
const WINDOW: Duration = Duration::from_millis(5);

/// Says where the original of a replayed record stands.
const STREAM_HEADER: &str = "catchwater-stream";
const PARTITION_HEADER: &str = "catchwater-partition";
const POSITION_HEADER: &str = "catchwater-position";

/// A partition that takes part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// As the lake has it.
    pub(super) partition: Arc<Partition>,
    /// As it is called in what is sent.
    pub(super) sent_as: Arc<Partition>,
    /// The positions that are asked for.
    pub(super) wanted: Range<i64>,
    /// Those of them that are read now.
    pub(super) range: Range<i64>,
    /// Those before this one were sent earlier: they count, and are not sent again.
    pub(super) sent_before: i64,
}

/// How what is read is handed on.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) pace: Pace,
    /// So many events, those sent earlier included.
    pub(super) limit: Option<u64>,
    /// The replay's name, if records are to carry it.
    pub(super) provenance: Option<Arc<str>>,
}

/// Records that are due together.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) batch: Batch,
    /// How long after the first.
    pub(super) due: Duration,
}

impl Part {
    /// The partition has grown to here.
    pub(super) fn end_at(&mut self, end: Option<&i64>) {
        self.range.end = end.map_or(self.range.end, |end| *end).min(self.wanted.end);
    }
}

/// All lanes of a snapshot, being read.
pub(super) struct Merge {
    files: Files,
    lanes: Vec<Lane>,
    parts: Vec<Part>,
    /// Lanes that have a next event, by its time.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    has_begun: bool,
    manner: Manner,
    left: u64,
    /// When the next event is due, once it was asked.
    next_due: Option<Duration>,
    /// The position that each lane's last batch said.
    said: Vec<i64>,
    tally: Arc<Tally>,
}

impl Merge {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        files: Arc<[LiveFile]>,
        atlas: &Atlas,
        parts: Vec<Part>,
        selection: Arc<Selection>,
        manner: Manner,
        tally: Arc<Tally>,
    ) -> Merge {
        let of_part = |part: &Part| -> Vec<Sheet> {
            let Range { start, end } = part.range;
            let sheets = atlas.get(&part.partition).filter(|_| start < end).into_iter().flatten();
            sheets.filter(|sheet| sheet.first < end && start < sheet.end).copied().collect()
        };
        let sheets_of: Vec<_> = parts.iter().map(of_part).collect();
        let mut readers: HashMap<usize, usize> = HashMap::new();
        sheets_of.iter().flatten().for_each(|sheet| *readers.entry(sheet.file).or_default() += 1);
        let lane = |(part, sheets): (&Part, Vec<Sheet>)| {
            let files = sheets.into_iter().map(|Sheet { first, file, .. }| (first, file, readers[&file])).collect();
            Lane::new(Arc::clone(&part.partition), part.range.clone(), files, !snapshot.has_log())
        };
        let lanes: Vec<Lane> = parts.iter().zip(sheets_of).map(lane).collect();
        let read = parts.iter().filter(|part| !part.range.is_empty());
        let ranges = read.map(|part| (Arc::clone(&part.partition), part.range.clone())).collect();
        Merge {
            files: Files::new(snapshot, files, selection, ranges, Arc::clone(&tally)),
            said: vec![i64::MIN; lanes.len()],
            lanes,
            parts,
            order: BinaryHeap::new(),
            has_begun: false,
            left: manner.limit.unwrap_or(u64::MAX),
            manner,
            next_due: None,
            tally,
        }
    }

    /// What comes next; none at the end.
    pub(super) async fn next(&mut self, limit: Limit) -> Result<Option<Portion>> {
        self.begin().await?;
        let mut batch = Filling { builder: BatchBuilder::new(limit), origins: vec![None; self.lanes.len()] };
        let mut due = None;
        while self.left > 0
            && !batch.builder.is_full()
            && let Some(number) = self.first()
        {
            if self.skips_sent(number).await? {
                continue;
            }
            let next_due = self.due(number);
            if next_due > *due.get_or_insert(next_due) + WINDOW {
                self.next_due = Some(next_due);
                break;
            }
            self.take_position(number, &mut batch).await?;
        }
        let moved = self.move_on(&mut batch);
        let portion = Portion { due: due.unwrap_or_default(), batch: batch.builder.finish() };
        Ok((moved || !portion.batch.is_empty()).then_some(portion))
    }

    /// At the end: what is left to do for what comes later.
    pub(super) fn finish(self) -> (Vec<Part>, Manner) {
        let go_on = |(mut part, lane): (Part, &Lane)| {
            if !part.range.is_empty() {
                part.range.start = lane.frontier();
            }
            part.sent_before = i64::MIN;
            part
        };
        let parts = self.parts.into_iter().zip(&self.lanes).map(go_on).collect();
        let limit = self.manner.limit.map(|_| self.left);
        (parts, Manner { limit, ..self.manner })
    }

    async fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            for number in 0..self.lanes.len() {
                self.advance(number).await?;
            }
        }
        Ok(())
    }

    fn first(&self) -> Option<usize> {
        self.order.peek().map(|Reverse((_, number))| *number)
    }

    /// Moves the first lane in the order to its next event.
    async fn advance_first(&mut self, number: usize) -> Result<()> {
        self.order.pop();
        self.advance(number).await
    }

    async fn advance(&mut self, number: usize) -> Result<()> {
        let lane = &mut self.lanes[number];
        lane.advance(&mut self.files, &self.tally).await?;
        if lane.head().is_some() {
            self.order.push(Reverse((lane.micros(), number)));
        }
        Ok(())
    }

    /// Counts an event that was sent before, and goes past it.
    async fn skips_sent(&mut self, number: usize) -> Result<bool> {
        let sent = self.lanes[number].head().is_some_and(|head| head.place.position < self.parts[number].sent_before);
        if sent {
            self.left -= 1;
            self.advance_first(number).await?;
        }
        Ok(sent)
    }

    fn due(&mut self, number: usize) -> Duration {
        if let Some(due) = self.next_due.take() {
            return due;
        }
        let lane = &self.lanes[number];
        let bytes = lane.head().map_or(0, |head| head.record().size_bytes());
        self.manner.pace.due(lane.micros(), bytes)
    }

    /// Takes all rows of a position: a batch, and so a cursor, never ends in the middle of one.
    async fn take_position(&mut self, number: usize, batch: &mut Filling) -> Result<()> {
        let mut position = None;
        let mut is_first = true;
        while self.left > 0
            && let Some(head) = self.lanes[number].head()
            && head.place.position == *position.get_or_insert(head.place.position)
        {
            if !std::mem::replace(&mut is_first, false) {
                let bytes = head.record().size_bytes();
                self.manner.pace.due(self.lanes[number].micros(), bytes);
            }
            let origin = batch.origin(number, &self.parts[number].sent_as);
            match &self.manner.provenance {
                None => batch.builder.push_copy(origin, head.record()),
                Some(replay) => push_with_provenance(&mut batch.builder, origin, head.record(), replay),
            }
            self.left -= 1;
            let lane = &mut self.lanes[number];
            lane.advance(&mut self.files, &self.tally).await?;
        }
        self.order.pop();
        let lane = &self.lanes[number];
        if lane.head().is_some() {
            self.order.push(Reverse((lane.micros(), number)));
        }
        Ok(())
    }

    /// Says how far each lane is, also past what is not asked for.
    fn move_on(&mut self, batch: &mut Filling) -> bool {
        let mut moved = false;
        for number in 0..self.lanes.len() {
            let (lane, said) = (&self.lanes[number], self.said[number]);
            let frontier = lane.frontier().max(self.parts[number].sent_before);
            if !lane.range.is_empty() && frontier > said && frontier != i64::MAX {
                let origin = batch.origin(number, &self.parts[number].sent_as);
                batch.builder.advance(origin, frontier);
                self.said[number] = frontier;
                moved = true;
            }
        }
        moved
    }
}

/// A batch being filled, with the number of each lane's partition in it.
struct Filling {
    builder: BatchBuilder,
    origins: Vec<Option<u32>>,
}

impl Filling {
    fn origin(&mut self, lane: usize, partition: &Arc<Partition>) -> u32 {
        *self.origins[lane].get_or_insert_with(|| self.builder.origin(partition))
    }
}

/// What an earlier replay said of itself gives way: only the last one counts.
fn push_with_provenance(batch: &mut BatchBuilder, origin: u32, record: RecordRef<'_>, replay: &str) {
    const OURS: [&str; 4] = [REPLAY_HEADER, STREAM_HEADER, PARTITION_HEADER, POSITION_HEADER];
    let partition = record.partition();
    let (number, position) = (partition.number.to_string(), record.position().to_string());
    let said = [
        Field::text(REPLAY_HEADER, replay),
        Field::text(STREAM_HEADER, &partition.stream),
        Field { kind: FieldKind::Int, ..Field::text(PARTITION_HEADER, &number) },
        Field { kind: FieldKind::Int, ..Field::text(POSITION_HEADER, &position) },
    ];
    let own = record.headers().filter(|header| !OURS.contains(&header.name));
    let headers: Vec<_> = own.chain(said).collect();
    let properties: Vec<_> = record.properties().collect();
    batch.push_captured(origin, record.position(), record.index(), record.with_fields(&headers, &properties));
}
