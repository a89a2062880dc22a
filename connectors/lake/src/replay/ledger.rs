//! What was handed on and is not confirmed yet: counts by position, coarse enough to stay small.

use std::collections::VecDeque;
use std::time::Duration;

use catchwater_sdk::Positions;
use tokio::time::Instant;

/// What is handed on within this time is confirmed together.
const GRAIN: Duration = Duration::from_millis(100);

/// So many entries at most; the last one takes what comes then. (Invariant 9)
const ENTRIES_MAX: usize = 256;

/// Records that are not confirmed, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Ledger(VecDeque<Entry>);

#[derive(Debug)]
struct Entry {
    began: Instant,
    /// They are confirmed once these are.
    at: Positions,
    records: u64,
}

impl Ledger {
    /// Records were handed on, up to these positions.
    pub(super) fn sent(&mut self, records: u64, at: &Positions, now: Instant) {
        let is_full = self.0.len() >= ENTRIES_MAX;
        match self.0.back_mut() {
            Some(last) if is_full || now.saturating_duration_since(last.began) < GRAIN => {
                last.at.advance_all(at);
                last.records += records;
            }
            _ => self.0.push_back(Entry { began: now, at: at.clone(), records }),
        }
    }

    /// Everything before these positions is durable: how many records that confirms.
    pub(super) fn confirm(&mut self, committed: &Positions) -> u64 {
        let mut records = 0;
        while let Some(first) = self.0.front()
            && first.at.iter().all(|(partition, at)| committed.get(partition).is_some_and(|done| done >= at))
        {
            records += first.records;
            self.0.pop_front();
        }
        records
    }

    /// All of it is durable.
    pub(super) fn confirm_all(&mut self) -> u64 {
        self.0.drain(..).map(|entry| entry.records).sum()
    }

    /// What is not confirmed is sent again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use catchwater_sdk::Partition;

    use super::*;

    fn at(positions: &[(i32, i64)]) -> Positions {
        let partition = |number| Partition { source: "s".into(), stream: "o".into(), incarnation: "1".into(), number };
        positions.iter().map(|(number, position)| (Arc::new(partition(*number)), *position)).collect()
    }

    #[test]
    fn records_are_confirmed_once_all_their_partitions_are() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        ledger.sent(5, &at(&[(0, 10)]), start);
        ledger.sent(3, &at(&[(1, 4)]), start + GRAIN / 2);
        ledger.sent(2, &at(&[(0, 20)]), start + GRAIN * 2);
        assert_eq!(ledger.confirm(&at(&[(0, 20)])), 0, "the second is under way, and counts with the first");
        assert_eq!(ledger.confirm(&at(&[(0, 12), (1, 4)])), 8);
        assert_eq!(ledger.confirm(&at(&[(0, 20), (1, 4)])), 2);
        assert_eq!(ledger.confirm(&at(&[(0, 20), (1, 4)])), 0);
    }

    #[test]
    fn an_end_that_never_comes_takes_no_more_room() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        for number in 0..1000 {
            ledger.sent(1, &at(&[(0, i64::from(number))]), start + GRAIN * number);
        }
        assert_eq!(ledger.0.len(), ENTRIES_MAX);
        assert_eq!(ledger.confirm(&at(&[(0, 998)])), ENTRIES_MAX as u64 - 1);
        assert_eq!(ledger.confirm_all(), 1000 - (ENTRIES_MAX as u64 - 1));
    }

    #[test]
    fn what_is_sent_again_is_not_counted_twice() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        ledger.sent(1, &at(&[(0, 1)]), start);
        ledger.forget();
        ledger.sent(1, &at(&[(0, 1)]), start);
        assert_eq!(ledger.confirm_all(), 1);
    }
}
