//! Taps topics of Kafka: reads their partitions without a group.
//!
//! The partitions are assigned, never subscribed to, and nothing is committed: no group appears and no offset moves. So a
//! regular expression stands for the topics that match when the tap begins.

use std::collections::HashMap;
use std::sync::Arc;

use catchwater_sdk::config::Node;
use catchwater_sdk::{Batch, BatchBuilder, Error, Limit, Partition, Result, async_trait, nearest};
use futures::{FutureExt, StreamExt};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use regex_lite::Regex;
use serde::Deserialize;
use tracing::{debug, warn};

use super::{Address, Tap, Way, configuration, read};
use crate::address;
use crate::begin::Begin;
use crate::kafka::connection::Connection;
use crate::kafka::failure::{code_of, failure};
use crate::kafka::message::append;
use crate::kafka::offsets::{self, Named};
use crate::kafka::trouble::{self, Trouble};
use crate::kafka::{ANSWER_WITHIN, ask, ffi, reading, unknown_topics};
use crate::sources::kafka;

/// What a URL says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "..")]
    connection: Connection,
    topic: Option<String>,
}

/// The client wants the name of a group before it reads; the brokers never hear of a member.
const NO_GROUP: &str = "catchwater-tap";

/// Only listens.
#[derive(Default)]
struct Listener(Trouble);

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trouble::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }
}

impl ConsumerContext for Listener {}

type Client = StreamConsumer<Listener>;

struct KafkaTap {
    client: ClientConfig,
    wanted: Wanted,
    /// Once it is open.
    open: Option<Open>,
}

/// What is to be tapped.
#[derive(Clone)]
struct Wanted {
    brokers: String,
    topics: Vec<String>,
    patterns: Vec<Regex>,
    begin: Begin,
}

struct Open {
    client: Arc<Client>,
    /// Of each topic, by their number.
    partitions: HashMap<String, Vec<Arc<Partition>>>,
}

/// A tap for `kafka://host:9092/topic`.
pub(super) fn build(address: &Address<'_>, way: Way) -> Result<Box<dyn Tap>> {
    let keys = address::kafka(address.rest).map_err(Error::config)?;
    let config: Config = configuration(keys, address.options)?;
    let topic = config.topic.ok_or_else(|| Error::config("which topic? write kafka://host:9092/topic"))?;
    tap(&config.connection, vec![topic], way)
}

/// A tap for what a source of a pipeline reads.
pub(super) fn beside(source: &Node, way: Way) -> Result<Box<dyn Tap>> {
    let source: kafka::Config = read(source)?;
    let (connection, topics) = source.tapped();
    tap(&connection, topics, way)
}

fn tap(connection: &Connection, topics: Vec<String>, Way { begin, consume }: Way) -> Result<Box<dyn Tap>> {
    if consume {
        return Err(Error::config("a topic is read without being consumed: leave --consume out"));
    }
    let defaults = [
        ("client.id", "catchwater-tap".to_owned()),
        ("group.id", NO_GROUP.to_owned()),
        // What retention takes away while it is read goes on with what is left.
        ("auto.offset.reset", "earliest".to_owned()),
        ("queued.max.messages.kbytes", "4096".to_owned()),
    ];
    let client = connection.client_config(&[&reading()[..], &defaults].concat(), &[])?;
    let (patterns, topics): (Vec<_>, _) = topics.into_iter().partition(|topic| topic.starts_with('^'));
    let patterns = patterns.iter().map(|text| pattern(text)).collect::<Result<_>>()?;
    let wanted = Wanted { brokers: connection.brokers.clone(), topics, patterns, begin };
    Ok(Box::new(KafkaTap { client, wanted, open: None }))
}

fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| Error::config(format!("`{text}` is no regular expression")).because(error))
}

// === impl KafkaTap ===

impl KafkaTap {
    /// Looks at the topics and begins to read. Blocks.
    fn connect(client: Arc<Client>, wanted: &Wanted) -> Result<Open> {
        let explain = |code| {
            hear_troubles(&client);
            client.context().0.explain(&format!("reach the brokers at {}", wanted.brokers), code)
        };
        ffi::check_contact(client.client()).map_err(explain)?;
        let cluster = client.client().fetch_cluster_id(ANSWER_WITHIN);
        let cluster: Arc<str> = cluster.ok_or_else(|| explain(Code::OperationTimedOut))?.into();
        let known = ffi::describe_topics(client.client(), &wanted.names(&client)?, ANSWER_WITHIN).map_err(explain)?;
        if let Some(unknown) = wanted.topics.iter().find(|topic| known.iter().all(|known| known.name != **topic)) {
            return Err(no_topic(&client, unknown, &wanted.brokers));
        }
        let numbers = |topic: &ffi::Topic| (0..topic.partitions).map(|number| (topic.name.clone(), number)).collect();
        let all: Vec<Named> = known.iter().flat_map::<Vec<_>, _>(numbers).collect();
        let begins = offsets::begins(&*client, &all, wanted.begin);
        let unanswered = |error| client.context().0.explain("ask for the offsets of the topics", code_of(&error));
        let begins = begins.map_err(unanswered)?.into_iter().map(Offset::Offset);
        let list: TopicPartitionList = all.into_iter().zip(begins).collect();
        client.assign(&list).map_err(|error| Error::unavailable("read topics").because(error))?;
        let partitions = known.iter().map(|topic| (topic.name.clone(), partitions(topic, &cluster))).collect();
        Ok(Open { client, partitions })
    }
}

fn partitions(topic: &ffi::Topic, cluster: &Arc<str>) -> Vec<Arc<Partition>> {
    let (stream, incarnation): (Arc<str>, Arc<str>) =
        (topic.name.as_str().into(), topic.id.as_deref().unwrap_or_default().into());
    let partition = |number| {
        let (source, stream, incarnation) = (Arc::clone(cluster), Arc::clone(&stream), Arc::clone(&incarnation));
        Arc::new(Partition { source, stream, incarnation, number })
    };
    (0..topic.partitions).map(partition).collect()
}

// === impl Wanted ===

impl Wanted {
    /// The topics that are named, and those that match now. Blocks.
    fn names(&self, client: &Client) -> Result<Vec<String>> {
        let mut names = self.topics.clone();
        if self.patterns.is_empty() {
            return Ok(names);
        }
        let metadata = client.fetch_metadata(None, ANSWER_WITHIN);
        let metadata =
            metadata.map_err(|error| Error::unavailable("ask the brokers for their topics").because(error))?;
        let all = metadata.topics().iter().map(|topic| topic.name());
        names.extend(all.filter(|name| self.patterns.iter().any(|pattern| pattern.is_match(name))).map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        match names.is_empty() {
            true => Err(Error::refused(format!("no topic of the brokers at {} matches {}", self.brokers, self.said()))),
            false => Ok(names),
        }
    }

    fn said(&self) -> String {
        let patterns = self.patterns.iter().map(Regex::as_str);
        let said = self.topics.iter().map(String::as_str).chain(patterns).map(|topic| format!("`{topic}`"));
        said.collect::<Vec<_>>().join(", ")
    }
}

#[async_trait]
impl Tap for KafkaTap {
    async fn open(&mut self) -> Result<()> {
        let client: Client = self
            .client
            .create_with_context(Listener::default())
            .map_err(|error| Error::config("make a Kafka client").because(error))?;
        let (client, wanted) = (Arc::new(client), self.wanted.clone());
        self.open = Some(ask(move || KafkaTap::connect(client, &wanted)).await?);
        Ok(())
    }

    async fn next(&mut self, limit: Limit) -> Result<Batch> {
        let open = self.open.as_ref().ok_or_else(|| Error::bug("read a tap that is not open"))?;
        let mut stream = open.client.stream();
        loop {
            match stream.next().await.expect("a stream of messages never ends") {
                Ok(first) => {
                    let mut builder = BatchBuilder::new(limit);
                    open.push(&mut builder, &first);
                    while !builder.is_full()
                        && let Some(Some(Ok(message))) = stream.next().now_or_never()
                    {
                        open.push(&mut builder, &message);
                    }
                    return Ok(builder.finish());
                }
                Err(error) => self.judge(&error)?,
            }
        }
    }
}

impl KafkaTap {
    /// The client connects again by itself: most errors mean nothing.
    fn judge(&self, error: &KafkaError) -> Result<()> {
        let code = code_of(error);
        match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
                Err(Error::refused(format!("a topic is gone of {}", self.wanted.said())).because(code))
            }
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism => Err(failure(format!("read {}", self.wanted.said()), code)),
            Code::AllBrokersDown => {
                warn!(brokers = %self.wanted.brokers, "no broker answers, the tap waits for one");
                Ok(())
            }
            code => {
                debug!(%code, "a tap met an error");
                Ok(())
            }
        }
    }
}

// === impl Open ===

impl Open {
    fn push(&self, builder: &mut BatchBuilder, message: &BorrowedMessage<'_>) {
        // A topic that grows has partitions that nobody assigned; they give no messages.
        let (of_topic, number) = (self.partitions.get(message.topic()), usize::try_from(message.partition()).ok());
        if let Some(partition) = of_topic.zip(number).and_then(|(partitions, number)| partitions.get(number)) {
            let origin = builder.origin(partition);
            append(builder, origin, message);
        }
    }
}

/// The name may be mistyped: the brokers know the others.
fn no_topic(client: &Client, topic: &str, brokers: &str) -> Error {
    let unknown = unknown_topics(&[topic.to_owned()], brokers);
    let Ok(metadata) = client.fetch_metadata(None, ANSWER_WITHIN) else { return unknown };
    match nearest(topic, metadata.topics().iter().map(|known| known.name())) {
        Some(near) => Error::refused(format!("{unknown}; did you mean `{near}`?")),
        None => unknown,
    }
}

/// Lets the client say what went wrong so far, which it does from within polling.
fn hear_troubles(client: &Client) {
    let mut stream = client.stream();
    for _ in 0..100 {
        let _ = stream.next().now_or_never(); // errors were noted on the way
    }
}
