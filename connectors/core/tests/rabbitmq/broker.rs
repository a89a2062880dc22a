//! The broker of the tests: queues of their own, messages to read, messages that were published, and components to try.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use catchwater_sdk::config::parse;
use catchwater_sdk::record::Record;
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::{BoxSource, Polled, SourceTraits};
use catchwater_sdk::{Batch, BatchBuilder, Context, Limit, Partition, Positions, Registry, Result};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

/// The URL of the broker.
pub(crate) fn url() -> String {
    std::env::var("CATCHWATER_TEST_RABBITMQ")
        .expect("CATCHWATER_TEST_RABBITMQ names a RabbitMQ; `tests/run` starts one")
}

/// A name that no other test and no earlier run has.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    format!("{prefix}-{}-{}", since_epoch.as_micros(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A client that is not the connector's.
pub(crate) struct Client {
    _connection: Connection,
    pub(crate) channel: Channel,
}

impl Client {
    pub(crate) async fn new() -> Client {
        let connection = Connection::connect(&url(), ConnectionProperties::default()).await.expect("connect");
        let channel = connection.create_channel().await.expect("make a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("ask for confirmations");
        Client { _connection: connection, channel }
    }

    /// Makes a queue with a name of its own.
    pub(crate) async fn queue(&self, kind: &str) -> String {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        self.queue_with(arguments).await
    }

    pub(crate) async fn queue_with(&self, arguments: FieldTable) -> String {
        let name = unique("queue");
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name.as_str().into(), options, arguments).await.expect("make a queue");
        name
    }

    pub(crate) async fn publish(&self, queue: &str, payload: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions::default();
        let publishing = self.channel.basic_publish("".into(), queue.into(), options, payload, properties);
        publishing.await.expect("publish").await.expect("it is confirmed");
    }

    pub(crate) async fn publish_numbers(&self, queue: &str, count: usize) {
        for number in 0..count {
            self.publish(queue, number.to_string().as_bytes(), BasicProperties::default()).await;
        }
    }

    /// So many messages wait in a queue. A quorum queue counts what it takes and what it is given back a moment later.
    pub(crate) async fn expect_ready(&self, queue: &str, expected: usize, what: &str) {
        let (options, mut found) = (QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() }, 0);
        for _ in 0..100 {
            let declared = self.channel.queue_declare(queue.into(), options, FieldTable::default()).await;
            found = declared.expect("a queue").message_count() as usize;
            if found == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{queue}: {found} messages wait instead of {expected}: {what}");
    }

    /// Takes everything out of a queue.
    pub(crate) async fn take_all(&self, queue: &str) -> Vec<BasicGetMessage> {
        let mut messages = Vec::new();
        while let Some(message) =
            self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.expect("get a message")
        {
            messages.push(message);
        }
        messages
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    catchwater_connectors::register(&mut registry);
    registry
}

fn node(config: &str) -> catchwater_sdk::config::Node {
    let parsed = parse(&config.replace("URL", &format!("'{}'", url())));
    assert!(parsed.mistakes.is_empty(), "{config} is no YAML");
    parsed.documents.into_iter().next().expect("a document").root
}

/// The context of a component that runs nowhere.
pub(crate) fn context() -> Context {
    Context::unattached("pipeline", PathBuf::from("/nowhere"))
}

/// Builds a source; `URL` in the configuration is the broker's.
pub(crate) fn source(config: &str) -> BoxSource {
    registry()
        .build_source("rabbitmq", &node(config), &context())
        .unwrap_or_else(|mistake| panic!("{}", mistake.message))
}

/// Builds a sink; `URL` in the configuration is the broker's.
pub(crate) fn sink(config: &str) -> BoxSink {
    registry().build_sink("rabbitmq", &node(config), &context()).unwrap_or_else(|mistake| panic!("{}", mistake.message))
}

/// Why a source cannot be built.
pub(crate) fn source_mistake(config: &str) -> String {
    registry().build_source("rabbitmq", &node(config), &context()).map(drop).expect_err(config).message
}

/// Why a sink cannot be built.
pub(crate) fn sink_mistake(config: &str) -> String {
    registry().build_sink("rabbitmq", &node(config), &context()).map(drop).expect_err(config).message
}

/// A source at work, as the engine drives it.
pub(crate) struct Reader {
    pub(crate) source: BoxSource,
    pub(crate) positions: Positions,
}

impl Reader {
    pub(crate) async fn open(config: &str) -> Reader {
        let mut source = source(config);
        source.open().await.expect("it opens");
        let mut reader = Reader { source, positions: Positions::new() };
        match reader.poll().await.expect("it polls") {
            Polled::Assigned(assignments) => {
                let at = assignments.iter().map(|new| (Arc::clone(&new.partition), new.at)).collect();
                reader.source.start(&at).await.expect("it starts");
            }
            other => panic!("an assignment comes first, not {other:?}"),
        }
        reader
    }

    pub(crate) async fn poll(&mut self) -> Result<Polled> {
        let polling = self.source.poll(Limit { records: 1000, bytes: 1 << 20 });
        timeout(Duration::from_secs(20), polling).await.expect("it does not wait for ever")
    }

    /// Batches until so many records are there.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        while batches.iter().map(Batch::len).sum::<usize>() < count {
            let Polled::Records(batch) = self.poll().await.expect("it reads") else { panic!("records are wanted") };
            self.positions.advance_all(&batch.positions());
            batches.push(batch);
        }
        batches
    }

    pub(crate) async fn commit(&mut self) {
        self.source.commit(&self.positions).await.expect("it commits");
    }
}

/// The payloads of batches, as text.
pub(crate) fn payloads(batches: &[Batch]) -> Vec<String> {
    let texts = batches.iter().flat_map(Batch::iter).map(|record| record.payload().unwrap_or_default().to_vec());
    texts.map(|payload| String::from_utf8(payload).expect("it is text")).collect()
}

/// The numbers from `from` on, as payloads.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// What a sink is told of a source.
pub(crate) fn traits() -> SourceTraits {
    SourceTraits {
        capture: None,
        rereadable: true,
        keeps_positions: true,
        shareable: true,
        unacknowledged_max: None,
        commit_within: None,
        may_return: false,
    }
}

/// A batch that came from elsewhere.
pub(crate) fn batch(records: &[Record<'_>]) -> Batch {
    let partition = Partition { source: "test".into(), stream: "s".into(), incarnation: "1".into(), number: 0 };
    let mut builder = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    let origin = builder.origin(&Arc::new(partition));
    (0..).zip(records).for_each(|(i, record)| builder.push(origin, i, i + 1, *record));
    builder.finish()
}
