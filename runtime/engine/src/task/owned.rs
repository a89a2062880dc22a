//! The partitions that a task owns: how far each is read, and how far it is committed.

use std::sync::Arc;

use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Partition, Positions};
use tracing::warn;

/// What a task owns.
#[derive(Debug, Default)]
pub(super) struct Owned {
    read: Positions,
    committed: Positions,
}

impl Owned {
    /// Where reading of the assigned partitions starts: at the least over all sinks. A sink that stores no positions
    /// (`None`), or knows nothing of a partition, counts with the last upstream commit.
    pub(super) fn starts(assignments: &[Assignment], stored: &[Option<Positions>]) -> Positions {
        let start = |assignment: &Assignment| {
            let known = |sink: &Option<Positions>| sink.as_ref().and_then(|stored| stored.get(&assignment.partition));
            let least = stored.iter().map(|sink| known(sink).unwrap_or(assignment.at)).min();
            let start = least.unwrap_or(assignment.at);
            if assignment.committed && start > assignment.at {
                let (partition, committed) = (&assignment.partition, assignment.at);
                warn!(%partition, committed, stored = start, "every sink has stored more than was committed: reading goes on from what is stored");
            }
            (Arc::clone(&assignment.partition), start)
        };
        assignments.iter().map(start).collect()
    }

    /// The same for a source that cannot be read again: at the *greatest* over all sinks and the last commit. Its positions
    /// are only numbers for records that are new. A sink that is ahead skips what lies below the position it stored: a new
    /// record with such a number would be dropped there in silence. What the sinks behind lack is nowhere to be read again.
    pub(super) fn starts_of_new_records(assignments: &[Assignment], stored: &[Option<Positions>]) -> Positions {
        let start = |assignment: &Assignment| {
            let known = stored.iter().flatten().filter_map(|sink| sink.get(&assignment.partition));
            (Arc::clone(&assignment.partition), known.fold(assignment.at, i64::max))
        };
        assignments.iter().map(start).collect()
    }

    /// These partitions are being read from here on.
    pub(super) fn take(&mut self, assignments: &[Assignment], starts: &Positions) {
        for assignment in assignments {
            self.committed.set(Arc::clone(&assignment.partition), assignment.at);
        }
        self.restart(starts);
    }

    /// Reading goes on from here, forward or back.
    pub(super) fn restart(&mut self, starts: &Positions) {
        for (partition, at) in starts.iter() {
            self.read.set(Arc::clone(partition), at);
        }
    }

    /// Nothing counts as read until it is started again: those who were given it have lost it.
    pub(super) fn unread(&mut self) {
        self.read = Positions::new();
    }

    /// Whether the sinks were given nothing since they were built.
    pub(super) fn is_unread(&self) -> bool {
        self.read.is_empty()
    }

    /// These partitions belong to someone else now.
    pub(super) fn give_up(&mut self, partitions: &[Arc<Partition>]) {
        for partition in partitions {
            self.read.remove(partition);
            self.committed.remove(partition);
        }
    }

    /// Records up to here were read.
    pub(super) fn advance(&mut self, positions: &Positions) {
        for (partition, at) in positions.iter() {
            if self.read.get(partition).is_some() {
                self.read.advance(partition, at);
            }
        }
    }

    /// How far everything is read.
    pub(super) fn read(&self) -> &Positions {
        &self.read
    }

    /// What of these positions moves a partition that is still owned forward. (Invariant 2)
    pub(super) fn to_commit(&self, positions: &Positions) -> Positions {
        let moves =
            |(partition, at): &(&Arc<Partition>, i64)| self.committed.get(partition).is_some_and(|before| before < *at);
        positions.iter().filter(moves).map(|(partition, at)| (Arc::clone(partition), at)).collect()
    }

    /// The commit succeeded.
    pub(super) fn committed(&mut self, positions: &Positions) {
        self.committed.advance_all(positions);
    }

    /// The owned partitions as they would be assigned now: at the last commit.
    pub(super) fn assignments(&self) -> Vec<Assignment> {
        let assignment = |(partition, at): (&Arc<Partition>, i64)| Assignment {
            partition: Arc::clone(partition),
            at,
            committed: true,
            name: None,
        };
        self.committed.iter().map(assignment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Arc<Partition> {
        Arc::new(Partition { source: "k".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 })
    }

    fn stores(at: i64) -> Option<Positions> {
        Some([(partition(), at)].into_iter().collect())
    }

    fn check(committed_at: i64, sinks: &[Option<Positions>], start: i64) {
        let assignment = Assignment { partition: partition(), at: committed_at, committed: true, name: None };
        assert_eq!(Owned::starts(&[assignment], sinks).get(&partition()), Some(start));
    }

    #[test]
    fn starts_at_the_least_over_all_sinks() {
        check(50, &[stores(70)], 70);
        check(50, &[stores(70), stores(60)], 60);
        check(50, &[stores(40), stores(60)], 40);
        check(50, &[stores(70), None], 50);
        check(50, &[stores(70), Some(Positions::new())], 50);
        check(50, &[None], 50);
    }

    #[test]
    fn new_records_start_at_the_greatest_over_all_sinks_and_the_commit() {
        let check = |sinks: &[Option<Positions>], start: i64| {
            let assignment = Assignment { partition: partition(), at: 50, committed: true, name: None };
            assert_eq!(Owned::starts_of_new_records(&[assignment], sinks).get(&partition()), Some(start));
        };
        check(&[stores(70), stores(60)], 70);
        check(&[stores(70), None], 70);
        check(&[stores(40), Some(Positions::new())], 50);
        check(&[], 50);
    }

    #[test]
    fn commits_only_forward_and_only_what_is_owned() {
        let mut owned = Owned::default();
        owned.take(
            &[Assignment { partition: partition(), at: 5, committed: true, name: None }],
            &stores(5).expect("set"),
        );
        assert!(owned.to_commit(&stores(5).expect("set")).is_empty());
        let ahead = stores(9).expect("set");
        assert_eq!(owned.to_commit(&ahead), ahead);
        owned.committed(&ahead);
        assert!(owned.to_commit(&ahead).is_empty());
        owned.unread();
        owned.advance(&stores(12).expect("set"));
        assert!(owned.read().is_empty());
        assert_eq!(owned.assignments()[0].at, 9);
        owned.give_up(&[partition()]);
        assert!(owned.to_commit(&stores(12).expect("set")).is_empty());
    }
}
