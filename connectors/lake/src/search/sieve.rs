//! What of a collection may match, for who reads the events without a search: files by the log, rows by their columns.

use arrow::array::{BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use catchwater_query::{Bounds, Query};
use catchwater_sdk::Result;

use super::effort::Meter;
use super::group::{Group, likely_events};
use super::locate::{Holds, Place};
use super::plan::{Filter, Plan};
use super::span::{Point, Spans};
use crate::read::{DataFile, EventBatch, LiveFile, Snapshot, Stats};

/// A filter, as far as it can be put without the records themselves.
#[derive(Debug)]
pub(crate) struct Sieve {
    plan: Plan,
    meter: Meter,
    /// Whether the plan asks for less than was asked for, so that nothing is certain.
    is_weaker: bool,
}

/// The rows of a file that may match.
#[derive(Clone, Debug)]
pub(crate) struct Sifted {
    /// By their numbers in the file.
    pub(crate) may: BooleanBuffer,
    /// The numbers of the row groups that hold any.
    pub(crate) groups: Vec<usize>,
}

impl Sieve {
    /// Without a log nobody knows in which columns the query's fields are: then only times rule out.
    pub(crate) fn new(filter: Filter, snapshot: &Snapshot) -> Sieve {
        let is_weaker = !snapshot.has_log();
        let filter = if is_weaker { Filter { query: Query::everything(), ..filter } } else { filter };
        Sieve { plan: Plan::new(filter, snapshot), meter: Meter::default(), is_weaker }
    }

    /// Whether events of a file may match, and whether all must, as far as the log tells.
    pub(crate) fn file(&self, file: &LiveFile) -> Bounds<bool> {
        let bounds = self.plan.file(file.stats().as_ref());
        Bounds { must: bounds.must && !self.is_weaker, ..bounds }
    }

    /// The events of some rows that the bytes of their payloads do not rule out.
    pub(crate) fn events(&self, rows: &RecordBatch, file: &DataFile) -> Result<EventBatch> {
        likely_events(&self.plan, rows, file).map(|(_, events)| events)
    }

    /// The envelope's columns that the query asks an event for.
    pub(crate) fn deciding_names(&self) -> Vec<&'static str> {
        self.plan.deciding_names()
    }

    /// Which rows of a file may match; only the columns that tell are read.
    pub(crate) async fn rows(&self, file: &mut DataFile) -> Result<Sifted> {
        let (mut may, mut groups) = (BooleanBufferBuilder::new(0), Vec::new());
        for number in 0..file.row_groups().len() {
            let rows = file.row_groups()[number].num_rows().unsigned_abs() as usize;
            let mut group = Group { file, number, plan: &self.plan, meter: &self.meter };
            match group.candidates(false).await? {
                Some(candidates) => {
                    may.append_buffer(&candidates.may);
                    groups.push(number);
                }
                None => may.append_n(rows, false),
            }
        }
        Ok(Sifted { may: may.finish(), groups })
    }
}

/// No event of a file has a later timestamp, nor came in later, as far as the log tells.
pub(crate) fn newest_of(file: &LiveFile) -> Option<i64> {
    let stats = file.stats()?;
    Some(greatest(&stats, "_timestamp")?.max(greatest(&stats, "_ingested_at")?))
}

/// None if it is not known; of no times at all, the least that there is.
fn greatest(stats: &Stats, name: &str) -> Option<i64> {
    let span = stats.span(&Place::column(name, Holds::Time));
    match span.max {
        Some(Point::Time(micros)) => Some(micros),
        _ => (span.nulls == Some(stats.rows)).then_some(i64::MIN),
    }
}
