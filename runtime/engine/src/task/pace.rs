//! When the next barrier is due, and of what kind.

use std::time::{Duration, Instant};

use catchwater_sdk::BarrierKind;
use catchwater_sdk::sink::SinkTraits;
use catchwater_sdk::source::SourceTraits;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often what was read is made safe where somebody waits to hear of it: a fifth of what they may wait at the median.
const MARK_INTERVAL: Duration = Duration::from_millis(20);

/// What decides when the next barrier goes out.
pub(super) struct Pace {
    cut_interval: Option<Duration>,
    /// Somebody at the source waits for the commit.
    commit_within: Option<Duration>,
    /// The source hands out no more while so many records wait for the commit.
    unacknowledged_max: Option<usize>,
    /// The barrier through which all sinks are durable once they answered it.
    safe: BarrierKind,
    checkpoint_interval: Duration,
    /// Whether barriers go out as fast as they are answered, while there is something to make safe.
    hurries: bool,
    last_cut: Instant,
    last_barrier: Instant,
    last_record: Instant,
    records_since_cut: u64,
    records_since_barrier: u64,
    pub(super) full: bool,
}

impl Pace {
    /// As the source and all sinks, that of the dead letters too, want it; at least each `checkpoint_interval`.
    pub(super) fn new(source: &SourceTraits, sinks: &[SinkTraits], checkpoint_interval: Duration) -> Pace {
        let now = Instant::now();
        let is_safe_at_mark = |sink: &SinkTraits| sink.cut_interval.is_none() || keeps_hot_log(source, sink);
        let safe = if sinks.iter().all(is_safe_at_mark) { BarrierKind::Mark } else { BarrierKind::Cut };
        Pace {
            cut_interval: sinks.iter().filter_map(|sink| sink.cut_interval).min(),
            commit_within: source.commit_within,
            unacknowledged_max: source.unacknowledged_max,
            safe,
            checkpoint_interval,
            hurries: safe == BarrierKind::Mark && sinks.iter().any(|sink| keeps_hot_log(source, sink)),
            last_cut: now,
            last_barrier: now,
            last_record: now,
            records_since_cut: 0,
            records_since_barrier: 0,
            full: false,
        }
    }

    /// How often to ask what is due.
    pub(super) fn period(&self) -> Duration {
        let hurry = self.hurries.then_some(MARK_INTERVAL);
        let wishes = [self.cut_interval, self.commit_within, hurry];
        wishes.into_iter().flatten().fold(self.checkpoint_interval, Duration::min)
    }

    /// Ticks at which to ask.
    pub(super) fn ticks(&self) -> Interval {
        let mut ticks = interval(self.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Goes on at another pace, with what was read and sent so far.
    pub(super) fn renew(&mut self, new: Pace) {
        let Pace { last_cut, last_barrier, last_record, records_since_cut, records_since_barrier, full, .. } = *self;
        let sent = Pace { last_cut, last_barrier, last_record, records_since_cut, records_since_barrier, full, ..new };
        *self = sent;
    }

    /// What kind of barrier is due at this tick. `answered` says whether the sinks have answered all before it.
    pub(super) fn due(&self, idle: Duration, answered: bool) -> Option<BarrierKind> {
        if self.is_cut_due(idle) {
            return Some(BarrierKind::Cut);
        }
        // What waits is made safe together, by the next barrier: more of them would only queue up.
        let has_news = self.records_since_barrier > 0 && answered;
        let is_time = !self.hurries || has_news || self.last_barrier.elapsed() >= self.checkpoint_interval;
        is_time.then_some(BarrierKind::Mark)
    }

    fn is_cut_due(&self, idle: Duration) -> bool {
        // At the next tick it would be too late.
        let is_late = |within| self.last_cut.elapsed() + self.period() >= within;
        let is_awaited = self.safe == BarrierKind::Cut && self.commit_within.is_some_and(is_late);
        let waited = |interval| self.last_cut.elapsed() >= interval || self.last_record.elapsed() >= idle;
        self.records_since_cut > 0 && (is_awaited || self.cut_interval.is_some_and(waited))
    }

    /// The barrier to send at once, because the source would soon hand out no more, or a sink is full.
    pub(super) fn pressing(&self) -> Option<BarrierKind> {
        let waiting = match self.safe {
            BarrierKind::Mark => self.records_since_barrier,
            BarrierKind::Cut => self.records_since_cut,
        };
        let is_half = |most: usize| waiting > 0 && waiting >= most as u64 / 2;
        match self.full {
            true => Some(BarrierKind::Cut),
            false => self.unacknowledged_max.is_some_and(is_half).then_some(self.safe),
        }
    }

    /// Records were read, from a source that now hands out so many.
    pub(super) fn read(&mut self, records: u64, unacknowledged_max: Option<usize>) {
        self.unacknowledged_max = unacknowledged_max;
        self.records_since_cut += records;
        self.records_since_barrier += records;
        self.last_record = Instant::now();
    }

    /// A barrier goes out.
    pub(super) fn sent(&mut self, kind: BarrierKind) {
        self.last_barrier = Instant::now();
        self.records_since_barrier = 0;
        if kind == BarrierKind::Cut {
            self.last_cut = self.last_barrier;
            self.records_since_cut = 0;
            self.full = false;
        }
    }
}

fn keeps_hot_log(source: &SourceTraits, sink: &SinkTraits) -> bool {
    source.needs_hot_log() && sink.hot_log
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);
    const PLAIN: SinkTraits = SinkTraits { cut_interval: None, hot_log: false, beside: false };

    fn source(rereadable: bool, commit_within: Option<Duration>, unacknowledged_max: Option<usize>) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max,
            commit_within,
            may_return: false,
        }
    }

    fn lake(cut_interval: Duration) -> SinkTraits {
        SinkTraits { cut_interval: Some(cut_interval), ..PLAIN }
    }

    fn hot(cut_interval: Duration) -> SinkTraits {
        SinkTraits { hot_log: true, ..lake(cut_interval) }
    }

    fn check(sink: SinkTraits, commit_within: Option<Duration>, records: u64, expected: BarrierKind) {
        let mut pace = Pace::new(&source(false, commit_within, None), &[sink], SECOND);
        pace.read(records, None);
        assert_eq!(pace.due(HOUR, true), Some(expected));
        pace.sent(expected);
        pace.sent(BarrierKind::Cut);
        assert!(!pace.is_cut_due(HOUR), "nothing was read since the cut");
    }

    #[test]
    fn records_wait_for_a_cut_as_long_as_the_sinks_like() {
        check(PLAIN, None, 1, BarrierKind::Mark);
        check(lake(HOUR), None, 1, BarrierKind::Mark);
        check(lake(Duration::ZERO), None, 1, BarrierKind::Cut);
    }

    #[test]
    fn a_source_that_waits_for_the_commit_gets_a_cut_before_it_is_late() {
        let short = Some(SECOND / 4);
        check(lake(HOUR), short, 1, BarrierKind::Cut);
        check(lake(HOUR), short, 0, BarrierKind::Mark);
        check(lake(HOUR), Some(HOUR), 1, BarrierKind::Mark);
    }

    #[test]
    fn where_a_mark_makes_records_safe_nobody_waits_for_a_cut() {
        check(PLAIN, Some(SECOND / 4), 1, BarrierKind::Mark);
        check(hot(HOUR), Some(SECOND / 4), 1, BarrierKind::Mark);
        check(hot(Duration::ZERO), Some(SECOND / 4), 1, BarrierKind::Cut);
    }

    #[test]
    fn marks_hurry_while_something_waits_and_the_last_is_answered() {
        let mut pace = Pace::new(&source(false, Some(HOUR), None), &[hot(HOUR), PLAIN], HOUR);
        assert_eq!((pace.period(), pace.due(HOUR, true)), (MARK_INTERVAL, None));
        pace.read(1, None);
        assert_eq!((pace.due(HOUR, false), pace.due(HOUR, true)), (None, Some(BarrierKind::Mark)));
        pace.sent(BarrierKind::Mark);
        assert_eq!(pace.due(HOUR, true), None);
    }

    #[test]
    fn a_source_that_can_be_read_again_pays_nothing_for_the_hot_log() {
        let pace = Pace::new(&source(true, None, None), &[hot(HOUR)], SECOND);
        assert_eq!((pace.period(), pace.safe), (SECOND, BarrierKind::Cut));
    }

    #[test]
    fn half_of_what_may_be_unacknowledged_presses() {
        let check = |source: SourceTraits, sink, expected| {
            let mut pace = Pace::new(&source, &[sink], SECOND);
            pace.read(99, Some(400));
            assert_eq!(pace.pressing(), None);
            pace.read(1, Some(200));
            assert_eq!(pace.pressing(), Some(expected));
            pace.sent(expected);
            assert_eq!(pace.pressing(), None);
        };
        check(source(false, None, Some(200)), hot(HOUR), BarrierKind::Mark);
        check(source(false, None, Some(200)), lake(HOUR), BarrierKind::Cut);
        check(source(true, None, Some(200)), hot(HOUR), BarrierKind::Cut);
    }

    #[test]
    fn barriers_go_out_as_often_as_the_most_impatient_wants() {
        let period = |sink, commit| Pace::new(&source(false, commit, None), &[sink], SECOND).period();
        assert_eq!(period(PLAIN, None), SECOND);
        assert_eq!(period(lake(HOUR), Some(SECOND / 4)), SECOND / 4);
        assert_eq!(period(lake(SECOND / 5), Some(SECOND / 4)), SECOND / 5);
    }
}
