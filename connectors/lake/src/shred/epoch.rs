//! Numbers that look like times: when their unit flips, everything that reads them is off by a factor of a thousand.
//!
//! A column is watched while each of its numbers, but for zeros, lies between 2001 and 2100 in one of four units. A counter
//! that passes through such a range is let go at the first number outside.

use std::fmt;

/// What a number counts since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// What is known of one column's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Epoch {
    #[default]
    Unseen,
    All(Unit),
    Other,
}

/// 2001-09-09, the first second with ten digits, and 2096-10-02.
const SECONDS: std::ops::Range<i64> = 1_000_000_000..4_000_000_000;

impl Unit {
    fn of(number: i64) -> Option<Unit> {
        let units = [Unit::Seconds, Unit::Milliseconds, Unit::Microseconds, Unit::Nanoseconds];
        let scales = [1, 1_000, 1_000_000, 1_000_000_000];
        units.into_iter().zip(scales).find(|(_, scale)| SECONDS.contains(&(number / scale))).map(|(unit, _)| unit)
    }
}

impl Epoch {
    /// Looks at a column's numbers, zero where null. Answers the last flip: from which unit to which.
    pub(super) fn watch(&mut self, numbers: &[i64]) -> Option<(Unit, Unit)> {
        let mut flip = None;
        for &number in numbers.iter().filter(|number| **number != 0) {
            match (*self, Unit::of(number)) {
                (Epoch::Other, _) => return None,
                (Epoch::All(from), Some(to)) if from == to => {}
                (_, None) => *self = Epoch::Other,
                (Epoch::Unseen, Some(unit)) => *self = Epoch::All(unit),
                (Epoch::All(from), Some(to)) => {
                    flip = Some((from, to));
                    *self = Epoch::All(to);
                }
            }
        }
        flip
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
            Unit::Nanoseconds => "nanoseconds",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cuts: &[&[i64]], flip: Option<(Unit, Unit)>) {
        let mut epoch = Epoch::default();
        let flips: Vec<_> = cuts.iter().map(|numbers| epoch.watch(numbers)).collect();
        assert_eq!(flips.last().copied().flatten(), flip, "{cuts:?}");
    }

    #[test]
    fn notices_that_seconds_became_milliseconds() {
        check(&[&[1_700_000_000, 0], &[1_700_000_000_123]], Some((Unit::Seconds, Unit::Milliseconds)));
        check(&[&[1_700_000_000, 1_700_000_000_123]], Some((Unit::Seconds, Unit::Milliseconds)));
        check(&[&[1_700_000_000_000_000], &[1_700_000_000_000_000_000]], Some((Unit::Microseconds, Unit::Nanoseconds)));
    }

    #[test]
    fn is_silent_while_the_unit_stays_and_for_other_numbers() {
        check(&[&[1_700_000_000], &[1_800_000_000]], None);
        check(&[&[5, 1_700_000_000], &[1_700_000_000_123]], None);
        check(&[&[], &[0]], None);
    }
}
