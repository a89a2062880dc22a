//! Which events a replay sends.

use std::sync::Arc;

use catchwater_query::Query;
use catchwater_sdk::Partition;
use serde::{Deserialize, Serialize};

use super::config::PositionRange;
use crate::read::Event;
use crate::rows::date::DAY_MICROS;
use crate::search::Filter;

/// A timestamp counts as the event's time if it is at most so long before it came in, or after.
const BACK_MICROS: i64 = 3653 * DAY_MICROS;
const AHEAD_MICROS: i64 = DAY_MICROS;

/// A row's place in its partition: its position, and which of several rows of that position it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) position: i64,
    pub(super) index: i32,
}

/// The oldest of the newest events that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Oldest {
    pub(super) micros: i64,
    pub(super) partition: Named,
    pub(super) place: Place,
}

/// A partition as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Named {
    source: String,
    stream: String,
    incarnation: String,
    partition: i32,
}

/// What is asked of each event.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) query: Query,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) oldest: Option<Oldest>,
    /// Whether what a replay had sent is sent again.
    pub(super) replayed: bool,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is asked for.
    Sent,
    /// It is not.
    Other,
    /// It is asked for, and a replay had sent it before.
    Replayed,
}

// === impl Selection ===

impl Selection {
    /// As far as it can be put to files and columns.
    pub(super) fn filter(&self) -> Filter {
        Filter { query: self.query.clone(), since: self.since, until: self.until }
    }

    /// What becomes of an event.
    pub(super) fn judge(&self, event: Event<'_>) -> Verdict {
        let in_time =
            |time: i64| self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until);
        let all_times = self.since.is_none() && self.until.is_none();
        match () {
            () if !all_times && !event.time().is_some_and(in_time) => Verdict::Other,
            () if self.oldest.as_ref().is_some_and(|oldest| is_older(event, oldest)) => Verdict::Other,
            () if !event.record().payload().is_none_or(|payload| self.query.may_contain_words(payload)) => {
                Verdict::Other
            }
            () if !self.query.matches(&event) => Verdict::Other,
            () if !self.replayed && event.replay().is_some() => Verdict::Replayed,
            () => Verdict::Sent,
        }
    }
}

fn is_older(event: Event<'_>, oldest: &Oldest) -> bool {
    let micros = believable_time(event);
    if micros != oldest.micros {
        return micros < oldest.micros;
    }
    let record = event.record();
    let place = Place { position: record.position(), index: record.index() };
    (Named::of(record.partition()), place) < (oldest.partition.clone(), oldest.place)
}

/// The time by which events of several partitions are put in order, and by which the original cadence goes: the
/// timestamp, unless it is so far from when the event came in that the producer's clock cannot have been right.
pub(super) fn believable_time(event: Event<'_>) -> i64 {
    let came_in = event.ingested_at();
    let own = event.record().timestamp().map(|timestamp| timestamp.micros);
    match (own, came_in) {
        (Some(own), Some(came_in)) => {
            let age = came_in.saturating_sub(own);
            if (-AHEAD_MICROS..=BACK_MICROS).contains(&age) { own } else { came_in }
        }
        (own, came_in) => own.or(came_in).unwrap_or_default(),
    }
}

// === impl Named ===

impl Named {
    pub(super) fn of(partition: &Partition) -> Named {
        Named {
            source: partition.source.to_string(),
            stream: partition.stream.to_string(),
            incarnation: partition.incarnation.to_string(),
            partition: partition.number,
        }
    }

    pub(super) fn partition(&self) -> Arc<Partition> {
        Arc::new(Partition {
            source: self.source.as_str().into(),
            stream: self.stream.as_str().into(),
            incarnation: self.incarnation.as_str().into(),
            number: self.partition,
        })
    }
}

// === positions ===

/// The positions of a partition that are asked for, from the first to before the last; empty if none is.
pub(super) fn range_of(
    partition: &Partition,
    numbers: Option<&[i32]>,
    ranges: Option<&[PositionRange]>,
) -> std::ops::Range<i64> {
    const ALL: std::ops::Range<i64> = i64::MIN..i64::MAX;
    if numbers.is_some_and(|numbers| !numbers.contains(&partition.number)) {
        return 0..0;
    }
    let Some(ranges) = ranges else { return ALL };
    let of_partition = ranges.iter().filter(|range| {
        range.partition == partition.number && range.stream.as_deref().is_none_or(|stream| *stream == *partition.stream)
    });
    // Several ranges of one partition count as one, from the least to the greatest.
    let bounds = of_partition.map(|range| (range.from.unwrap_or(ALL.start), range.to.unwrap_or(ALL.end)));
    bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).map_or(0..0, |(from, to)| from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numbers: Option<&[i32]>, ranges: Option<&[PositionRange]>, expected: std::ops::Range<i64>) {
        let partition = Partition { source: "s".into(), stream: "orders".into(), incarnation: "1".into(), number: 2 };
        assert_eq!(range_of(&partition, numbers, ranges), expected);
    }

    fn range(stream: Option<&str>, partition: i32, from: Option<i64>, to: Option<i64>) -> PositionRange {
        PositionRange { stream: stream.map(str::to_owned), partition, from, to }
    }

    #[test]
    fn all_positions_unless_some_are_named() {
        check(None, None, i64::MIN..i64::MAX);
        check(Some(&[2, 3]), None, i64::MIN..i64::MAX);
        check(Some(&[3]), None, 0..0);
    }

    #[test]
    fn ranges_are_of_a_partition_and_if_said_of_a_stream() {
        check(None, Some(&[range(None, 2, Some(5), None)]), 5..i64::MAX);
        check(None, Some(&[range(Some("orders"), 2, Some(5), Some(9))]), 5..9);
        check(None, Some(&[range(Some("carts"), 2, Some(5), Some(9))]), 0..0);
        check(None, Some(&[range(None, 1, None, None)]), 0..0);
        check(None, Some(&[range(None, 2, Some(5), Some(9)), range(None, 2, Some(20), Some(30))]), 5..30);
    }
}
