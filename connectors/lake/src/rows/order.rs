//! Rows in arrival order become files in the order of stream, partition and position.
//!
//! Records arrive in runs of one partition, so what is sorted are the runs, and long ones are sliced instead of copied.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;

/// A run shorter than this is cheaper to copy together with its neighbours than to write on its own.
const SLICE_ROWS_MIN: usize = 512;

/// A run with more bytes of payload than this is too dear to copy.
const SLICE_BYTES_MIN: usize = 256 << 10;

/// How many rows, and bytes of their payloads, are put together at once: what derived columns are made for and what the
/// writer is handed before it may end a page, so it bounds their memory. A single larger row is one by itself.
const CHUNK_ROWS: usize = 8192;
const CHUNK_BYTES: usize = 8 << 20;

/// Consecutive rows of one date and one origin, ascending.
#[derive(Clone, Debug)]
struct Run {
    date: Option<i32>,
    origin: u32,
    first: (i64, i32),
    last: (i64, i32),
    rows: Range<usize>,
}

/// The runs of the rows so far.
#[derive(Debug, Default)]
pub(crate) struct Runs(Vec<Run>);

/// The rows of one file.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Their day; none is the null date.
    pub(crate) date: Option<i32>,
    runs: Vec<Range<usize>>,
}

/// Some rows of a bucket, in order.
#[derive(Debug)]
pub(crate) enum Selection {
    Range(Range<usize>),
    Rows(UInt32Array),
}

// === impl Runs ===

impl Runs {
    /// Accounts for the next row.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, date: Option<i32>, origin: u32, position: i64, index: i32) {
        let place = (position, index);
        if let Some(run) = self.0.last_mut()
            && run.origin == origin
            && run.date == date
            && run.last < place
        {
            run.last = place;
            run.rows.end = row + 1;
            return;
        }
        self.0.push(Run { date, origin, first: place, last: place, rows: row..row + 1 });
    }

    /// For each of so many origins the last position, if it has rows.
    pub(crate) fn reached(&self, origins: usize) -> Vec<Option<i64>> {
        let mut reached = vec![None; origins];
        for run in &self.0 {
            let last = &mut reached[run.origin as usize];
            *last = (*last).max(Some(run.last.0));
        }
        reached
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.0.len() * size_of::<Run>()
    }

    /// The files that the rows make, by date. `rank` orders the origins.
    pub(crate) fn into_buckets(mut self, rank: &[u32]) -> Vec<Bucket> {
        self.0.sort_by_key(|run| (run.date, rank[run.origin as usize], run.first));
        let by_date = self.0.chunk_by(|a, b| a.date == b.date);
        by_date
            .map(|runs| Bucket { date: runs[0].date, runs: runs.iter().map(|run| run.rows.clone()).collect() })
            .collect()
    }
}

// === impl Bucket, Selection ===

impl Bucket {
    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.runs.iter().map(ExactSizeIterator::len).sum()
    }

    /// How many bytes its rows have, where `weigh` tells that of consecutive ones.
    pub(crate) fn bytes(&self, weigh: impl Fn(&Range<usize>) -> usize) -> usize {
        self.runs.iter().map(weigh).sum()
    }

    /// The rows in order, in bounded pieces. `weigh` tells how many bytes of payload consecutive rows have.
    pub(crate) fn selections(&self, weigh: impl Fn(&Range<usize>) -> usize) -> Vec<Selection> {
        let mut selections = Vec::new();
        let (mut short, mut short_bytes): (Vec<u32>, usize) = (Vec::new(), 0);
        for run in &self.runs {
            let bytes = weigh(run);
            if run.len() < SLICE_ROWS_MIN && bytes < SLICE_BYTES_MIN {
                short.extend(run.clone().map(|row| row as u32));
                short_bytes += bytes;
            } else {
                flush(&mut short, &mut selections);
                short_bytes = 0;
                selections.extend(pieces(run, &weigh).map(Selection::Range));
            }
            if short.len() >= CHUNK_ROWS || short_bytes >= CHUNK_BYTES {
                flush(&mut short, &mut selections);
                short_bytes = 0;
            }
        }
        flush(&mut short, &mut selections);
        selections
    }
}

impl Selection {
    /// These rows of a column.
    pub(crate) fn gather(&self, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match self {
            Selection::Range(range) => Ok(column.slice(range.start, range.len())),
            Selection::Rows(rows) => take(column, rows, None),
        }
    }

    /// The rows' numbers.
    pub(crate) fn rows(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Selection::Range(range) => Box::new(range.clone()),
            Selection::Rows(rows) => Box::new(rows.values().iter().map(|row| *row as usize)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Selection::Range(range) => range.len(),
            Selection::Rows(rows) => rows.len(),
        }
    }
}

fn flush(short: &mut Vec<u32>, selections: &mut Vec<Selection>) {
    if !short.is_empty() {
        selections.push(Selection::Rows(std::mem::take(short).into()));
    }
}

fn pieces<'a>(
    run: &Range<usize>,
    weigh: &'a impl Fn(&Range<usize>) -> usize,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut left = run.clone();
    std::iter::from_fn(move || {
        let mut piece = left.start..left.end.min(left.start + CHUNK_ROWS);
        while piece.len() > 1 && weigh(&piece) > CHUNK_BYTES {
            piece.end -= piece.len() / 2;
        }
        left.start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are `(date, origin, position)` in arrival order; origins rank by number.
    fn check(rows: &[(Option<i32>, u32, i64)], expected: &[(Option<i32>, &[usize])]) {
        let mut runs = Runs::default();
        for (row, (date, origin, position)) in rows.iter().enumerate() {
            runs.push(row, *date, *origin, *position, 0);
        }
        let buckets = runs.into_buckets(&[0, 1, 2]);
        let rows_of = |bucket: &Bucket| {
            bucket.selections(Range::len).iter().flat_map(|s| s.rows().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let found: Vec<_> = buckets.iter().map(|bucket| (bucket.date, rows_of(bucket))).collect();
        let expected: Vec<_> = expected.iter().map(|(date, rows)| (*date, rows.to_vec())).collect();
        assert_eq!(found, expected);
        assert_eq!(buckets.iter().map(Bucket::rows).sum::<usize>(), rows.len());
    }

    #[test]
    fn sorts_by_partition_and_position_within_a_date() {
        check(&[(Some(1), 1, 5), (Some(1), 0, 7), (Some(1), 1, 6), (Some(1), 0, 8)], &[(Some(1), &[1, 3, 0, 2])]);
    }

    #[test]
    fn each_date_is_a_file_and_the_null_date_too() {
        check(&[(Some(2), 0, 1), (None, 0, 2), (Some(1), 0, 3)], &[(None, &[1]), (Some(1), &[2]), (Some(2), &[0])]);
    }

    #[test]
    fn long_runs_are_sliced_in_bounded_pieces() {
        let mut runs = Runs::default();
        (0..CHUNK_ROWS + 600).for_each(|row| runs.push(row, None, 0, row as i64, 0));
        let selections = runs.into_buckets(&[0]).remove(0).selections(Range::len);
        assert!(selections.iter().all(|selection| matches!(selection, Selection::Range(_))));
        assert_eq!(selections.iter().map(Selection::len).collect::<Vec<_>>(), [CHUNK_ROWS, 600]);
    }

    #[test]
    fn large_rows_are_sliced_one_by_one_and_small_ones_beside_them_are_copied_together() {
        let mut runs = Runs::default();
        (0..20).for_each(|row| runs.push(row, None, (row / 5) as u32, row as i64, 0));
        let large = |rows: &Range<usize>| rows.clone().filter(|row| row / 5 == 1).count() * (CHUNK_BYTES / 2);
        let selections = runs.into_buckets(&[0, 1, 2, 3]).remove(0).selections(large);
        assert_eq!(selections.iter().map(Selection::len).collect::<Vec<_>>(), [5, 2, 2, 1, 10]);
        assert!(matches!(selections[1], Selection::Range(_)) && matches!(selections[4], Selection::Rows(_)));
        assert_eq!(selections.iter().flat_map(Selection::rows).collect::<Vec<_>>(), Vec::from_iter(0..20));
    }
}
