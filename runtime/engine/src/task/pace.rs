//! When the next barrier is due, and of what kind.

use std::time::{Duration, Instant};

use catchwater_sdk::BarrierKind;

/// What decides when the next barrier goes out.
pub(super) struct Pace {
    cut_interval: Option<Duration>,
    last_cut: Instant,
    pub(super) last_record: Instant,
    pub(super) records_since_cut: u64,
    pub(super) full: bool,
}

impl Pace {
    pub(super) fn new(cut_interval: Option<Duration>) -> Pace {
        let now = Instant::now();
        Pace { cut_interval, last_cut: now, last_record: now, records_since_cut: 0, full: false }
    }

    /// How often barriers go out.
    pub(super) fn tick(&self, checkpoint_interval: Duration) -> Duration {
        self.cut_interval.map_or(checkpoint_interval, |cut| cut.min(checkpoint_interval))
    }

    /// What kind of barrier is due at this tick.
    pub(super) fn due(&self, idle: Duration) -> BarrierKind {
        let Some(cut_interval) = self.cut_interval else { return BarrierKind::Mark };
        let waited = self.last_cut.elapsed() >= cut_interval || self.last_record.elapsed() >= idle;
        if self.records_since_cut > 0 && waited { BarrierKind::Cut } else { BarrierKind::Mark }
    }

    pub(super) fn cut(&mut self) {
        self.last_cut = Instant::now();
        self.records_since_cut = 0;
    }
}
