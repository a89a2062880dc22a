//! What a user says about the sink, and the client that follows from it.

use catchwater_sdk::config::{Size, Template};
use catchwater_sdk::{Context, Error, Result};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kafka::client_id;
use crate::kafka::connection::Connection;

/// Writes records to topics of Apache Kafka, or of anything that speaks its protocol.
///
/// Payload, key, headers (their order, duplicates and nulls too) and timestamp are kept; a tombstone stays one. Records
/// of one source partition that go to one partition here keep their order. A record is written at least once: after a
/// crash, what was not yet committed at the source is written again. What the brokers refuse for what it is, such as its
/// size, is rejected alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    connection: Connection,

    /// The topic, which may differ from record to record. Default: the one that the record came from.
    #[serde(default = "stream")]
    topic: Template,

    /// The key. Default: the record's own.
    key: Option<Template>,

    /// The partition: `key` chooses by the hash of the key, as Java clients do, and any for a record without one; `keep`
    /// takes the number that the record had; else a number, which may differ from record to record.
    #[serde(default = "by_key")]
    #[schemars(extend("x-names" = ["partitioner", "manual_partition"], "examples" = ["key", "keep", "${header:partition}"]))]
    partition: Template,

    /// How records are compressed on the way and at the brokers.
    #[serde(default)]
    #[schemars(extend("x-names" = ["compression.type", "compression.codec", "compression_codec"]))]
    compression: Compression,

    /// Which brokers must have a record before it counts as written. With less than `all`, one that fails can lose
    /// records.
    #[serde(default)]
    #[schemars(extend("x-names" = ["request.required.acks", "required_acks"]))]
    acks: Acks,

    /// The largest record that is sent at all; the topic's own limit, `max.message.bytes`, holds too.
    #[serde(default = "record_max")]
    #[schemars(extend("x-names" = ["message.max.bytes", "max.request.size", "max_message_bytes"], "x-min" = "1KiB"))]
    record_max: Size,

    /// How much may be under way to the brokers. When it is full, the pipeline waits.
    #[serde(default = "buffer")]
    #[schemars(extend("x-names" = ["queue.buffering.max.kbytes", "buffer.memory", "max_in_flight"], "x-min" = "1MiB"))]
    buffer: Size,
}

/// How records are compressed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// Small, slow.
    Gzip,
    /// Fast.
    Snappy,
    /// Fast, and smaller than with `snappy`.
    #[default]
    Lz4,
    /// Small, and faster than `gzip`.
    Zstd,
}

/// Which brokers must have a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Acks {
    /// All replicas that are in step. Nothing is doubled by the client's own retries.
    #[default]
    All,
    /// The partition's leader.
    Leader,
    /// None: what is lost is never known.
    None,
}

fn stream() -> Template {
    Template::read("${stream}").expect("a template that is known")
}

fn by_key() -> Template {
    Template::read("key").expect("a text")
}

fn record_max() -> Size {
    Size::mib(64)
}

fn buffer() -> Size {
    Size::mib(64)
}

/// How a record's partition is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartitionBy {
    Key,
    Same,
    Number(i32),
    Template(Template),
}

/// Properties of librdkafka that have a key here.
const OURS: &[(&str, &str)] = &[
    ("acks", "acks"),
    ("compression.codec", "compression"),
    ("compression.type", "compression"),
    ("message.max.bytes", "record_max"),
    ("queue.buffering.max.kbytes", "buffer"),
    ("request.required.acks", "acks"),
];

/// What the sink is to do; nothing is touched yet.
pub(super) struct Plan {
    pub(super) client: ClientConfig,
    pub(super) brokers: String,
    pub(super) topic: Template,
    pub(super) key: Option<Template>,
    pub(super) partition: PartitionBy,
    pub(super) buffer_bytes: usize,
}

impl Plan {
    /// Checks what a schema cannot say.
    pub(super) fn new(config: Config, context: &Context) -> Result<Plan> {
        config.connection.note_files(context);
        if config.topic.constant() == Some("") {
            return Err(Error::config("a topic needs a name").at_key("topic"));
        }
        let buffer = config.buffer.bytes().min(context.memory_bytes).max(1 << 20);
        Ok(Plan {
            client: client(&config, context, buffer)?,
            brokers: config.connection.brokers,
            topic: config.topic,
            key: config.key,
            partition: partition_by(config.partition)?,
            buffer_bytes: usize::try_from(buffer).unwrap_or(usize::MAX),
        })
    }
}

fn partition_by(written: Template) -> Result<PartitionBy> {
    match written.constant() {
        None => Ok(PartitionBy::Template(written)),
        Some("key") => Ok(PartitionBy::Key),
        Some("keep") => Ok(PartitionBy::Same),
        Some(text) => {
            match text.parse() {
                Ok(number) if number >= 0 => Ok(PartitionBy::Number(number)),
                _ => Err(Error::config(format!("`{text}` is no partition; write `key`, `keep` or a number"))
                    .at_key("partition")),
            }
        }
    }
}

fn client(config: &Config, context: &Context, buffer: u64) -> Result<ClientConfig> {
    let record_max = config.record_max.bytes().clamp(1000, 1_000_000_000);
    // How much is under way is bounded here, by records. The client's own bound only must not come first.
    let queue_kib = ((2 * buffer + record_max) >> 10).min(2_147_483_647);
    let (acks, in_flight) = match config.acks {
        Acks::All => ("all", "5"),
        // Without idempotence a retry could overtake a batch that is under way.
        Acks::Leader => ("1", "1"),
        Acks::None => ("0", "1"),
    };
    let compression = match config.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    let defaults = [
        ("client.id", client_id(&context.pipeline)),
        ("acks", acks.into()),
        ("enable.idempotence", (config.acks == Acks::All).to_string()),
        ("max.in.flight.requests.per.connection", in_flight.into()),
        ("compression.type", compression.into()),
        ("message.max.bytes", record_max.to_string()),
        // Below the default limit of topics, so that a batch is only ever refused for one record in it.
        ("batch.size", "900000".into()),
        ("linger.ms", "20".into()),
        ("partitioner", "murmur2_random".into()),
        ("message.timeout.ms", give_up_after_ms()),
        ("queue.buffering.max.messages", "0".into()),
        ("queue.buffering.max.kbytes", queue_kib.to_string()),
    ];
    config.connection.client_config(&defaults, OURS)
}

/// What was taken stays taken, however long the brokers are away: past this time another producer sends it. The first may have
/// missed that they are back; but only the first can tell what they had already written, so it has long.
fn give_up_after_ms() -> String {
    fail::fail_point!("kafka::give_up_after_ms", |ms| ms.unwrap_or_default());
    "600000".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::testing::read;

    fn plan(config: &str) -> Result<Plan> {
        Plan::new(read(config), &Context::unattached("orders", "/nowhere".into()))
    }

    fn check(written: &str, expected: PartitionBy) {
        let config = format!("{{brokers: b, partition: {written}}}");
        assert_eq!(plan(&config).expect("valid").partition, expected);
    }

    #[test]
    fn a_partition_is_chosen_kept_or_numbered() {
        check("key", PartitionBy::Key);
        check("keep", PartitionBy::Same);
        check("3", PartitionBy::Number(3));
        let error = plan("{brokers: b, partition: first}").map(drop).expect_err("refused");
        assert_eq!(error.key(), Some("partition"));
    }

    #[test]
    fn every_choice_is_one_that_librdkafka_knows() {
        for acks in ["all", "leader", "none"] {
            plan(&format!("{{brokers: b, acks: {acks}}}")).expect("valid");
        }
        for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
            plan(&format!("{{brokers: b, compression: {compression}}}")).expect("valid");
        }
    }
}
