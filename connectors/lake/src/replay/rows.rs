//! Rows of a file, as its reader wants to be told.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::RowGroupMetaData;

use crate::read::Rows;

/// Those of some rows that may be asked for, by their numbers in the whole file. Pages without any are not read.
pub(super) fn select(groups: &[RowGroupMetaData], rows: Range<u64>, may: &BooleanBuffer) -> Rows {
    let sizes = groups.iter().map(|group| group.num_rows().unsigned_abs());
    let (numbers, ranges, total) = within(sizes, rows, may);
    Rows::Selected(numbers, RowSelection::from_consecutive_ranges(ranges.into_iter(), total))
}

/// Which of some rows may be asked for.
pub(super) fn part(rows: &Range<u64>, may: &BooleanBuffer) -> BooleanBuffer {
    may.slice(rows.start as usize, rows.end.saturating_sub(rows.start) as usize)
}

/// The groups that hold rows which may be asked for, which rows these are among those of the groups, and how many there are.
fn within(
    sizes: impl Iterator<Item = u64>,
    rows: Range<u64>,
    may: &BooleanBuffer,
) -> (Vec<usize>, Vec<Range<usize>>, usize) {
    let (mut numbers, mut ranges, mut total) = (Vec::new(), Vec::new(), 0);
    let mut start = 0;
    for (number, size) in sizes.enumerate() {
        let of_group = rows.start.max(start)..rows.end.min(start + size);
        if !of_group.is_empty() {
            let shift = total + (of_group.start - start) as usize;
            let before = ranges.len();
            ranges.extend(part(&of_group, may).set_slices().map(|(from, to)| from + shift..to + shift));
            if ranges.len() > before {
                numbers.push(number);
                total += size as usize;
            }
        }
        start += size;
    }
    (numbers, ranges, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of groups of 10, 5 and 20 rows.
    fn check(rows: Range<u64>, may: &BooleanBuffer, expected: (&[usize], &[(usize, usize)])) {
        let (groups, ranges, _) = within([10, 5, 20].into_iter(), rows, may);
        let ranges: Vec<_> = ranges.into_iter().map(|range| (range.start, range.end)).collect();
        assert_eq!((groups.as_slice(), ranges.as_slice()), expected);
    }

    #[test]
    fn only_the_groups_that_hold_the_rows_are_read() {
        let all = BooleanBuffer::new_set(35);
        check(0..10, &all, (&[0], &[(0, 10)]));
        check(3..4, &all, (&[0], &[(3, 4)]));
        check(9..12, &all, (&[0, 1], &[(9, 10), (10, 12)]));
        check(12..15, &all, (&[1], &[(2, 5)]));
        check(30..35, &all, (&[2], &[(15, 20)]));
    }

    #[test]
    fn rows_that_cannot_match_are_left_out_and_groups_without_others() {
        let some = BooleanBuffer::collect_bool(35, |row| matches!(row, 2 | 3 | 20));
        check(0..35, &some, (&[0, 2], &[(2, 4), (15, 16)]));
        check(3..35, &some, (&[0, 2], &[(3, 4), (15, 16)]));
        check(4..35, &some, (&[2], &[(5, 6)]));
    }
}
