//! When the next barrier is due, and of what kind.

use std::time::{Duration, Instant};

use catchwater_sdk::BarrierKind;

/// What decides when the next barrier goes out.
pub(super) struct Pace {
    cut_interval: Option<Duration>,
    /// Somebody at the source waits for the commit.
    commit_within: Option<Duration>,
    last_cut: Instant,
    pub(super) last_record: Instant,
    pub(super) records_since_cut: u64,
    pub(super) full: bool,
}

impl Pace {
    /// `cut_interval` is the least of the sinks', `commit_within` the source's.
    pub(super) fn new(cut_interval: Option<Duration>, commit_within: Option<Duration>) -> Pace {
        let now = Instant::now();
        Pace { cut_interval, commit_within, last_cut: now, last_record: now, records_since_cut: 0, full: false }
    }

    /// How often barriers go out.
    pub(super) fn tick(&self, checkpoint_interval: Duration) -> Duration {
        let wishes = [self.cut_interval, self.commit_within];
        wishes.into_iter().flatten().fold(checkpoint_interval, Duration::min)
    }

    /// What kind of barrier is due at this tick.
    pub(super) fn due(&self, idle: Duration) -> BarrierKind {
        // A tick comes as often as the source wants a commit. A `Mark` would not do: no sink need be durable at it.
        if self.commit_within.is_some() && self.records_since_cut > 0 {
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
        let mut pace = Pace::new(cut_interval, commit_within);
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
    fn a_source_that_waits_for_the_commit_gets_a_cut_at_the_next_tick() {
        check(Some(HOUR), Some(SECOND), 1, BarrierKind::Cut);
        check(None, Some(SECOND), 1, BarrierKind::Cut);
        check(None, Some(SECOND), 0, BarrierKind::Mark);
        assert_eq!(Pace::new(Some(HOUR), Some(SECOND)).tick(HOUR), SECOND);
        assert_eq!(Pace::new(Some(SECOND), Some(HOUR)).tick(HOUR), SECOND);
    }
}
