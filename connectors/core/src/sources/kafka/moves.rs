//! Partitions that come and go.

use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::source::{Assignment, Polled};
use catchwater_sdk::{Error, Partition, Positions, Result, ResultExt};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::task::JoinHandle;
use tracing::warn;

use super::Kafka;
use super::report::Move;
use super::resolve::{self, Question, Resolved};
use crate::kafka::ask;

/// Partitions of which it is being found out where they start.
pub(super) struct Resolving {
    partitions: Vec<(String, i32)>,
    answer: Option<JoinHandle<Result<Vec<Resolved>>>>,
}

impl Kafka {
    /// As the engine says at [`Source::start`](catchwater_sdk::source::Source::start).
    pub(super) async fn start_at(&mut self, at: &Positions) -> Result<()> {
        if let Some(batch) = self.held.take() {
            self.put_back(&batch)?;
        }
        let mut starts = Positions::new();
        for (partition, position) in at.iter() {
            if self.partitions.has(partition) {
                starts.set(Arc::clone(partition), self.checked_start(partition, position).await?);
            }
        }
        self.read_from(&starts)?;
        (self.unanswered, self.settled) = (false, Some(Instant::now()));
        // What the engine has forgotten over an error is offered again.
        let forgotten = self.partitions.unstarted();
        if !forgotten.is_empty() {
            self.queued.push_back(Polled::Assigned(forgotten));
        }
        Ok(())
    }

    /// Reading of these goes on there. Also answers the group, if it waits for an answer.
    pub(super) fn read_from(&mut self, starts: &Positions) -> Result<()> {
        let running = |partition: &&Arc<Partition>| {
            self.partitions.get(&partition.stream, partition.number).is_some_and(|owned| owned.started)
        };
        let running: Vec<_> = starts.iter().map(|(partition, _)| partition).filter(running).cloned().collect();
        if !running.is_empty() {
            self.member()?.unassign(running.iter())?;
        }
        if self.unanswered || !starts.is_empty() {
            self.member()?.assign(starts)?;
        }
        for (partition, at) in starts.iter() {
            if let Some(owned) = self.partitions.get_mut(&partition.stream, partition.number) {
                owned.start(at);
            }
        }
        Ok(())
    }

    /// As the engine says at [`Source::release`](catchwater_sdk::source::Source::release).
    pub(super) fn given_up(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.settled = Some(Instant::now());
        for partition in partitions {
            if self.partitions.has(partition) {
                self.partitions.remove(&partition.stream, partition.number);
            }
        }
        self.member()?.unassign(partitions.iter())
    }

    /// What the group says.
    pub(super) fn moved(&mut self, moved: Move) -> Result<Option<Polled>> {
        match moved {
            Move::Assigned(list) => {
                self.unanswered = true;
                self.resolve(names(&list));
                Ok(None)
            }
            Move::Revoking(list) => {
                self.forget_absent(&list);
                let deadline = Instant::now() + self.plan.rebalance_timeout;
                Ok(Some(Polled::Revoking(self.partitions.of(&list), deadline)))
            }
            Move::Lost(list) => {
                self.forget_absent(&list);
                let lost = self.partitions.give_up(&list);
                self.settled = Some(Instant::now());
                self.member()?.unassign(lost.iter())?;
                Ok(Some(Polled::Lost(lost)))
            }
        }
    }

    fn forget_absent(&mut self, list: &TopicPartitionList) {
        self.absent.retain(|(topic, number)| list.find_partition(topic, *number).is_none());
    }

    /// Finds out, in the background, where these partitions start.
    pub(super) fn resolve(&mut self, partitions: Vec<(String, i32)>) {
        let resolving = self.resolving.get_or_insert(Resolving { partitions: Vec::new(), answer: None });
        resolving.partitions.extend(partitions);
        resolving.partitions.sort_unstable();
        resolving.partitions.dedup();
        resolving.answer = None;
    }

    /// Waits until it is known where the partitions start. Cancel safe; after an error it is asked again.
    pub(super) async fn resolved(&mut self) -> Result<Vec<Assignment>> {
        let question = self.question()?;
        let resolving = self.resolving.as_mut().expect("only asked while there are some");
        let answer = resolving.answer.get_or_insert_with(|| tokio::spawn(ask(move || resolve::resolve(question))));
        let answer = answer.await.or_bug(|| "find out where partitions start".into());
        resolving.answer = None;
        let resolved = answer??;
        let mut asked = self.resolving.take().map(|resolving| resolving.partitions).unwrap_or_default();
        asked.retain(|(topic, number)| !resolved.iter().any(|found| found.is(topic, *number)));
        self.absent.extend(asked);
        let assignments = resolved.iter().map(Resolved::assignment).collect();
        for resolved in resolved {
            let (topic, id) = (resolved.partition.stream.to_string(), resolved.partition.incarnation.to_string());
            self.identity.read_before.insert(topic, id);
            self.partitions.take(resolved);
        }
        self.identity.settle();
        Ok(assignments)
    }

    fn question(&mut self) -> Result<Question> {
        let (start, read_before) = (self.plan.start.clone(), self.identity.read_before.clone());
        let partitions = self.resolving.as_ref().map(|resolving| resolving.partitions.clone()).unwrap_or_default();
        let member = self.member()?;
        Ok(Question {
            client: Arc::clone(member.client()),
            cluster: Arc::clone(&member.cluster),
            start,
            partitions,
            read_before,
        })
    }

    /// A position that the topic does not reach means that something is not as it was; guessing would lose or double.
    async fn checked_start(&mut self, partition: &Arc<Partition>, at: i64) -> Result<i64> {
        let owned = self.partitions.get(&partition.stream, partition.number).expect("the caller has looked");
        let (mut low, mut end) = (owned.resolved.low, owned.resolved.end);
        if at < low || at > end {
            let (client, partition) = (Arc::clone(self.member()?.client()), Arc::clone(partition));
            (low, end) = ask(move || resolve::ask_bounds(&client, &partition.stream, partition.number)).await?;
        }
        if at > end {
            return Err(past_the_end(partition, at, end, &self.plan.group));
        }
        if at < low {
            warn!(%partition, gone = low - at, "records were deleted by the topic's retention before they were read");
        }
        Ok(at.max(low))
    }
}

/// A partition as the client names it.
pub(super) fn name(partition: &Arc<Partition>) -> (String, i32) {
    (partition.stream.to_string(), partition.number)
}

fn names(list: &TopicPartitionList) -> Vec<(String, i32)> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

fn past_the_end(partition: &Partition, at: i64, end: i64, group: &str) -> Error {
    Error::refused(format!(
        "position {at} of {partition} is past the end of the topic, which is at {end}: records were taken from the topic, or \
         the group's offsets were set by hand. To go on, set the offsets of group `{group}` with Kafka's own tools, or use \
         another group"
    ))
}
