//! Topics that are deleted and made anew.

use std::sync::Arc;

use catchwater_sdk::source::Polled;
use catchwater_sdk::{Batch, Error, Partition, Positions, Result};

use super::Kafka;
use super::moves::name;
use super::resolve::incarnation;
use crate::kafka::ffi::Topic;

impl Kafka {
    /// Whether a topic was found to be another than the one that was assigned.
    pub(super) async fn look_for_recreated(&mut self) -> Result<bool> {
        let Some(member) = &self.member else { return Ok(false) };
        let (client, topics) = (Arc::clone(member.client()), self.topics());
        let topics = self.identity.look(&client, topics).await?;
        let Some(topics) = topics else { return Ok(false) };
        Ok(self.replace_recreated(&topics)? || self.resolving.is_some())
    }

    /// As the engine asks by [`Source::confirm`](catchwater_sdk::source::Source::confirm). A topic that is gone is confirmed:
    /// what was read of it cannot be read again, and what came after a pause was confirmed while it was there.
    pub(super) async fn confirm_topics(&mut self) -> Result<()> {
        let read_at = self.partitions.iter().filter(|owned| owned.started).map(|owned| owned.read_at).max();
        if read_at.is_some_and(|read_at| !self.identity.covers(read_at)) {
            let client = Arc::clone(self.member()?.client());
            let topics = self.identity.ask_now(&client, self.topics()).await?;
            self.replace_recreated(&topics)?;
        }
        match self.queued.iter().any(|polled| matches!(polled, Polled::Lost(_))) {
            true => Err(Error::stale("partitions were lost, or their topic was deleted and made anew")),
            false => Ok(()),
        }
    }

    /// The records held, unless their topic is another than the one that was assigned. Where it is gone nobody can tell whether
    /// it was made anew before it went: those are read again once it is there under its id. Cancel safe.
    pub(super) async fn confirmed(&mut self) -> Result<Option<Batch>> {
        let client = Arc::clone(self.member()?.client());
        let topics = self.identity.ask_now(&client, self.topics()).await?;
        let recreated = self.replace_recreated(&topics)?;
        match self.held.take() {
            Some(batch) if self.doubt_gone(&batch, &topics) || recreated => self.put_back(&batch).map(|()| None),
            held => Ok(held),
        }
    }

    /// Whether any of these records are of a topic that is gone.
    fn doubt_gone(&mut self, batch: &Batch, topics: &[Topic]) -> bool {
        let gone = first_of(batch, |partition| topics.iter().all(|topic| topic.name != *partition.stream));
        gone.iter().for_each(|(partition, position)| self.partitions.doubt(partition, position));
        !gone.is_empty()
    }

    /// What was doubtful of topics that are there, and the same, is read again.
    fn read_again(&mut self, topics: &[Topic]) -> Result<()> {
        let starts = self.partitions.settled(|partition| topics.iter().any(|topic| topic.name == *partition.stream));
        if starts.is_empty() { Ok(()) } else { self.read_from(&starts) }
    }

    /// As if these records were not read: those of partitions that are still ours come again, doubtful ones later.
    pub(super) fn put_back(&mut self, batch: &Batch) -> Result<()> {
        let first = first_of(batch, |partition| self.partitions.is_certain(partition));
        self.read_from(&first)
    }

    /// Partitions of topics that are others now are lost, and those of the new topics are ours instead. Whether there are
    /// any.
    pub(super) fn replace_recreated(&mut self, topics: &[Topic]) -> Result<bool> {
        self.resolve_absent(topics);
        let mut replaced = Vec::new();
        for topic in topics {
            let owned = self.partitions.of_topic(&topic.name).map(|owned| &owned.resolved.partition);
            replaced.extend(owned.filter(|partition| &*partition.incarnation != incarnation(topic)).cloned());
        }
        if replaced.is_empty() {
            return self.read_again(topics).map(|()| false);
        }
        self.member()?.unassign(replaced.iter())?;
        for partition in &replaced {
            self.partitions.remove(&partition.stream, partition.number);
        }
        self.resolve(replaced.iter().map(name).collect());
        self.queued.push_back(Polled::Lost(replaced));
        Ok(true)
    }

    /// Partitions that were not there, and are now.
    fn resolve_absent(&mut self, topics: &[Topic]) {
        let there = |(topic, number): &(String, i32)| {
            topics.iter().any(|known| known.name == *topic && *number < known.partitions)
        };
        let (there, absent): (Vec<_>, Vec<_>) = std::mem::take(&mut self.absent).into_iter().partition(there);
        self.absent = absent;
        if !there.is_empty() {
            self.resolve(there);
        }
    }

    /// The topics of all that is ours, there or not.
    pub(super) fn topics(&self) -> Vec<String> {
        let mut topics = self.partitions.topics();
        topics.extend(self.absent.iter().map(|(topic, _)| topic.clone()));
        topics.sort_unstable();
        topics.dedup();
        topics
    }
}

/// The first record of each such partition.
fn first_of(batch: &Batch, is_meant: impl Fn(&Partition) -> bool) -> Positions {
    let mut first = Positions::new();
    for origin in batch.origins().iter().filter(|origin| is_meant(&origin.partition)) {
        let record = batch.iter().find(|record| *record.partition() == *origin.partition);
        record.into_iter().for_each(|record| first.set(Arc::clone(&origin.partition), record.position()));
    }
    first
}
