//! When the next barrier is due, and of what kind.

use std::time::{Duration, Instant};

use catchwater_sdk::BarrierKind;

/// What decides when the next barrier goes out.
pub(super) struct Pace {
    cut_interval: Option<Duration>,
    /// Somebody at the source waits for the commit.
    commit_within: Option<Duration>,
    /// How often barriers go out.
    period: Duration,
    last_cut: Instant,
    pub(super) last_record: Instant,
    pub(super) records_since_cut: u64,
    pub(super) full: bool,
}

impl Pace {
    /// `cut_interval` is the least of the sinks', `commit_within` the source's; a barrier goes out at least each
    /// `checkpoint_interval`.
    pub(super) fn new(
        cut_interval: Option<Duration>,
        commit_within: Option<Duration>,
        checkpoint_interval: Duration,
    ) -> Pace {
        let now = Instant::now();
        let wishes = [cut_interval, commit_within];
        let period = wishes.into_iter().flatten().fold(checkpoint_interval, Duration::min);
        Pace { cut_interval, commit_within, period, last_cut: now, last_record: now, records_since_cut: 0, full: false }
    }

    /// How often barriers go out.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// What kind of barrier is due at this tick.
    pub(super) fn due(&self, idle: Duration) -> BarrierKind {
        // At the next tick it would be too late. A `Mark` would not do: no sink need be durable at it.
        let is_late = |within| self.last_cut.elapsed() + self.period >= within;
        if self.commit_within.is_some_and(is_late) && self.records_since_cut > 0 {
            return BarrierKind::Cut;
        }
        let Some(cut_interval) = self.cut_interval else { return BarrierKind::Mark };
        let waited = self.last_cut.elapsed() >= cut_interval || self.last_record.elapsed() >= idle;
        if self.records_since_cut > 0 && waited { BarrierKind::Cut } else { BarrierKind::Mark }
    }

    pub(super) fn cut(&mut self) {
        self.last_cut = Instant::now();
        self.records_since_cut = 0;
        self.full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn check(cut_interval: Option<Duration>, commit_within: Option<Duration>, records: u64, expected: BarrierKind) {
        let mut pace = Pace::new(cut_interval, commit_within, SECOND);
        pace.records_since_cut = records;
        assert_eq!(pace.due(HOUR), expected);
        pace.cut();
        assert_eq!(pace.due(HOUR), BarrierKind::Mark, "nothing was read since the cut");
    }

    #[test]
    fn records_wait_for_a_cut_as_long_as_the_sinks_like() {
        check(None, None, 1, BarrierKind::Mark);
        check(Some(HOUR), None, 1, BarrierKind::Mark);
        check(Some(Duration::ZERO), None, 1, BarrierKind::Cut);
    }

    #[test]
    fn a_source_that_waits_for_the_commit_gets_a_cut_before_it_is_late() {
        let short = Some(SECOND / 4);
        check(Some(HOUR), short, 1, BarrierKind::Cut);
        check(None, short, 1, BarrierKind::Cut);
        check(None, short, 0, BarrierKind::Mark);
        check(Some(HOUR), Some(HOUR), 1, BarrierKind::Mark);
    }

    #[test]
    fn barriers_go_out_as_often_as_the_most_impatient_wants() {
        let period = |cut, commit| Pace::new(cut, commit, SECOND).period();
        assert_eq!(period(None, None), SECOND);
        assert_eq!(period(Some(HOUR), Some(SECOND / 4)), SECOND / 4);
        assert_eq!(period(Some(SECOND / 5), Some(SECOND / 4)), SECOND / 5);
    }
}
