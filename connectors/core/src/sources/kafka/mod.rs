//! Reads from Kafka as a member of a consumer group.
//!
//! The client calls back when partitions move; that is only reported here, and the task answers when it is ready: an
//! assignment once every sink was asked where to start, a revocation once what was read is stored and committed. Whatever
//! waits for a broker runs on other threads, so a broker that is away holds up nothing but its own answer.

mod config;
mod identity;
mod member;
mod partitions;
mod read;
mod report;
mod resolve;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::source::{Polled, Source, SourceTraits};
use catchwater_sdk::{
    Batch, BatchBuilder, Context, Error, Limit, Partition, Positions, Registry, Result, ResultExt, async_trait,
};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use self::config::{Config, Plan};
use self::identity::Identity;
use self::member::Member;
use self::partitions::Partitions;
use self::read::Next;
use self::report::Move;
use self::resolve::{Question, Resolved, incarnation};
use crate::kafka::ask;
use crate::kafka::failure::failure;
use crate::kafka::ffi::Topic;

/// How often it is looked where the client stands when no record comes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A member without partitions has reached the end once it was given none for this long: a group that just grew hands
/// out partitions in two steps.
const EMPTY_FOR: Duration = Duration::from_secs(3);
/// A member that is fenced twice within this time shares its name with another.
const FENCED_AGAIN: Duration = Duration::from_secs(60);

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
    /// Whether the group waits for an answer to an assignment.
    unanswered: bool,
    /// Records that came after a pause: they may be of a topic that was made anew in it.
    held: Option<Batch>,
    /// An error that came right behind a batch.
    failed: Option<KafkaError>,
    look_at: Instant,
    /// When the last move was answered; `None` before the first.
    settled: Option<Instant>,
}

struct Resolving {
    partitions: Vec<(String, i32)>,
    answer: Option<JoinHandle<Result<Vec<Resolved>>>>,
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
            unanswered: false,
            held: None,
            failed: None,
            look_at: Instant::now(),
            settled: None,
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
        }
    }

    async fn open(&mut self) -> Result<()> {
        match &self.member {
            Some(member) => member.check_contact(&self.plan.brokers).await,
            None => {
                self.member = Some(Member::join(&self.plan).await?);
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
            if self.look_for_recreated().await? {
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
        if let Some(batch) = self.held.take() {
            self.put_back(&batch)?;
        }
        let mut starts = Positions::new();
        for (partition, position) in at.iter() {
            if self.partitions.has(partition) {
                starts.set(Arc::clone(partition), self.checked_start(partition, position).await?);
            }
        }
        let running = |partition: &&Arc<Partition>| {
            self.partitions.get(&partition.stream, partition.number).is_some_and(|owned| owned.started)
        };
        let restarted: Vec<_> = starts.iter().map(|(partition, _)| partition).filter(running).cloned().collect();
        if !restarted.is_empty() {
            self.member()?.unassign(restarted.iter())?;
        }
        if self.unanswered || !starts.is_empty() {
            self.member()?.assign(&starts)?;
        }
        self.started(&starts);
        Ok(())
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.settled = Some(Instant::now());
        for partition in partitions.iter().filter(|partition| self.partitions.has(partition)).collect::<Vec<_>>() {
            self.partitions.remove(&partition.stream, partition.number);
        }
        self.member()?.unassign(partitions.iter())
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        let client = Arc::clone(self.member()?.client());
        let topics = self.identity.ask_now(&client, self.partitions.topics()).await?;
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

// === reading ===

impl Kafka {
    async fn next(&mut self, limit: Limit) -> Result<Option<Polled>> {
        let look_at = self.look_at;
        self.member()?;
        let member = self.member.as_mut().expect("it was asked for just now");
        match read::next(member, &mut self.partitions, limit, look_at).await {
            Next::Move(moved) => self.moved(moved),
            Next::Records(read) => {
                self.failed = read.failed;
                if !read.after_pause {
                    return Ok(Some(Polled::Records(read.batch)));
                }
                self.held = Some(read.batch);
                Ok(None)
            }
            Next::Failed(error) => {
                self.failed = Some(error);
                Ok(None)
            }
            Next::Look => Ok(self.look()),
        }
    }

    /// A batch without records where the client went on without handing out any.
    fn look(&mut self) -> Option<Polled> {
        self.look_at = Instant::now() + LOOK_EVERY;
        let client = self.member.as_ref()?.client();
        let mut builder = BatchBuilder::new(Limit::default());
        self.partitions.follow(client, &mut builder);
        let batch = builder.finish();
        (!batch.origins().is_empty()).then_some(Polled::Records(batch))
    }

    fn is_at_end(&self) -> bool {
        let settled =
            self.settled.is_some_and(|since| self.partitions.iter().next().is_some() || since.elapsed() >= EMPTY_FOR);
        settled && !self.unanswered && self.partitions.at_end()
    }

    /// What an error between messages means. librdkafka connects again by itself, so most mean nothing.
    fn judge(&mut self, error: &KafkaError) -> Result<()> {
        match error {
            KafkaError::PartitionEOF(_) => self.look_at = Instant::now(),
            KafkaError::MessageConsumptionFatal(code) => return self.thrown_out(*code),
            KafkaError::MessageConsumption(code) => return self.judge_code(*code),
            error => return Err(Error::unavailable("read from Kafka").because(error.clone())),
        }
        Ok(())
    }

    fn judge_code(&mut self, code: Code) -> Result<()> {
        match code {
            Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut | Code::NodeUpdate => {
                debug!(%code, "a connection to a broker is down");
            }
            // The topic is gone, or was: if it came back, it is another.
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
                debug!(%code, "a topic is gone");
                self.identity.doubt();
            }
            Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(),
            Code::PollExceeded => {
                warn!("the sinks were busy for longer than `max.poll.interval.ms`, the partitions were lost")
            }
            code => return Err(failure("read from Kafka", code)),
        }
        Ok(())
    }

    /// The client does not say which partition it is. Each is looked at anew: those in range just go on.
    fn out_of_range(&mut self) {
        warn!("a position is outside of what its topic holds, all are looked at anew");
        self.identity.doubt();
        let partitions: Vec<_> = self.partitions.iter().map(|owned| Arc::clone(&owned.resolved.partition)).collect();
        let stopped = self.member.as_ref().map(|member| member.unassign(partitions.iter()));
        if let Some(Err(error)) = stopped {
            debug!(error = %error.chain(), "give up partitions out of range");
        }
        self.queued.push_back(Polled::Lost(partitions));
        self.resolve(self.partitions.iter().map(|owned| name(&owned.resolved.partition)).collect());
        self.partitions = Partitions::default();
    }

    /// The group no longer knows this member, for good: another has its name, or a broker forgot it. Only a new client helps.
    fn thrown_out(&mut self, code: Code) -> Result<()> {
        let Some(member) = self.member.take() else { return Ok(()) };
        let partitions = self.partitions.iter().map(|owned| Arc::clone(&owned.resolved.partition)).collect();
        self.partitions = Partitions::default();
        (self.resolving, self.unanswered, self.settled) = (None, false, None);
        self.queued.push_back(Polled::Lost(partitions));
        if code == Code::FencedInstanceId && member.since.elapsed() < FENCED_AGAIN {
            let name = &self.plan.member;
            let text =
                format!("another process is in the group as `{name}`: give each process a data folder of its own");
            return Err(Error::refused(text).because(code));
        }
        warn!(%code, "the group has thrown this member out, it joins anew");
        Ok(())
    }
}

// === moves ===

impl Kafka {
    fn moved(&mut self, moved: Move) -> Result<Option<Polled>> {
        match moved {
            Move::Assigned(list) => {
                self.unanswered = true;
                self.resolve(names(&list));
                Ok(None)
            }
            Move::Revoking(list) => {
                let deadline = Instant::now() + self.plan.rebalance_timeout;
                Ok(Some(Polled::Revoking(self.partitions.of(&list), deadline)))
            }
            Move::Lost(list) => {
                let lost = self.partitions.give_up(&list);
                self.settled = Some(Instant::now());
                self.member()?.unassign(lost.iter())?;
                Ok(Some(Polled::Lost(lost)))
            }
        }
    }

    /// Finds out, in the background, where these partitions start.
    fn resolve(&mut self, partitions: Vec<(String, i32)>) {
        let resolving = self.resolving.get_or_insert(Resolving { partitions: Vec::new(), answer: None });
        resolving.partitions.extend(partitions);
        resolving.answer = None;
    }

    /// Waits until it is known where the partitions start. Cancel safe; after an error it is asked again.
    async fn resolved(&mut self) -> Result<Vec<catchwater_sdk::source::Assignment>> {
        let question = self.question()?;
        let resolving = self.resolving.as_mut().expect("only asked while there are some");
        let answer = resolving.answer.get_or_insert_with(|| tokio::spawn(ask(move || resolve::resolve(question))));
        let answer = answer.await.or_bug(|| "find out where partitions start".into());
        resolving.answer = None;
        let resolved = answer??;
        self.resolving = None;
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

    /// Reading of these goes on there. What the engine has forgotten over an error is offered again.
    fn started(&mut self, starts: &Positions) {
        for (partition, at) in starts.iter() {
            if let Some(owned) = self.partitions.get_mut(&partition.stream, partition.number) {
                owned.start(at);
            }
        }
        self.unanswered = false;
        self.settled = Some(Instant::now());
        let forgotten = self.partitions.unstarted();
        if !forgotten.is_empty() {
            self.queued.push_back(Polled::Assigned(forgotten));
        }
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

// === topics made anew ===

impl Kafka {
    /// Whether a topic was found to be another than the one that was assigned.
    async fn look_for_recreated(&mut self) -> Result<bool> {
        let Some(member) = &self.member else { return Ok(false) };
        let partitions = &self.partitions;
        let topics = self.identity.look(member.client(), || partitions.topics()).await?;
        topics.map_or(Ok(false), |topics| self.replace_recreated(&topics))
    }

    /// The records held, unless their topic is another than the one that was assigned. Cancel safe.
    async fn confirmed(&mut self) -> Result<Option<Batch>> {
        let client = Arc::clone(self.member()?.client());
        let topics = self.identity.ask_now(&client, self.partitions.topics()).await?;
        let recreated = self.replace_recreated(&topics)?;
        match self.held.take() {
            Some(batch) if recreated => self.put_back(&batch).map(|()| None),
            held => Ok(held),
        }
    }

    /// As if these records were not read: those of partitions that are still ours come again.
    fn put_back(&mut self, batch: &Batch) -> Result<()> {
        let mut first = Positions::new();
        for origin in batch.origins().iter().filter(|origin| self.partitions.has(&origin.partition)) {
            let records = batch.iter().find(|record| *record.partition() == *origin.partition);
            records.into_iter().for_each(|record| first.set(Arc::clone(&origin.partition), record.position()));
        }
        self.member()?.unassign(first.iter().map(|(partition, _)| partition))?;
        self.member()?.assign(&first)?;
        for (partition, at) in first.iter() {
            if let Some(owned) = self.partitions.get_mut(&partition.stream, partition.number) {
                owned.start(at);
            }
        }
        Ok(())
    }

    /// Partitions of topics that are others now are lost, and those of the new topics are ours instead.
    fn replace_recreated(&mut self, topics: &[Topic]) -> Result<bool> {
        let mut replaced = Vec::new();
        for topic in topics {
            let owned = self.partitions.of_topic(&topic.name).map(|owned| &owned.resolved.partition);
            replaced.extend(owned.filter(|partition| &*partition.incarnation != incarnation(topic)).cloned());
        }
        if replaced.is_empty() {
            return Ok(false);
        }
        self.member()?.unassign(replaced.iter())?;
        for partition in &replaced {
            self.partitions.remove(&partition.stream, partition.number);
        }
        self.resolve(replaced.iter().map(name).collect());
        self.queued.push_back(Polled::Lost(replaced));
        Ok(true)
    }
}

fn name(partition: &Arc<Partition>) -> (String, i32) {
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
