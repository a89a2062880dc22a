//! How many events match, and when they happened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use catchwater_sdk::Result;

use super::effort::{Effort, Meter};
use super::evidence::time_span;
use super::plan::{Filter, Plan};
use super::run::{Look, Unit, run};
use crate::read::Snapshot;

/// Into how many parts the time between the oldest and the newest event of a table is cut while hits are counted.
const PARTS: i64 = 8192;

/// How many events match.
pub async fn count(snapshot: &Snapshot, filter: Filter) -> Result<(u64, Effort)> {
    let tally = Arc::new(Tally { hits: AtomicU64::new(0), times: None });
    let meter = look_at_all(snapshot, filter, &tally).await?;
    Ok((tally.hits.load(Ordering::Relaxed), meter.effort(snapshot.files().len())))
}

/// How many events match, by time.
pub async fn histogram(snapshot: &Snapshot, filter: Filter) -> Result<(Histogram, Effort)> {
    let part_micros = part(snapshot, &filter);
    let times = Times { part_micros, counts: Mutex::default(), untimed: AtomicU64::new(0) };
    let tally = Arc::new(Tally { hits: AtomicU64::new(0), times: Some(times) });
    let meter = look_at_all(snapshot, filter, &tally).await?;
    let times = tally.times.as_ref().expect("they were asked for");
    let parts = std::mem::take(&mut *times.counts.lock().unwrap_or_else(PoisonError::into_inner));
    let (hits, untimed) = (tally.hits.load(Ordering::Relaxed), times.untimed.load(Ordering::Relaxed));
    Ok((Histogram { part_micros, parts, hits, untimed }, meter.effort(snapshot.files().len())))
}

async fn look_at_all(snapshot: &Snapshot, filter: Filter, tally: &Arc<Tally>) -> Result<Arc<Meter>> {
    let meter = Arc::new(Meter::default());
    let plan = Arc::new(Plan::new(filter, snapshot));
    run(snapshot, plan, Arc::clone(&meter), Arc::clone(tally)).await?;
    Ok(meter)
}

/// Hits over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    part_micros: i64,
    /// By number of the part since 1970.
    parts: BTreeMap<i64, u64>,
    /// All hits.
    pub hits: u64,
    /// Hits that have no time at all.
    pub untimed: u64,
}

/// Hits within equal stretches of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bars {
    /// Where the first begins, in microseconds since 1970.
    pub start: i64,
    /// How long each is, in microseconds.
    pub width: i64,
    /// The hits of each, in order.
    pub hits: Vec<u64>,
}

// === impl Histogram ===

impl Histogram {
    /// The hits in at most `bars` stretches of a length that people count in; none if no hit has a time.
    pub fn bars(&self, bars: usize) -> Option<Bars> {
        let first = self.parts.keys().next()?.checked_mul(self.part_micros)?;
        let last = self.parts.keys().next_back()?.checked_mul(self.part_micros)?;
        let fits = |width: &i64| last.div_euclid(*width) - first.div_euclid(*width) < bars.max(1) as i64;
        let width = WIDTHS.into_iter().filter(|width| *width >= self.part_micros).find(fits);
        let width = width.unwrap_or_else(|| (last - first) / bars.max(1) as i64 + 1);
        let start = first.div_euclid(width);
        let mut hits = vec![0; (last.div_euclid(width) - start + 1) as usize];
        for (part, count) in &self.parts {
            hits[((part * self.part_micros).div_euclid(width) - start) as usize] += count;
        }
        Some(Bars { start: start * width, width, hits })
    }
}

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Stretches that divide the next greater ones.
const WIDTHS: [i64; 24] = [
    1,
    1000,
    10_000,
    100_000,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
    3640 * DAY,
    36_400 * DAY,
    364_000 * DAY,
];

/// The least and the greatest time of a file, as far as they are known.
type Ends = (Option<i64>, Option<i64>);

/// The length of the parts: fine enough for any screen, and few, whatever the times are.
fn part(snapshot: &Snapshot, filter: &Filter) -> i64 {
    let spans: Vec<_> = snapshot.files().iter().map(|file| file.stats().map(|stats| time_span(&stats))).collect();
    let known = |pick: fn(&Ends) -> Option<i64>| -> Option<Vec<i64>> {
        spans.iter().map(|span| pick(span.as_ref()?)).collect()
    };
    let least = known(|span| span.0).and_then(|all| all.into_iter().min());
    let greatest = known(|span| span.1).and_then(|all| all.into_iter().max());
    let least = least.max(filter.since).unwrap_or(0);
    // What is not known is taken to be long.
    let greatest = greatest.or(filter.until).unwrap_or(least.saturating_add(364 * DAY));
    let span = filter.until.map_or(greatest, |until| until.min(greatest)).saturating_sub(least).max(1);
    WIDTHS.into_iter().find(|width| span / width < PARTS).unwrap_or(3640 * DAY)
}

// === counting ===

struct Tally {
    hits: AtomicU64,
    times: Option<Times>,
}

struct Times {
    part_micros: i64,
    counts: Mutex<BTreeMap<i64, u64>>,
    untimed: AtomicU64,
}

impl Times {
    fn add(&self, times: impl Iterator<Item = i64>) {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut untimed = 0;
        for time in times {
            match time {
                i64::MIN => untimed += 1,
                time => *counts.entry(time.div_euclid(self.part_micros)).or_default() += 1,
            }
        }
        self.untimed.fetch_add(untimed, Ordering::Relaxed);
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.into_iter().for_each(|(part, count)| *all.entry(part).or_default() += count);
    }
}

impl Look for Tally {
    fn wants(&self, _newest: Option<i64>) -> bool {
        true
    }

    fn takes_whole(&self, rows: u64) -> bool {
        if self.times.is_none() {
            self.hits.fetch_add(rows, Ordering::Relaxed);
        }
        self.times.is_none()
    }

    async fn look(&self, mut unit: Unit) -> Result<()> {
        let before = unit.file.bytes_read();
        if let Some(found) = unit.group().candidates(self.times.is_some()).await? {
            let unsure = &found.may & &!&found.must;
            let matched = match unsure.count_set_bits() {
                0 => found.must,
                _ => &found.must | &unit.group().decide(&unsure).await?,
            };
            self.hits.fetch_add(matched.count_set_bits() as u64, Ordering::Relaxed);
            if let Some(times) = &self.times {
                times.add(matched.set_indices().map(|row| found.times[row]));
            }
        }
        unit.meter.bytes(unit.file.bytes_read() - before);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: &[i64], bars: usize, expected: Option<(i64, i64, &[u64])>) {
        let mut histogram = Histogram { part_micros: SECOND, ..Histogram::default() };
        times.iter().for_each(|time| *histogram.parts.entry(time.div_euclid(SECOND)).or_default() += 1);
        let found = histogram.bars(bars);
        let expected = expected.map(|(start, width, hits)| Bars { start, width, hits: hits.to_vec() });
        assert_eq!(found, expected, "{times:?} in {bars}");
    }

    #[test]
    fn bars_are_as_wide_as_people_count() {
        check(&[], 10, None);
        check(&[0], 10, Some((0, SECOND, &[1])));
        check(&[0, 3 * SECOND], 4, Some((0, SECOND, &[1, 0, 0, 1])));
        check(&[0, 3 * SECOND, 4 * SECOND], 4, Some((0, 5 * SECOND, &[3])));
        check(&[HOUR, HOUR + 50 * MINUTE], 6, Some((HOUR, 10 * MINUTE, &[1, 0, 0, 0, 0, 1])));
        check(&[-SECOND, 0], 2, Some((-SECOND, SECOND, &[1, 1])));
    }
}
