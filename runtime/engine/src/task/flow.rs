//! How many records go through the transforms at a time, and when the next ones may.
//!
//! A transform may ask for a pause, as `throttle` does. The pause follows on a batch that has passed: so that pauses stay
//! short, whatever the rate, fewer records are handed over at a time from then on.

use std::time::{Duration, Instant};

use catchwater_sdk::{Batch, Limit};
use tokio::time::sleep_until;

use super::stages::Stages;

/// So long a pause should be.
const PAUSE: Duration = Duration::from_millis(200);
/// How much the next batch may be larger than the last.
const GROWTH: usize = 4;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Flow {
    /// How many records may come at a time.
    records: usize,
    next_at: Option<Instant>,
}

impl Flow {
    /// Through transforms it begins with one record, since nobody knows yet which pause that brings; without any there is
    /// none to come.
    pub(super) fn new(stages: &Stages) -> Flow {
        let records = if stages.is_empty() { Limit::default().records } else { 1 };
        Flow { records, next_at: None }
    }

    /// How much may come at a time.
    pub(super) fn limit(&self) -> Limit {
        Limit { records: self.records, ..Limit::default() }
    }

    /// Notes how many records went through, and which pause was asked for then.
    pub(super) fn note(&mut self, records: usize, pause: Duration, now: Instant) {
        let most = self.records.saturating_mul(GROWTH).min(Limit::default().records);
        self.next_at = None;
        if pause.is_zero() {
            self.records = most;
            return;
        }
        let fitting = records as f64 * PAUSE.as_secs_f64() / pause.as_secs_f64();
        self.records = (fitting as usize).clamp(1, most);
        self.next_at = Some(now + pause);
    }

    /// When the next records may come; `None`: at once.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        self.next_at.filter(|at| *at > now)
    }

    /// The batch in parts of as many records as may come at a time now.
    pub(super) fn part(&self, rest: Batch) -> (Batch, Option<Batch>) {
        if rest.len() <= self.records {
            return (rest, None);
        }
        let numbers: Vec<usize> = (0..rest.len()).collect();
        let (part, left) = numbers.split_at(self.records);
        (rest.select(part), Some(rest.select(left)))
    }
}

/// Waits until then.
pub(super) async fn pause(until: Option<Instant>) {
    if let Some(at) = until {
        sleep_until(at.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> Flow {
        Flow { records: 1, next_at: None }
    }

    /// How many records come at a time when each of them asks for such a pause.
    fn sizes(each: Duration) -> Vec<usize> {
        let mut flow = first();
        let now = Instant::now();
        let step = |_| {
            let records = flow.limit().records;
            flow.note(records, each * records as u32, now);
            assert_eq!(flow.next_at(now).is_some(), !each.is_zero());
            records
        };
        (0..8).map(step).collect()
    }

    #[test]
    fn what_asks_for_no_pause_soon_comes_in_whole_batches() {
        assert_eq!(sizes(Duration::ZERO), [1, 4, 16, 64, 256, 1024, 2048, 2048]);
    }

    #[test]
    fn pauses_are_about_as_long_whatever_the_rate() {
        assert_eq!(sizes(Duration::from_millis(2)), [1, 4, 16, 64, 100, 100, 100, 100]);
        assert_eq!(sizes(Duration::from_millis(200)), [1; 8]);
        assert_eq!(sizes(Duration::from_secs(60)), [1; 8]);
    }

    #[test]
    fn a_pause_ends() {
        let (mut flow, now) = (first(), Instant::now());
        flow.note(1, Duration::from_secs(1), now);
        assert_eq!(flow.next_at(now), Some(now + Duration::from_secs(1)));
        assert_eq!(flow.next_at(now + Duration::from_secs(1)), None);
    }
}
