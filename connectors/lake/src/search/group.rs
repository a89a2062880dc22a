//! One row group: its columns tell which rows may match, its payloads which do.

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use catchwater_query::Bounds;
use catchwater_sdk::Result;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::RowSelection;

use super::bitmap::{Columns, times};
use super::effort::Meter;
use super::evidence::{Blooms, Statistics, bloom_key};
use super::locate::{Holds, Place, Step};
use super::plan::Plan;
use super::span::Spans;
use crate::read::{DataFile, EventBatch, Rows};

/// The rows of a group that may match.
pub(super) struct Candidates {
    /// All that match are among them.
    pub(super) may: BooleanBuffer,
    /// These match.
    pub(super) must: BooleanBuffer,
    /// The time of each row, if that was asked for; rows without one have the least.
    pub(super) times: Vec<i64>,
}

/// A row group that is looked at.
pub(super) struct Group<'a> {
    pub(super) file: &'a mut DataFile,
    pub(super) number: usize,
    pub(super) plan: &'a Plan,
    pub(super) meter: &'a Meter,
}

impl Group<'_> {
    fn rows(&self) -> usize {
        self.file.row_groups()[self.number].num_rows().unsigned_abs() as usize
    }

    /// The rows that nothing short of their payload rules out; none if it is the whole group.
    pub(super) async fn candidates(&mut self, with_times: bool) -> Result<Option<Candidates>> {
        let mut bounds = self.bounds(&Blooms::new());
        if bounds.may && !bounds.must {
            let blooms = self.blooms().await?;
            if !blooms.is_empty() {
                bounds = self.bounds(&blooms);
            }
        }
        if !bounds.may {
            return Ok(None);
        }
        self.meter.group_read(self.rows());
        let candidates = self.read_columns(bounds, with_times).await?;
        Ok((candidates.may.count_set_bits() > 0).then_some(candidates))
    }

    fn bounds(&self, blooms: &Blooms) -> Bounds<bool> {
        Statistics::new(self.plan, &self.file.row_groups()[self.number], blooms).bounds()
    }

    /// The bloom filters that may rule the group out.
    async fn blooms(&mut self) -> Result<Blooms> {
        let mut blooms = Blooms::new();
        for place in self.plan.equal_places() {
            let Some(key) = bloom_key(place).filter(|key| !blooms.contains_key(key)) else { continue };
            let chunks = self.file.row_groups()[self.number].columns().iter();
            let Some(column) = chunks.into_iter().position(|chunk| place.includes(chunk.column_path().parts())) else {
                continue;
            };
            if let Some(bloom) = self.file.bloom(self.number, column).await? {
                blooms.insert(key, bloom);
            }
        }
        Ok(blooms)
    }

    async fn read_columns(&mut self, bounds: Bounds<bool>, with_times: bool) -> Result<Candidates> {
        let (rows, plan) = (self.rows(), self.plan);
        let places = if bounds.must { Vec::new() } else { self.telling_places() };
        let timed = with_times || (plan.filter.has_times() && !bounds.must);
        if places.is_empty() && !timed {
            let set = |all| if all { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
            return Ok(Candidates { may: set(true), must: set(bounds.must), times: Vec::new() });
        }
        let mask = self.file.columns(|path| {
            (timed && matches!(&*path[0], "_timestamp" | "_ingested_at"))
                || places.iter().any(|place| place.includes(path))
        });
        let mut stream = self.file.read(Rows::Groups(vec![self.number]), mask).await?;
        let (mut may, mut must) = (BooleanBufferBuilder::new(rows), BooleanBufferBuilder::new(rows));
        let mut all_times = Vec::with_capacity(if with_times { rows } else { 0 });
        while let Some(batch) = stream.try_next().await.map_err(|error| self.file.failed(error))? {
            let found = match bounds.must {
                true => Bounds::exactly(BooleanBuffer::new_set(batch.num_rows())),
                false => Columns::new(plan, &batch).bounds(),
            };
            may.append_buffer(&found.may);
            must.append_buffer(&found.must);
            if with_times {
                all_times.extend(times(&batch).iter().map(|time| time.unwrap_or(i64::MIN)));
            }
        }
        Ok(Candidates { may: may.finish(), must: must.finish(), times: all_times })
    }

    /// The columns that are worth reading: those of the query, and those that tell how far to trust them.
    fn telling_places(&self) -> Vec<Place> {
        let spans = &self.file.row_groups()[self.number];
        let mut places: Vec<Place> = self.plan.column_places().into_iter().cloned().collect();
        // Also for a field without a column: a payload that did not fit the columns may have it.
        if self.plan.asks_columns() {
            places.push(Place::column("_error", Holds::PlainText));
            places.extend(self.plan.bare_lists().iter().cloned());
        }
        places.retain(|place| spans.span(place).nulls != Some(spans.rows()) || place.steps.contains(&Step::Elements));
        places
    }

    /// Which of some rows match, by their payloads.
    pub(super) async fn decide(&mut self, rows: &BooleanBuffer) -> Result<BooleanBuffer> {
        let mut decided = BooleanBufferBuilder::new(self.rows());
        decided.append_n(self.rows(), false);
        let names = self.plan.deciding_names();
        let mask = self.file.columns(|path| names.contains(&&*path[0]));
        let mut stream = self.file.read(chosen(self.number, rows), mask).await?;
        let mut places = rows.set_indices();
        while let Some(batch) = stream.try_next().await.map_err(|error| self.file.failed(error))? {
            let places: Vec<usize> = places.by_ref().take(batch.num_rows()).collect();
            for row in self.matching(&batch)? {
                decided.set_bit(places[row], true);
            }
        }
        Ok(decided.finish())
    }

    /// The numbers of the rows that match.
    fn matching(&self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let query = &self.plan.filter.query;
        let (likely, events) = likely_events(self.plan, batch, self.file)?;
        self.meter.payloads(batch.num_rows(), events.len());
        let numbers = likely.set_indices().zip(events.iter());
        Ok(numbers.filter(|(_, event)| query.matches(event)).map(|(number, _)| number).collect())
    }
}

/// The rows whose payload holds the query's words, whatever it is once decoded, and their events.
pub(super) fn likely_events(plan: &Plan, rows: &RecordBatch, file: &DataFile) -> Result<(BooleanBuffer, EventBatch)> {
    let likely = likely(plan, rows, file.format().name());
    let events = filter_record_batch(rows, &BooleanArray::new(likely.clone(), None));
    let events = events.and_then(|rows| EventBatch::new(&rows, file.format()));
    Ok((likely, events.map_err(|error| file.failed(error.into()))?))
}

fn likely(plan: &Plan, rows: &RecordBatch, format: &str) -> BooleanBuffer {
    let payloads: Option<&BinaryArray> = rows.column_by_name("_payload").and_then(|column| column.as_binary_opt());
    let Some(payloads) = payloads.filter(|_| format == "json") else { return BooleanBuffer::new_set(rows.num_rows()) };
    let query = &plan.filter.query;
    let likely = |row| payloads.is_null(row) || query.may_contain_words(payloads.value(row));
    BooleanBuffer::collect_bool(rows.num_rows(), likely)
}

/// Some rows of a group, as the reader is told.
pub(super) fn chosen(group: usize, rows: &BooleanBuffer) -> Rows {
    if rows.count_set_bits() == rows.len() {
        return Rows::Groups(vec![group]);
    }
    Rows::Selected(vec![group], RowSelection::from_filters(&[BooleanArray::new(rows.clone(), None)]))
}
