//! Which files can hold nothing that is asked for, as far as the table's log tells.

use catchwater_query::time::timestamp;
use serde_json::Value;

use super::selection::Selection;
use crate::read::{ColumnStats, LiveFile, Stats};

/// A millisecond: other tools round statistics to it.
const ROUNDING_MICROS: i64 = 1000;

/// Whether a file can hold an event that is asked for. Says yes in doubt.
pub(super) fn can_hold(file: &LiveFile, selection: &Selection) -> bool {
    if selection.since.is_none() && selection.until.is_none() && selection.oldest.is_none() {
        return true;
    }
    file.stats().is_none_or(|stats| in_time(&stats, selection))
}

/// Whether each event of a file is asked for, as far as the log tells.
pub(super) fn holds_only(file: &LiveFile, selection: &Selection) -> bool {
    let in_time = |stats: &Stats| match (times(stats), selection.since.is_none() && selection.until.is_none()) {
        (_, true) => true,
        (None, false) => false,
        // Statistics may be rounded, so that a bound which is met to the millisecond is none.
        (Some((least, greatest)), false) => {
            selection.since.is_none_or(|since| least.saturating_sub(ROUNDING_MICROS) >= since)
                && selection.until.is_none_or(|until| greatest < until)
        }
    };
    let no_replay = |stats: &Stats| selection.replayed || stats.column(&["_replay"]).nulls == Some(stats.rows);
    selection.query.tests().is_empty()
        && selection.oldest.is_none()
        && file.stats().is_some_and(|stats| in_time(&stats) && no_replay(&stats))
}

fn in_time(stats: &Stats, selection: &Selection) -> bool {
    let Some((least, greatest)) = times(stats) else { return true };
    let newest = greatest.max(came_in(stats).map_or(i64::MAX, |(_, greatest)| greatest));
    selection.since.is_none_or(|since| greatest >= since)
        && selection.until.is_none_or(|until| least < until)
        && selection.oldest.as_ref().is_none_or(|oldest| newest >= oldest.micros)
}

/// The newest time that an event of the file can have for [`believable_time`](super::selection::believable_time).
pub(super) fn newest(file: &LiveFile) -> i64 {
    let newest = |stats: Stats| Some(times(&stats)?.1.max(came_in(&stats)?.1));
    file.stats().and_then(newest).unwrap_or(i64::MAX)
}

/// Least and greatest time of the events, if each has a timestamp that its column can hold.
fn times(stats: &Stats) -> Option<(i64, i64)> {
    let column = stats.column(&["_timestamp"]);
    if column.nulls != Some(0) { None } else { bounds(column) }
}

fn came_in(stats: &Stats) -> Option<(i64, i64)> {
    bounds(stats.column(&["_ingested_at"]))
}

fn bounds(column: ColumnStats<'_>) -> Option<(i64, i64)> {
    let time = |value: Option<&Value>| timestamp(value?.as_str()?);
    Some((time(column.min)?, time(column.max)?.saturating_add(ROUNDING_MICROS)))
}
