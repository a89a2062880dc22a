//! The newest events that match, held to so many as are wanted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::buffer::BooleanBuffer;
use catchwater_sdk::Result;

use super::effort::{Effort, Meter};
use super::group::{Candidates, chosen};
use super::plan::{Filter, Plan};
use super::run::{Look, Unit, run};
use crate::read::{Event, EventBatch, Snapshot};

/// How many events are read back together.
const READ_BACK: usize = 128;

/// How many candidates are decided at first; then twice as many each time.
const CANDIDATES_MIN: usize = 1024;

/// A row, in the order of results: the greatest is shown first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    time: i64,
    file: usize,
    group: usize,
    row: usize,
}

/// Finds the newest events that match: no more than `limit`, the newest first. Of events of the same time the one that was
/// stored last comes first.
pub async fn newest(snapshot: &Snapshot, filter: Filter, limit: usize) -> Result<Newest<'_>> {
    let meter = Arc::new(Meter::default());
    let look = Arc::new(Collect { limit, hits: Mutex::default() });
    if limit > 0 {
        let plan = Arc::new(Plan::new(filter, snapshot));
        run(snapshot, plan, Arc::clone(&meter), Arc::clone(&look)).await?;
    }
    let mut hits: Vec<Hit> = look.lock().drain().map(|Reverse(hit)| hit).collect();
    hits.sort_unstable();
    Ok(Newest { snapshot, hits, effort: meter.effort(snapshot.files().len()) })
}

/// The newest events that matched; read back as they are asked for.
#[derive(Debug)]
pub struct Newest<'a> {
    snapshot: &'a Snapshot,
    /// The next one is last.
    hits: Vec<Hit>,
    effort: Effort,
}

/// Some events in the order of a search.
#[derive(Debug)]
pub struct Found {
    batches: Vec<EventBatch>,
    order: Vec<(usize, usize)>,
}

// === impl Newest, Found ===

impl Newest<'_> {
    /// How many are still to come.
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// Whether none is to come.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// What it took to find them.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The next events; none after the last.
    pub async fn next(&mut self) -> Result<Option<Found>> {
        let from = self.hits.len().saturating_sub(READ_BACK);
        let hits: Vec<Hit> = self.hits.drain(from..).rev().collect();
        if hits.is_empty() {
            return Ok(None);
        }
        let mut groups: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for hit in &hits {
            groups.entry((hit.file, hit.group)).or_default().push(hit.row);
        }
        let mut batches = Vec::new();
        let mut places = BTreeMap::new();
        for ((file, group), rows) in groups {
            self.read_back(file, group, rows, &mut batches, &mut places).await?;
        }
        let order = hits.iter().map(|hit| places[&(hit.file, hit.group, hit.row)]).collect();
        Ok(Some(Found { batches, order }))
    }

    async fn read_back(
        &self,
        file: usize,
        group: usize,
        mut rows: Vec<usize>,
        batches: &mut Vec<EventBatch>,
        places: &mut BTreeMap<(usize, usize, usize), (usize, usize)>,
    ) -> Result<()> {
        rows.sort_unstable();
        let mut data = self.snapshot.open(&self.snapshot.files()[file]).await?;
        let len = data.row_groups()[group].num_rows().unsigned_abs() as usize;
        let mut wanted = rows.iter().copied().peekable();
        let mask = BooleanBuffer::collect_bool(len, |row| wanted.next_if_eq(&row).is_some());
        let mut stream = data.events(chosen(group, &mask)).await?;
        let mut rows = rows.into_iter();
        while let Some(batch) = stream.next().await? {
            for (i, row) in rows.by_ref().take(batch.len()).enumerate() {
                places.insert((file, group, row), (batches.len(), i));
            }
            batches.push(batch);
        }
        Ok(())
    }
}

impl Found {
    /// The events in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        self.order.iter().map(|(batch, row)| self.batches[*batch].get(*row))
    }
}

// === collecting ===

struct Collect {
    limit: usize,
    /// The least is on top.
    hits: Mutex<BinaryHeap<Reverse<Hit>>>,
}

impl Collect {
    fn lock(&self) -> std::sync::MutexGuard<'_, BinaryHeap<Reverse<Hit>>> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a further hit must beat; none while there is room.
    fn bar(&self) -> Option<Hit> {
        let hits = self.lock();
        (hits.len() >= self.limit).then(|| hits.peek().map(|Reverse(hit)| *hit)).flatten()
    }

    fn add(&self, found: impl Iterator<Item = Hit>) {
        let mut hits = self.lock();
        for hit in found {
            if hits.len() < self.limit {
                hits.push(Reverse(hit));
            } else if let Some(mut least) = hits.peek_mut()
                && least.0 < hit
            {
                *least = Reverse(hit);
            }
        }
    }

    /// Decides candidates, the newest first, until none can be among the newest any more.
    async fn decide(&self, unit: &mut Unit, candidates: &Candidates) -> Result<()> {
        let hit = |row: usize| Hit { time: candidates.times[row], file: unit.file_number, group: unit.group, row };
        let bar = self.bar();
        let beats = |hit: &Hit| bar.is_none_or(|bar| *hit > bar);
        let mut open: Vec<Hit> = candidates.may.set_indices().map(hit).filter(beats).collect();
        open.sort_unstable_by_key(|hit| Reverse(*hit));
        let (mut open, mut step) = (&open[..], CANDIDATES_MIN.max(2 * self.limit));
        while let Some(first) = open.first() {
            if self.bar().is_some_and(|bar| *first < bar) {
                break;
            }
            let (next, rest) = open.split_at(step.min(open.len()));
            let (sure, unsure): (Vec<Hit>, Vec<Hit>) = next.iter().partition(|hit| candidates.must.value(hit.row));
            self.add(sure.into_iter());
            if !unsure.is_empty() {
                let mask = mask(candidates.may.len(), &unsure);
                let matched = unit.group().decide(&mask).await?;
                self.add(unsure.into_iter().filter(|hit| matched.value(hit.row)));
            }
            (open, step) = (rest, step.saturating_mul(2));
        }
        Ok(())
    }
}

fn mask(rows: usize, hits: &[Hit]) -> BooleanBuffer {
    let mut set = vec![false; rows];
    hits.iter().for_each(|hit| set[hit.row] = true);
    BooleanBuffer::from(set)
}

impl Look for Collect {
    fn wants(&self, newest: Option<i64>) -> bool {
        let beaten = |newest: i64| self.bar().is_some_and(|bar| newest < bar.time);
        !newest.is_some_and(beaten)
    }

    fn takes_whole(&self, _rows: u64) -> bool {
        false
    }

    async fn look(&self, mut unit: Unit) -> Result<()> {
        let before = unit.file.bytes_read();
        if let Some(candidates) = unit.group().candidates(true).await? {
            self.decide(&mut unit, &candidates).await?;
        }
        unit.meter.bytes(unit.file.bytes_read() - before);
        Ok(())
    }
}
