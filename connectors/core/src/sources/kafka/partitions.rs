//! The partitions that this member has, how far each is read, and where each ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::source::Assignment;
use catchwater_sdk::{BatchBuilder, Partition, Positions};
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::member::Client;
use super::resolve::Resolved;
use crate::kafka::ffi;

/// By topic and number.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, Owned>>,
}

/// A partition that this member has.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) resolved: Resolved,
    /// Whether the engine said where to start.
    pub(super) started: bool,
    /// Where reading goes on.
    pub(super) next: i64,
    /// When a record was last read, or reading was sent somewhere.
    pub(super) read_at: Instant,
    /// Nothing from here on is handed out: the topic was gone when it was asked for.
    pub(super) doubtful: Option<i64>,
    /// Where reading stood when it was sent elsewhere, as long as the client may still speak of that place.
    stood: Option<i64>,
}

impl Partitions {
    /// This one is ours; the engine has not said yet where to start.
    pub(super) fn take(&mut self, resolved: Resolved) {
        let (stream, number) = (Arc::clone(&resolved.partition.stream), resolved.partition.number);
        let owned =
            Owned { next: resolved.at, resolved, started: false, read_at: Instant::now(), doubtful: None, stood: None };
        self.topics.entry(stream).or_default().insert(number, owned);
    }

    /// The partition of this topic and number.
    pub(super) fn get(&self, topic: &str, number: i32) -> Option<&Owned> {
        self.topics.get(topic)?.get(&number)
    }

    /// As [`Partitions::get`].
    pub(super) fn get_mut(&mut self, topic: &str, number: i32) -> Option<&mut Owned> {
        self.topics.get_mut(topic)?.get_mut(&number)
    }

    /// Whether it is ours in just this incarnation, and what was read of it is.
    pub(super) fn is_certain(&self, partition: &Partition) -> bool {
        let owned = self.get(&partition.stream, partition.number);
        owned.is_some_and(|owned| *owned.resolved.partition == *partition && owned.doubtful.is_none())
    }

    /// From here on it is not known whose records they are.
    pub(super) fn doubt(&mut self, partition: &Partition, position: i64) {
        if let Some(owned) = self.get_mut(&partition.stream, partition.number) {
            owned.doubtful.get_or_insert(position);
        }
    }

    /// Where those go on that were doubtful, and are known to be the same.
    pub(super) fn settled(&mut self, is_same: impl Fn(&Partition) -> bool) -> Positions {
        let owned = self.topics.values_mut().flat_map(BTreeMap::values_mut);
        let doubtful = owned.filter(|owned| is_same(&owned.resolved.partition));
        let taken = |owned: &mut Owned| Some((Arc::clone(&owned.resolved.partition), owned.doubtful.take()?));
        doubtful.filter_map(taken).collect()
    }

    /// Whether it is ours in just this incarnation.
    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.get(&partition.stream, partition.number).is_some_and(|owned| *owned.resolved.partition == *partition)
    }

    /// These are no longer ours.
    pub(super) fn give_up(&mut self, list: &TopicPartitionList) -> Vec<Arc<Partition>> {
        let elements = list.elements();
        elements.iter().filter_map(|element| self.remove(element.topic(), element.partition())).collect()
    }

    /// This one is no longer ours.
    pub(super) fn remove(&mut self, topic: &str, number: i32) -> Option<Arc<Partition>> {
        let partitions = self.topics.get_mut(topic)?;
        let removed = partitions.remove(&number)?;
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        Some(removed.resolved.partition)
    }

    /// Those of them that are ours.
    pub(super) fn of(&self, list: &TopicPartitionList) -> Vec<Arc<Partition>> {
        let elements = list.elements();
        let owned = elements.iter().filter_map(|element| self.get(element.topic(), element.partition()));
        owned.map(|owned| Arc::clone(&owned.resolved.partition)).collect()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Owned> {
        self.topics.values().flat_map(BTreeMap::values)
    }

    /// The names of their topics.
    pub(super) fn topics(&self) -> Vec<String> {
        self.topics.keys().map(|topic| topic.to_string()).collect()
    }

    /// Those of a topic.
    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = &Owned> {
        self.topics.get(topic).into_iter().flat_map(BTreeMap::values)
    }

    /// Those that the engine has still to start.
    pub(super) fn unstarted(&self) -> Vec<Assignment> {
        self.iter().filter(|owned| !owned.started).map(|owned| owned.resolved.assignment()).collect()
    }

    /// Whether all are read up to the ends that they had when they were assigned.
    pub(super) fn at_end(&self) -> bool {
        self.iter().all(|owned| owned.started && owned.next >= owned.resolved.end)
    }

    /// Follows the client past what it skips: markers of transactions, aborted records, what compaction left out.
    pub(super) fn follow(&mut self, client: &Client, builder: &mut BatchBuilder) {
        let Ok(positions) = client.position() else { return };
        for element in positions.elements() {
            let owned = self.get_mut(element.topic(), element.partition());
            let Some(owned) = owned.filter(|owned| owned.doubtful.is_none()) else { continue };
            if let Some(position) = owned.trusted(element.offset()).filter(|position| *position > owned.next) {
                owned.next = position;
                let origin = builder.origin(&owned.resolved.partition);
                builder.advance(origin, position);
            }
        }
    }

    /// How many records are between here and the ends that the last fetches saw.
    pub(super) fn lag(&self, client: &Client) -> Option<u64> {
        let behind = |owned: &Owned| {
            let partition = &owned.resolved.partition;
            let end = ffi::last_seen_end(client.client(), &partition.stream, partition.number)?;
            Some(u64::try_from(end - owned.next).unwrap_or(0))
        };
        self.iter().map(behind).sum()
    }
}

impl Owned {
    /// Reading goes on at `at`.
    pub(super) fn start(&mut self, at: i64) {
        self.stood = self.started.then_some(self.next);
        self.started = true;
        self.doubtful = None;
        self.next = at;
        self.read_at = Instant::now();
    }

    /// Everything before `next` was read.
    pub(super) fn read(&mut self, next: i64, now: Instant) {
        self.read_at = now;
        if next > self.next {
            self.next = next;
            self.stood = None;
        }
    }

    /// The client's position, unless it may be one from before reading was sent elsewhere. Following that would skip
    /// records.
    fn trusted(&mut self, position: Offset) -> Option<i64> {
        match (position, self.stood) {
            (Offset::Offset(position), None) => Some(position),
            (Offset::Offset(position), Some(stood)) if position < stood => {
                self.stood = None;
                Some(position)
            }
            (Offset::Offset(_), Some(_)) => None,
            // The client has forgotten where it stood.
            _ => {
                self.stood = None;
                None
            }
        }
    }
}
