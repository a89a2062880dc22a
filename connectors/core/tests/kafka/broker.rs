//! The broker of the tests: topics of their own, records to read, records that were written, and components to try.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use catchwater_sdk::config::parse;
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::{BoxSource, Polled};
use catchwater_sdk::{Batch, Context, ErrorKind, Limit, Partition, Positions, Registry, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::time::timeout;

/// The address of the broker.
pub(crate) fn address() -> String {
    std::env::var("CATCHWATER_TEST_KAFKA").expect("CATCHWATER_TEST_KAFKA names a Kafka broker; `tests/run` starts one")
}

/// A name that no other test and no earlier run has.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    format!("{prefix}-{}-{}", since_epoch.as_micros(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn client() -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address());
    client
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().expect("make an admin client")
}

/// How many members a consumer group has, those that have not joined wholly among them.
pub(crate) fn members(group: &str) -> usize {
    let client: BaseConsumer = client().create().expect("make a client");
    let groups = client.fetch_group_list(Some(group), Duration::from_secs(10)).expect("ask for the group");
    groups.groups().iter().map(|group| group.members().len()).sum()
}

/// Makes a topic with settings of its own.
pub(crate) async fn make_topic(name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let made = admin().create_topics(&[topic], &AdminOptions::new()).await.expect("ask for a topic");
    assert!(made[0].is_ok(), "{made:?}");
}

/// Makes a topic with a name of its own.
pub(crate) async fn new_topic(partitions: i32) -> String {
    let name = unique("topic");
    make_topic(&name, partitions, &[]).await;
    name
}

/// Deletes a topic and waits until it is gone.
pub(crate) async fn delete_topic(name: &str) {
    let deleted = admin().delete_topics(&[name], &AdminOptions::new()).await.expect("ask for a deletion");
    assert!(deleted[0].is_ok(), "{deleted:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Writes `payloads` to a partition, in order.
pub(crate) fn write(topic: &str, partition: i32, payloads: impl IntoIterator<Item = String>) {
    let producer: BaseProducer = client().set("linger.ms", "0").create().expect("make a producer");
    for payload in payloads {
        let record = BaseRecord::<(), str>::to(topic).partition(partition).payload(&payload);
        producer.send(record).map_err(|(error, _)| error).expect("send a record");
    }
    producer.flush(Duration::from_secs(10)).expect("write records");
}

/// Writes one record to partition 0 with all that it may have.
pub(crate) fn write_record(
    topic: &str,
    payload: Option<&[u8]>,
    key: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
    timestamp_ms: i64,
) {
    let producer: BaseProducer = client().create().expect("make a producer");
    let mut all = OwnedHeaders::new();
    for (key, value) in headers {
        all = all.insert(Header { key, value: *value });
    }
    let (partition, timestamp, headers) = (Some(0), Some(timestamp_ms), Some(all));
    let record = BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque: () };
    producer.send(record).map_err(|(error, _)| error).expect("send a record");
    producer.flush(Duration::from_secs(10)).expect("write a record");
}

/// Writes records in a transaction that is committed, or else aborted. Either leaves a marker behind them.
pub(crate) fn write_in_transaction(topic: &str, partition: i32, payloads: &[&str], commit: bool) {
    let within = Duration::from_secs(10);
    let producer: BaseProducer = client().set("transactional.id", unique("tx")).create().expect("make a producer");
    producer.init_transactions(within).expect("start with transactions");
    producer.begin_transaction().expect("begin");
    for payload in payloads {
        let record = BaseRecord::<(), str>::to(topic).partition(partition).payload(payload);
        producer.send(record).map_err(|(error, _)| error).expect("send a record");
    }
    producer.flush(within).expect("write records");
    let ended = if commit { producer.commit_transaction(within) } else { producer.abort_transaction(within) };
    ended.expect("end the transaction");
}

/// A client that has all records of a partition before it.
fn from_the_beginning(topic: &str, partition: i32) -> BaseConsumer {
    let consumer: BaseConsumer = client().set("group.id", unique("check")).create().expect("make a consumer");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
    consumer.assign(&all).expect("read from the beginning");
    consumer
}

/// All records of a partition, of which there are `count`.
pub(crate) fn read_partition(topic: &str, partition: i32, count: usize) -> Vec<OwnedMessage> {
    let messages = read_whole_partition(topic, partition);
    assert_eq!(messages.len(), count, "records in {topic}");
    messages
}

/// All records of a partition.
pub(crate) fn read_whole_partition(topic: &str, partition: i32) -> Vec<OwnedMessage> {
    let consumer = from_the_beginning(topic, partition);
    let (_, end) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).expect("ask for the end");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut messages: Vec<OwnedMessage> = Vec::new();
    while messages.last().map_or(0, |message| message.offset() + 1) < end {
        assert!(Instant::now() < deadline, "{topic} is read only to {:?} of {end}", messages.len());
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            messages.push(message.expect("read a record").detach());
        }
    }
    messages
}

/// Their payloads as text.
pub(crate) fn texts_of(messages: &[OwnedMessage]) -> Vec<String> {
    let text = |message: &OwnedMessage| String::from_utf8_lossy(message.payload().unwrap_or(b"null")).into_owned();
    messages.iter().map(text).collect()
}

/// `0` to `count - 1`, each behind `prefix`.
pub(crate) fn numbers(prefix: &str, count: usize) -> impl Iterator<Item = String> + use<'_> {
    (0..count).map(move |i| format!("{prefix}{i}"))
}

/// The connectors.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    catchwater_connectors::register(&mut registry);
    registry
}

/// A context for a component of the process `instance`.
pub(crate) fn context(instance: &str, task: u16) -> Context {
    Context { instance: instance.into(), task, ..Context::unattached("test", PathBuf::from("/nonexistent")) }
}

/// A source that is not open yet.
pub(crate) fn source(config: &str, instance: &str) -> BoxSource {
    let config = parse(&config.replace("BROKERS", &address()));
    registry()
        .build_source("kafka", &config.documents[0].root, &context(instance, 0))
        .expect("the configuration is valid")
}

/// A sink that is not open yet.
pub(crate) fn sink(config: &str) -> BoxSink {
    let config = parse(&config.replace("BROKERS", &address()));
    registry().build_sink("kafka", &config.documents[0].root, &context("one", 0)).expect("the configuration is valid")
}

/// A source with what an engine would know of it.
pub(crate) struct Reader {
    pub(crate) source: BoxSource,
    pub(crate) read: BTreeMap<i32, Vec<String>>,
    pub(crate) positions: Positions,
    pub(crate) ended: bool,
    pub(crate) revoked: usize,
    pub(crate) lost: usize,
}

impl Reader {
    /// Opens a source.
    pub(crate) async fn open(config: &str, instance: &str) -> Reader {
        let mut source = source(config, instance);
        source.open().await.expect("open the source");
        Reader { source, read: BTreeMap::new(), positions: Positions::new(), ended: false, revoked: 0, lost: 0 }
    }

    /// Waits for an answer, for a short while, and does with it what an engine does.
    pub(crate) async fn step(&mut self) -> Result<()> {
        let Ok(polled) = timeout(Duration::from_millis(100), self.source.poll(Limit::default())).await else {
            return Ok(());
        };
        match polled? {
            Polled::Records(batch) => self.take(&batch),
            Polled::Assigned(assignments) => {
                let fresh = assignments.iter().filter(|assignment| !assignment.committed);
                let fresh: Positions = fresh.map(|assignment| (assignment.partition.clone(), assignment.at)).collect();
                if !fresh.is_empty() {
                    self.source.commit(&fresh).await?;
                }
                let starts =
                    assignments.iter().map(|assignment| (assignment.partition.clone(), assignment.at)).collect();
                self.source.start(&starts).await?;
                self.positions.advance_all(&starts);
            }
            Polled::Revoking(partitions, _) => {
                self.source.commit(&self.positions.of(&partitions)).await?;
                self.source.release(&partitions).await?;
                self.forget(&partitions);
                self.revoked += partitions.len();
            }
            Polled::Lost(partitions) => {
                self.forget(&partitions);
                self.lost += partitions.len();
            }
            Polled::End => self.ended = true,
        }
        Ok(())
    }

    fn forget(&mut self, partitions: &[Arc<Partition>]) {
        for partition in partitions {
            self.positions.remove(partition);
        }
    }

    fn take(&mut self, batch: &Batch) {
        for record in batch.iter() {
            let payload = String::from_utf8_lossy(record.payload().unwrap_or(b"null")).into_owned();
            self.read.entry(record.partition().number).or_default().push(payload);
        }
        self.positions.advance_all(&batch.positions());
    }

    /// Reads until `done`, which must be so within half a minute.
    pub(crate) async fn until(&mut self, done: impl Fn(&Reader) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !done(self) {
            assert!(Instant::now() < deadline, "read only {:?} by {:?}", self.counts(), self.positions);
            self.step().await.expect("the source works");
        }
    }

    /// Reads on for a while.
    pub(crate) async fn during(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && !self.ended {
            self.step().await.expect("the source works");
        }
    }

    /// How many records were read.
    pub(crate) fn count(&self) -> usize {
        self.read.values().map(Vec::len).sum()
    }

    fn counts(&self) -> BTreeMap<i32, usize> {
        self.read.iter().map(|(partition, records)| (*partition, records.len())).collect()
    }

    /// Commits what was read. While the group hands out partitions it may refuse for a moment.
    pub(crate) async fn commit(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = self.source.commit(&self.positions).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
            assert!(Instant::now() < deadline, "commit what was read: {}", error.chain());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
