//! A member of the consumer group: the client and what is asked of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Partition, Positions, Result};
use futures::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::config::Plan;
use super::report::{Move, Report};
use crate::kafka::failure::failure;
use crate::kafka::ffi::{self, CommitAnswer, Topic};
use crate::kafka::{ANSWER_WITHIN, ask, unknown_topics};

/// The client as it is shared with threads that wait for brokers.
pub(super) type Client = Arc<StreamConsumer<Report>>;

/// How long a commit may take before it is left to the next checkpoint.
const COMMIT_WITHIN: Duration = Duration::from_secs(10);
/// How long a member that leaves waits for a join that is under way: the brokers count it, and it has no name yet to leave
/// under. They may take three seconds over the first join of a group.
const JOIN_WITHIN: Duration = Duration::from_secs(4);
/// A join that takes longer is not waited for.
const JOINING_AT_MOST: Duration = Duration::from_secs(15);
/// How long others wait at most for us to leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long is waited for the client's end: it has the answers to its last commits to hear first, and with brokers that are
/// away none comes.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// Precedes the topic's id in the metadata of each commit.
const TOPIC_ID: &str = "topic-id=";

/// A member of the consumer group.
pub(super) struct Member {
    client: Option<Client>,
    joining_since: Instant,
    pub(super) moves: UnboundedReceiver<Move>,
    /// Which cluster this is: two of them may have a topic of one name.
    pub(super) cluster: Arc<str>,
}

impl Member {
    /// Makes a client, checks that these topics exist, and joins the group.
    pub(super) async fn join(plan: &Plan, needed: Vec<String>) -> Result<Member> {
        let (sender, moves) = unbounded_channel();
        let client: Result<StreamConsumer<Report>, _> = plan.client.create_with_context(Report::new(sender));
        let client = Arc::new(client.map_err(|error| Error::config("make a Kafka client").because(error))?);
        let mut member = Member { client: Some(client), joining_since: Instant::now(), moves, cluster: "".into() };
        member.cluster = member.contact(plan, needed).await?;
        let topics: Vec<&str> = plan.topics.iter().map(String::as_str).collect();
        let subscribed = member.client().subscribe(&topics);
        member.joining_since = Instant::now();
        subscribed
            .map_err(|error| Error::config(format!("subscribe to {topics:?}")).at_key("topics").because(error))?;
        Ok(member)
    }

    /// The client, which lives as long as this member.
    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("only dropping takes the client away")
    }

    /// Asks the brokers who they are, and whether they know the topics.
    async fn contact(&self, plan: &Plan, needed: Vec<String>) -> Result<Arc<str>> {
        let (client, brokers) = (Arc::clone(self.client()), plan.brokers.clone());
        ask(move || {
            let explain = |code| {
                hear_troubles(&client);
                client.context().trouble().explain(&format!("reach the brokers at {brokers}"), code)
            };
            ffi::check_contact(client.client()).map_err(explain)?;
            let cluster = client.client().fetch_cluster_id(ANSWER_WITHIN);
            let cluster = cluster.ok_or_else(|| explain(Code::OperationTimedOut))?;
            let known = describe(&client, &needed)?;
            let unknown = |name: &&String| known.iter().all(|topic| topic.name != **name);
            let unknown: Vec<String> = needed.iter().filter(unknown).cloned().collect();
            if unknown.is_empty() {
                Ok(cluster.into())
            } else {
                Err(unknown_topics(&unknown, &brokers).at_key("topics"))
            }
        })
        .await
    }

    /// Whether the brokers answer.
    pub(super) async fn check_contact(&self, brokers: &str) -> Result<()> {
        let (client, doing) = (Arc::clone(self.client()), format!("reach the brokers at {brokers}"));
        ask(move || check_contact(&client, &doing)).await
    }

    /// Starts reading partitions. Answers an `Assigned`, also with nothing.
    pub(super) fn assign(&self, positions: &Positions) -> Result<()> {
        let list = offsets(positions.iter());
        self.client().incremental_assign(&list).map_err(|error| unavailable("assign partitions", &error))
    }

    /// Stops reading partitions. Answers a `Revoking`, also with nothing.
    pub(super) fn unassign<'a>(&self, partitions: impl Iterator<Item = &'a Arc<Partition>>) -> Result<()> {
        // Unassigning one that was never assigned would fail as a whole, and leave the group waiting.
        let assigned = self.client().assignment().map_err(|error| unavailable("ask for the assignment", &error))?;
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            if assigned.find_partition(&partition.stream, partition.number).is_some() {
                list.add_partition(&partition.stream, partition.number);
            }
        }
        self.client().incremental_unassign(&list).map_err(|error| unavailable("give up partitions", &error))
    }

    /// Commits, with the topic's id beside each offset: an offset of a topic that was deleted says so.
    pub(super) async fn commit(&self, positions: &Positions) -> Result<()> {
        let list = offsets(positions.iter());
        for (partition, _) in positions.iter() {
            if let Some(mut element) = list.find_partition(&partition.stream, partition.number) {
                element.set_metadata(format!("{TOPIC_ID}{}", partition.incarnation));
            }
        }
        let answer = CommitAnswer::request(self.client().client(), &list);
        let until = Instant::now() + COMMIT_WITHIN;
        while Instant::now() < until {
            match answer.take() {
                Some(Ok(())) => return Ok(()),
                Some(Err(code)) => return Err(failure("commit offsets", code)),
                None => sleep(Duration::from_millis(2)).await,
            }
        }
        Err(failure("commit offsets", Code::OperationTimedOut))
    }

    /// Leaves the group, so that others take over at once instead of after the session's end.
    pub(super) async fn leave(&mut self) {
        let client = Arc::clone(self.client());
        client.context().close();
        self.answer_open_moves();
        if self.joining_since.elapsed() < JOINING_AT_MOST {
            let _ = timeout(JOIN_WITHIN, until_member(&client, true)).await; // it may have been no member for long
        }
        client.unsubscribe();
        if timeout(LEAVE_WITHIN, until_member(&client, false)).await.is_err() {
            debug!("the group did not confirm that we left");
        }
    }

    /// Ends the client without leaving the group: whoever comes back under this name has its partitions at once.
    /// Waits until librdkafka's threads are done, or for a while: they end by themselves.
    pub(super) async fn close(mut self) {
        let client = self.retire();
        let ended = tokio::task::spawn_blocking(move || drop(client));
        if timeout(CLOSE_WITHIN, ended).await.is_err() {
            debug!("the client has not ended yet, it goes on by itself");
        }
    }

    fn retire(&mut self) -> Option<Client> {
        let client = self.client.as_ref()?;
        client.context().close();
        self.answer_open_moves();
        self.client.take()
    }

    /// A move that nobody will answer would keep the client from closing.
    fn answer_open_moves(&mut self) {
        let client = Arc::clone(self.client());
        let assigned = client.assignment().unwrap_or_default();
        while self.moves.try_recv().is_ok() {}
        let answers = client.incremental_assign(&TopicPartitionList::new()).and(client.incremental_unassign(&assigned));
        if let Err(error) = answers {
            debug!(%error, "partitions given up while closing");
        }
    }
}

impl Drop for Member {
    /// An abandoned client closes on a thread of its own: closing blocks, and the one who abandons must not.
    fn drop(&mut self) {
        if let Some(client) = self.retire() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// Waits until the client is a member of its group, or is none. Joins and leaves are sent from within polling; what still
/// comes is nobody's to read.
async fn until_member(client: &Client, is_member: bool) {
    while ffi::is_no_member(client.client()) == is_member {
        while client.stream().next().now_or_never().is_some() {}
        sleep(Duration::from_millis(10)).await;
    }
}

/// Lets the client say what went wrong so far, which it does from within polling. For a client that has not subscribed:
/// there is nothing else to hear.
fn hear_troubles(client: &Client) {
    let mut stream = client.stream();
    for _ in 0..100 {
        let _ = stream.next().now_or_never(); // errors were noted on the way
    }
}

/// Whether the brokers answer. Blocks.
fn check_contact(client: &Client, doing: &str) -> Result<()> {
    let trouble = client.context().trouble();
    ffi::check_contact(client.client()).map_err(|code| trouble.explain(doing, code))?;
    trouble.clear();
    Ok(())
}

/// Describes topics; one that is unknown is missing from the answer. Blocks.
pub(super) fn describe(client: &Client, names: &[String]) -> Result<Vec<Topic>> {
    let doing = "ask the brokers about the topics";
    if names.is_empty() {
        // That they answer is worth to know all the same.
        return check_contact(client, doing).map(|()| Vec::new());
    }
    let answer = ffi::describe_topics(client.client(), names, ANSWER_WITHIN);
    answer.map_err(|code| client.context().trouble().explain(doing, code))
}

/// The topic id in the metadata of a commit, if we wrote it.
pub(super) fn committed_topic_id(metadata: &str) -> Option<&str> {
    metadata.strip_prefix(TOPIC_ID)
}

fn offsets<'a>(positions: impl Iterator<Item = (&'a Arc<Partition>, i64)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, at) in positions {
        let added = list.add_partition_offset(&partition.stream, partition.number, Offset::Offset(at));
        added.expect("a partition that was just added takes an offset");
    }
    list
}

/// The group has moved on; it says how at the next poll.
fn unavailable(doing: &str, error: &KafkaError) -> Error {
    Error::unavailable(doing).because(error.clone())
}
