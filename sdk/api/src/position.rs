//! Where records come from, how far they were read, and the barriers that carry it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One ordered sequence of records of another system: the unit of order, ownership and position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Which system: Kafka's cluster id, a host's name, a generator's seed.
    pub source: Arc<str>,
    /// Topic, queue, subject or file.
    pub stream: Arc<str>,
    /// Which life of the stream, where it can be deleted and made anew under the same name: a topic's id, a file's inode.
    /// Positions of two incarnations have nothing to do with each other.
    pub incarnation: Arc<str>,
    /// The number of the partition; 0 where a stream has but one.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.stream, self.number)
    }
}

/// For each partition the position after the last record read: where reading goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Arc<Partition>, i64>);

impl Positions {
    /// No partition.
    pub fn new() -> Positions {
        Positions::default()
    }

    /// The position of a partition.
    pub fn get(&self, partition: &Partition) -> Option<i64> {
        self.0.get(partition).copied()
    }

    /// Sets the position of a partition, forward or back.
    pub fn set(&mut self, partition: Arc<Partition>, position: i64) {
        self.0.insert(partition, position);
    }

    /// Moves a partition forward; never back (Invariant 2).
    pub fn advance(&mut self, partition: &Arc<Partition>, position: i64) {
        match self.0.get_mut(partition) {
            Some(at) => *at = position.max(*at),
            None => self.set(Arc::clone(partition), position),
        }
    }

    /// Moves every partition of `other` forward.
    pub fn advance_all(&mut self, other: &Positions) {
        for (partition, position) in other.iter() {
            self.advance(partition, position);
        }
    }

    /// Forgets a partition.
    pub fn remove(&mut self, partition: &Partition) -> Option<i64> {
        self.0.remove(partition)
    }

    /// The positions of these partitions alone.
    pub fn of(&self, partitions: &[Arc<Partition>]) -> Positions {
        partitions.iter().filter_map(|p| Some((Arc::clone(p), self.get(p)?))).collect()
    }

    /// All, in order of partition.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Partition>, i64)> {
        self.0.iter().map(|(partition, position)| (partition, *position))
    }

    /// How many partitions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Arc<Partition>, i64)> for Positions {
    fn from_iter<I: IntoIterator<Item = (Arc<Partition>, i64)>>(iter: I) -> Positions {
        Positions(iter.into_iter().collect())
    }
}

/// What a barrier asks of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BarrierKind {
    /// Be safe: what came before must survive a crash, by broker confirms or a synced log.
    Mark,
    /// Store: close files, commit the table.
    Cut,
}

/// Travels behind the records it covers. Numbers count within one run of a task; only positions are ever stored.
#[derive(Clone, Debug)]
pub struct Barrier {
    /// Ascends by one within a run of a task.
    pub number: u64,
    /// What it asks.
    pub kind: BarrierKind,
    /// For each partition the task owns, the position after the last record before this barrier.
    pub positions: Arc<Positions>,
    /// The last before a stop, a hand-over or an end: what can be put off must not be.
    pub last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> Arc<Partition> {
        Arc::new(Partition { source: "s".into(), stream: "orders".into(), incarnation: "1".into(), number })
    }

    #[test]
    fn advance_never_moves_back() {
        let mut positions = Positions::new();
        positions.advance(&partition(0), 7);
        positions.advance(&partition(0), 5);
        assert_eq!(positions.get(&partition(0)), Some(7));
    }

    #[test]
    fn of_keeps_only_what_is_asked_and_known() {
        let positions: Positions = [(partition(0), 1), (partition(1), 2)].into_iter().collect();
        let some = positions.of(&[partition(1), partition(9)]);
        assert_eq!(some.iter().map(|(p, at)| (p.number, at)).collect::<Vec<_>>(), [(1, 2)]);
    }
}
