//! Where the rows of each partition stand in a file.
//!
//! In a file of ours the rows of a partition stand together in ascending order: one run. In one that another tool put
//! together there may be many, in any order. Only the columns that say where a record came from are read for it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Int32Type, Int64Type};
use catchwater_sdk::{Error, Partition, Result};
use futures::TryStreamExt;
use parquet::file::metadata::RowGroupMetaData;

use super::selection::Place;
use crate::read::{DataFile, Rows};
use crate::table::app_id::unescape;

/// So many runs of one file are kept in memory. A file of ours has one for each partition. (Invariant 9)
const RUNS_MAX: usize = 1 << 20;

/// Neighbouring rows of one partition whose places ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Their numbers in the file.
    pub(super) rows: Range<u64>,
    pub(super) first: Place,
    pub(super) last: Place,
}

/// The runs of a file by partition.
pub(super) type Runs = HashMap<Arc<Partition>, Vec<Run>>;

/// Which positions of which partitions are wanted.
pub(super) type Ranges = HashMap<Arc<Partition>, Range<i64>>;

/// The rows that may be asked for.
pub(super) struct Wanted<'a> {
    pub(super) ranges: &'a Ranges,
    /// By their numbers in the file.
    pub(super) may: &'a BooleanBuffer,
    /// The numbers of the row groups that hold any; the others are not read.
    pub(super) groups: Vec<usize>,
}

/// Reads them; all, or only of rows that are wanted.
pub(super) async fn runs(file: &mut DataFile, wanted: Option<Wanted<'_>>) -> Result<Runs> {
    let ids = Ids::of(file);
    let mut names = vec!["_source", "_stream", "_partition", "_position", "_index"];
    if ids.0.is_none() {
        names.push("_id");
    }
    let columns = file.columns(|path| names.contains(&path[0].as_str()));
    let groups = wanted.as_ref().map_or_else(|| (0..file.row_groups().len()).collect(), |wanted| wanted.groups.clone());
    let numbers = numbers(file.row_groups(), &groups);
    let mut rows = file.read(Rows::Groups(groups), columns).await?;
    let mut builder = Builder { ids, wanted, runs: Runs::new(), open: None, numbers, count: 0 };
    while let Some(batch) = rows.try_next().await.map_err(|error| file.failed(error))? {
        let places = Places::of(&batch).ok_or_else(|| damaged(file))?;
        (0..batch.num_rows()).try_for_each(|row| builder.push(&places, row).ok_or_else(|| too_many(file)))?;
    }
    builder.close();
    Ok(builder.runs)
}

/// The numbers of the rows of some groups.
fn numbers(groups: &[RowGroupMetaData], chosen: &[usize]) -> impl Iterator<Item = u64> + Send + use<> {
    let mut ranges = Vec::with_capacity(chosen.len());
    let mut start = 0;
    for (number, group) in groups.iter().enumerate() {
        let end = start + group.num_rows().unsigned_abs();
        if chosen.contains(&number) {
            ranges.push(start..end);
        }
        start = end;
    }
    ranges.into_iter().flatten()
}

fn damaged(file: &DataFile) -> Error {
    Error::refused(format!(
        "read {}: its columns `_source` to `_index` are not those that Catchwater writes",
        file.url()
    ))
}

fn too_many(file: &DataFile) -> Error {
    Error::refused(format!(
        "read {}: its rows are in more than {RUNS_MAX} pieces; have the tool that wrote it sort them by `_stream`, \
         `_partition` and `_position`",
        file.url()
    ))
}

/// The incarnation of each partition where the file's footer tells it, so that no row has to: `(source, stream, number)`
/// to incarnation. None if it does not, or names several.
struct Ids(Option<HashMap<(String, String, i32), String>>);

impl Ids {
    fn of(file: &DataFile) -> Ids {
        let Some(footer) = file.footer() else { return Ids(None) };
        let mut incarnations = HashMap::new();
        for covered in footer.positions {
            let partition = (covered.source, covered.stream, covered.partition);
            let before = incarnations.insert(partition, covered.incarnation.clone());
            if before.is_some_and(|before| before != covered.incarnation) {
                return Ids(None);
            }
        }
        Ids(Some(incarnations))
    }
}

/// The columns of a batch.
struct Places {
    source: StringArray,
    stream: StringArray,
    number: Int32Array,
    position: Int64Array,
    index: Int32Array,
    id: Option<StringArray>,
}

impl Places {
    fn of(rows: &RecordBatch) -> Option<Places> {
        let text = |name| rows.column_by_name(name)?.as_string_opt::<i32>().cloned();
        Some(Places {
            source: text("_source")?,
            stream: text("_stream")?,
            number: rows.column_by_name("_partition")?.as_primitive_opt::<Int32Type>()?.clone(),
            position: rows.column_by_name("_position")?.as_primitive_opt::<Int64Type>()?.clone(),
            index: rows.column_by_name("_index")?.as_primitive_opt::<Int32Type>()?.clone(),
            id: text("_id"),
        })
    }

    /// The incarnation as it stands in the row, escaped.
    fn incarnation(&self, row: usize) -> Option<&str> {
        let id = self.id.as_ref()?;
        value(id, row).split('/').nth(1)
    }
}

struct Builder<'a, N> {
    ids: Ids,
    wanted: Option<Wanted<'a>>,
    runs: Runs,
    open: Option<Opened>,
    /// Of the rows that come, in their order.
    numbers: N,
    count: usize,
}

/// Neighbouring rows of one partition.
struct Opened {
    partition: Arc<Partition>,
    wanted: Range<i64>,
    /// None as long as no row of them is wanted.
    run: Option<Run>,
    last: Place,
}

impl<N: Iterator<Item = u64>> Builder<'_, N> {
    /// Accounts for a row; none if there are too many runs.
    fn push(&mut self, places: &Places, row: usize) -> Option<()> {
        let place = Place { position: places.position.value(row), index: places.index.value(row) };
        let number = self.numbers.next()?;
        let may = self.wanted.as_ref().is_none_or(|wanted| wanted.may.value(number as usize));
        let goes_on = |open: &&mut Opened| open.last < place && is_of(&open.partition, places, row);
        let open = match self.open.as_mut().filter(goes_on) {
            Some(open) => open,
            None => {
                self.close();
                self.count += 1;
                self.open.insert(Opened { run: None, last: place, ..self.opened(places, row) })
            }
        };
        open.last = place;
        if may && open.wanted.contains(&place.position) {
            let run = open.run.get_or_insert(Run { rows: number..number, first: place, last: place });
            (run.last, run.rows.end) = (place, number + 1);
        }
        (self.count <= RUNS_MAX).then_some(())
    }

    fn opened(&self, places: &Places, row: usize) -> Opened {
        let partition = self.partition(places, row);
        let all = i64::MIN..i64::MAX;
        let wanted = self.wanted.as_ref().map_or(all, |wanted| wanted.ranges.get(&partition).cloned().unwrap_or(0..0));
        Opened { partition, wanted, run: None, last: Place::default() }
    }

    fn partition(&self, places: &Places, row: usize) -> Arc<Partition> {
        let (source, stream, number) =
            (value(&places.source, row), value(&places.stream, row), places.number.value(row));
        let known =
            self.ids.0.as_ref().and_then(|ids| ids.get(&(source.to_owned(), stream.to_owned(), number)).cloned());
        let incarnation = known.or_else(|| unescape(places.incarnation(row)?)).unwrap_or_default();
        Arc::new(Partition { source: source.into(), stream: stream.into(), incarnation: incarnation.into(), number })
    }

    fn close(&mut self) {
        if let Some(Opened { partition, run: Some(run), .. }) = self.open.take() {
            self.runs.entry(partition).or_default().push(run);
        }
    }
}

fn value(column: &StringArray, row: usize) -> &str {
    if column.is_valid(row) { column.value(row) } else { "" }
}

fn is_of(partition: &Partition, places: &Places, row: usize) -> bool {
    places.number.value(row) == partition.number
        && value(&places.stream, row) == &*partition.stream
        && value(&places.source, row) == &*partition.source
        && places.incarnation(row).is_none_or(|incarnation| {
            incarnation == &*partition.incarnation || unescape(incarnation).as_deref() == Some(&*partition.incarnation)
        })
}
