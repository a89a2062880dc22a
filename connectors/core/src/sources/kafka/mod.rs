//! Reads from Kafka as a member of a consumer group.
//!
//! The client calls back when partitions move; that is only reported here, and the task answers when it is ready: an
//! assignment once every sink was asked where to start, a revocation once what was read is stored and committed. Whatever
//! waits for a broker runs on other threads, so a broker that is away holds up nothing but its own answer.

mod config;
mod identity;
mod member;
mod moves;
mod orphans;
mod partitions;
mod read;
mod reading;
mod recreated;
mod report;
mod resolve;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::source::{Polled, Source, SourceTraits};
use catchwater_sdk::{Batch, Context, Error, Limit, Partition, Positions, Registry, Result, async_trait};
use rdkafka::error::KafkaError;

pub(crate) use self::config::Config;
use self::config::Plan;
use self::identity::Identity;
use self::member::Member;
use self::moves::Resolving;
use self::orphans::Orphans;
use self::partitions::Partitions;
use self::resolve::incarnation;

/// Makes the source known.
pub(crate) fn register(registry: &mut Registry) {
    registry.source("kafka", |config: Config, context: &Context| Ok(Box::new(Kafka::new(Plan::new(config, context)?))));
}

struct Kafka {
    plan: Plan,
    member: Option<Member>,
    partitions: Partitions,
    identity: Identity,
    /// What the engine is told before anything else.
    queued: VecDeque<Polled>,
    /// Partitions that are ours and not yet resolved.
    resolving: Option<Resolving>,
    /// Partitions that are ours and not there: the topic was deleted, and the group has not noticed.
    absent: Vec<(String, i32)>,
    /// Whether the group waits for an answer to an assignment.
    unanswered: bool,
    /// Records that came after a pause: they may be of a topic that was made anew in it.
    held: Option<Batch>,
    /// An error that came right behind a batch.
    failed: Option<KafkaError>,
    look_at: Instant,
    /// Whether it was a member before: then all topics were there.
    has_joined: bool,
    /// When the last move was answered; `None` before the first.
    settled: Option<Instant>,
    /// When another took over this member's name, of late.
    fenced: Vec<Instant>,
    orphans: Orphans,
}

impl Kafka {
    fn new(plan: Plan) -> Kafka {
        Kafka {
            plan,
            member: None,
            partitions: Partitions::default(),
            identity: Identity::new(),
            queued: VecDeque::new(),
            resolving: None,
            absent: Vec::new(),
            unanswered: false,
            held: None,
            failed: None,
            look_at: Instant::now(),
            has_joined: false,
            settled: None,
            fenced: Vec::new(),
            orphans: Orphans::new(),
        }
    }

    fn member(&mut self) -> Result<&mut Member> {
        self.member.as_mut().ok_or_else(|| Error::unavailable("the group has thrown this member out, it joins anew"))
    }
}

// === impl Source ===

#[async_trait]
impl Source for Kafka {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: Some(self.plan.group.as_str().into()),
            rereadable: true,
            keeps_positions: true,
            shareable: true,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<()> {
        match &self.member {
            Some(member) => member.check_contact(&self.plan.brokers).await,
            None => {
                // A topic that was there before is on its way back.
                let needed = if self.has_joined { Vec::new() } else { self.plan.named_topics() };
                self.member = Some(Member::join(&self.plan, needed).await?);
                self.has_joined = true;
                self.identity.settle();
                Ok(())
            }
        }
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        loop {
            if let Some(polled) = self.queued.pop_front() {
                return Ok(polled);
            }
            if self.held.is_some() {
                match self.confirmed().await? {
                    Some(batch) => return Ok(Polled::Records(batch)),
                    None => continue,
                }
            }
            if let Some(error) = self.failed.take() {
                self.judge(&error)?;
                continue;
            }
            if self.resolving.is_some() {
                return self.resolved().await.map(Polled::Assigned);
            }
            if self.look_for_recreated().await? || self.look_for_orphans().await? {
                continue;
            }
            if self.plan.until_end && self.is_at_end() {
                return Ok(Polled::End);
            }
            if let Some(polled) = self.next(limit).await? {
                return Ok(polled);
            }
        }
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.start_at(at).await
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.given_up(partitions)
    }

    async fn confirm(&mut self) -> Result<()> {
        self.confirm_topics().await
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        let client = Arc::clone(self.member()?.client());
        let topics = self.identity.ask_now(&client, self.topics()).await?;
        // Invariant 2: an offset of a topic that was deleted says nothing about the one that has its name now, and the
        // brokers would take it.
        let same = |partition: &Arc<Partition>| {
            topics.iter().any(|topic| topic.name == *partition.stream && incarnation(topic) == &*partition.incarnation)
        };
        let ours = positions.iter().filter(|(partition, _)| self.partitions.has(partition) && same(partition));
        let ours: Positions = ours.map(|(partition, at)| (Arc::clone(partition), at)).collect();
        self.replace_recreated(&topics)?;
        match ours.is_empty() {
            true => Ok(()),
            false => self.member()?.commit(&ours).await,
        }
    }

    async fn close(mut self: Box<Self>, leave: bool) -> Result<()> {
        let Some(mut member) = self.member.take() else { return Ok(()) };
        if leave {
            member.leave().await;
        }
        member.close().await;
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        self.partitions.lag(self.member.as_ref()?.client())
    }
}
