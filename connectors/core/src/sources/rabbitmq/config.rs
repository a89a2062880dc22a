//! What a user says about the source.

use std::collections::BTreeMap;

use catchwater_sdk::{Error, Result};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rabbitmq::Bound;
use crate::rabbitmq::connection::Connection;

/// Takes messages from a queue of RabbitMQ, or of anything that speaks AMQP 0-9-1.
///
/// A message is acknowledged once it is durable in every sink, and not before: what a crash interrupts, the broker delivers
/// again. Messages that were on their way when a connection broke may come twice; the broker marks them, and the lake has the
/// mark as `_redelivered`. After a lost connection the source connects again, declares again what it had declared, and
/// acknowledges nothing that came by the old one. Classic and quorum queues are read alike; a stream is not a queue.
///
/// The payload is the body, byte for byte. The key is the routing key, the properties are AMQP's, with the `exchange`, and the
/// time is AMQP's `timestamp`. Headers keep their types, as `int32` or `decimal`; tables and arrays are JSON that names what JSON
/// lacks, as `{"$int32":"5"}`. The client sorts headers by name, and of two with one name keeps the last.
///
/// A message that the client cannot read, because a name in it is not UTF-8, breaks the connection. When that happens twice
/// in a row the source stops and says so, rather than fetch it for ever.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    pub(super) connection: Connection,

    /// The queue.
    #[schemars(extend("examples" = ["orders"], "x-names" = ["queue_name", "topic"]))]
    pub(super) queue: String,

    /// How to make the queue where it is not there. Without it the queue is taken as it is, and has to exist.
    #[schemars(extend("x-names" = ["queue_declare", "create"]))]
    pub(super) declare: Option<Declare>,

    /// Which messages are led to the queue. Without them its bindings are taken as they are.
    #[serde(default)]
    #[schemars(extend("x-names" = ["bindings_declare", "binding"]))]
    pub(super) bindings: Vec<Binding>,

    /// How many messages the broker hands out at most before it wants some acknowledged. They are held in memory, and it knows no
    /// bound on bytes; so it is asked for 16 until the first are stored, and then for as many of their size as half of a sink's share
    /// of the memory budget holds. Where that changes the source consumes anew. Where many large messages may follow small ones, take
    /// fewer: so many may come before it is noticed. A sink is asked to store at half of it.
    #[serde(default = "prefetch")]
    #[schemars(range(min = 2, max = 65535), extend("x-names" = ["prefetch_count", "qos"]))]
    pub(super) prefetch: u16,

    /// When to end. Without it the source waits for what comes next.
    pub(super) until: Option<Until>,

    /// Arguments for the broker with which it consumes, such as `x-priority: 10`.
    #[serde(default)]
    #[schemars(extend("x-names" = ["consumer_arguments"]))]
    pub(super) arguments: BTreeMap<String, Argument>,
}

/// When to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// Once the queue has no message to hand out, and all that came is stored and acknowledged.
    Empty,
}

/// How to make a queue. One that is there already must be like it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declare {
    /// Which kind of queue.
    #[serde(default)]
    #[schemars(extend("x-names" = ["type", "queue_type", "x-queue-type"]))]
    kind: Kind,
    /// Whether the queue outlives a restart of the broker.
    #[serde(default = "yes")]
    durable: bool,
    /// Whether the queue goes with its last consumer.
    #[serde(default)]
    auto_delete: bool,
    /// Further arguments, such as `x-max-length: 1000000`.
    #[serde(default)]
    arguments: BTreeMap<String, Argument>,
}

/// Which kind of queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// On one node.
    #[default]
    Classic,
    /// Replicated.
    Quorum,
}

/// Which messages of an exchange are led to the queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binding {
    /// The exchange.
    #[schemars(extend("examples" = ["events"]))]
    pub(super) exchange: String,
    /// The routing key, or for a topic exchange a pattern.
    #[serde(default)]
    #[schemars(extend("examples" = ["order.#"], "x-names" = ["key", "pattern"]))]
    pub(super) routing_key: String,
    /// Makes the exchange where it is not there, of this kind, and durable. Without it the exchange has to exist.
    #[schemars(extend("x-names" = ["exchange_type", "type"]))]
    pub(super) declare: Option<ExchangeKind>,
    /// Arguments, such as those of a `headers` exchange.
    #[serde(default)]
    arguments: BTreeMap<String, Argument>,
}

/// How an exchange chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExchangeKind {
    /// By the routing key.
    Direct,
    /// Not at all.
    Fanout,
    /// By patterns of the routing key.
    Topic,
    /// By headers.
    Headers,
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Argument {
    /// A switch.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

fn yes() -> bool {
    true
}

fn prefetch() -> u16 {
    2000
}

// === impl Config ===

impl Config {
    /// What a tap beside the source has to know: the broker, the queue, and which messages are led there as far as it is said.
    pub(crate) fn tapped(self) -> Result<(Connection, String, Vec<Bound>)> {
        self.check()?;
        let bound = |binding: &Binding| {
            let (exchange, key) = (binding.exchange.clone(), binding.routing_key.clone());
            Ok(Bound { exchange, routing_key: key, arguments: binding.arguments()? })
        };
        let bound = self.bindings.iter().map(bound).collect::<Result<_>>()?;
        Ok((self.connection, self.queue, bound))
    }

    /// Checks what a schema cannot say.
    pub(super) fn check(&self) -> Result<()> {
        if self.queue.is_empty() {
            return Err(Error::config("a queue needs a name").at_key("queue"));
        }
        short(&self.queue, "queue")?;
        for (i, binding) in self.bindings.iter().enumerate() {
            let key = |name: &str| format!("bindings[{i}].{name}");
            if binding.exchange.is_empty() {
                let text = "the default exchange leads to each queue by its name, nothing can be bound to it";
                return Err(Error::config(text).at_key(key("exchange")));
            }
            short(&binding.exchange, &key("exchange"))?;
            short(&binding.routing_key, &key("routing_key"))?;
            table(&binding.arguments, &key("arguments"))?;
        }
        if let Some(declare) = &self.declare {
            let replicated_but_fleeting = declare.kind == Kind::Quorum && (!declare.durable || declare.auto_delete);
            if replicated_but_fleeting {
                let text = "a quorum queue is durable and outlives its consumers";
                return Err(Error::config(text).at_key("declare"));
            }
            table(&declare.arguments, "declare.arguments")?;
        }
        table(&self.arguments, "arguments").map(drop)
    }
}

impl Declare {
    /// The queue's arguments, its kind among them.
    pub(super) fn arguments(&self) -> Result<FieldTable> {
        let mut table = table(&self.arguments, "declare.arguments")?;
        if self.kind == Kind::Quorum {
            table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        Ok(table)
    }

    pub(super) fn durable(&self) -> bool {
        self.durable
    }

    pub(super) fn auto_delete(&self) -> bool {
        self.auto_delete
    }
}

impl Binding {
    pub(super) fn arguments(&self) -> Result<FieldTable> {
        table(&self.arguments, "bindings")
    }
}

/// Names in AMQP have at most 255 bytes.
pub(super) fn short(text: &str, key: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| Error::config("a name in AMQP has at most 255 bytes").at_key(key))
}

/// Arguments as the client wants them.
pub(super) fn table(arguments: &BTreeMap<String, Argument>, key: &str) -> Result<FieldTable> {
    let mut table = FieldTable::default();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Bool(value) => AMQPValue::Boolean(*value),
            Argument::Int(value) => AMQPValue::LongLongInt(*value),
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
        };
        table.insert(short(name, key)?, value);
    }
    Ok(table)
}
