//! Rows of a file, as its reader wants to be told.

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::RowGroupMetaData;

use crate::read::Rows;

/// Neighbouring rows of a file, by their numbers in the whole of it.
pub(super) fn select(groups: &[RowGroupMetaData], rows: Range<u64>) -> Rows {
    let sizes = groups.iter().map(|group| group.num_rows().unsigned_abs());
    let (numbers, before, selected) = within(sizes, rows);
    let selectors = vec![RowSelector::skip(before), RowSelector::select(selected)];
    Rows::Selected(numbers, RowSelection::from(selectors))
}

/// The groups that hold the rows, how many of their rows to skip, and how many to take.
fn within(sizes: impl Iterator<Item = u64>, rows: Range<u64>) -> (Vec<usize>, usize, usize) {
    let (mut numbers, mut before) = (Vec::new(), 0);
    let mut start = 0;
    for (number, size) in sizes.enumerate() {
        let end = start + size;
        if start < rows.end && rows.start < end {
            if numbers.is_empty() {
                before = rows.start - start;
            }
            numbers.push(number);
        }
        start = end;
    }
    let selected = rows.end.min(start).saturating_sub(rows.start);
    (numbers, before as usize, selected as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: Range<u64>, expected: (&[usize], usize, usize)) {
        let (numbers, before, selected) = within([10, 5, 20].into_iter(), rows);
        assert_eq!((numbers.as_slice(), before, selected), expected);
    }

    #[test]
    fn only_the_groups_that_hold_the_rows_are_read() {
        check(0..10, (&[0], 0, 10));
        check(3..4, (&[0], 3, 1));
        check(9..12, (&[0, 1], 9, 3));
        check(12..15, (&[1], 2, 3));
        check(15..35, (&[2], 0, 20));
        check(30..99, (&[2], 15, 5));
        check(0..35, (&[0, 1, 2], 0, 35));
    }
}
