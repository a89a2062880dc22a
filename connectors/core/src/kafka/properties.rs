//! Which of librdkafka's properties a user cannot pass through, and what to write instead.

use std::collections::BTreeMap;

use catchwater_sdk::{Error, Result};

/// Properties with a key of our own.
const OURS: &[(&str, &str)] = &[
    ("acks", "acks"),
    ("auto.offset.reset", "start"),
    ("bootstrap.servers", "brokers"),
    ("compression.codec", "compression"),
    ("compression.type", "compression"),
    ("enable.ssl.certificate.verification", "tls.verify"),
    ("group.id", "group"),
    ("message.max.bytes", "record_max"),
    ("metadata.broker.list", "brokers"),
    ("queue.buffering.max.kbytes", "buffer"),
    ("queued.max.messages.kbytes", "prefetch"),
    ("request.required.acks", "acks"),
    ("sasl.mechanism", "sasl.mechanism"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.password", "sasl.password"),
    ("sasl.username", "sasl.username"),
    ("security.protocol", "tls` and `sasl"),
    ("ssl.ca.location", "tls.ca"),
    ("ssl.certificate.location", "tls.certificate"),
    ("ssl.key.location", "tls.key"),
    ("ssl.key.password", "tls.key_password"),
];

/// Properties on which exactly-once, order or memory rest.
const KEPT: &[&str] = &[
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.instance.id",
    "group.protocol",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "partition.assignment.strategy",
    "queue.buffering.max.messages",
    "queue.buffering.backpressure.threshold",
    "transactional.id",
];

/// Properties that load code into the process.
const CODE: &[&str] = &["plugin.library.paths", "ssl.engine.location", "ssl.providers"];

/// Refuses properties that are not the user's to set.
pub(super) fn refuse_ours(librdkafka: &BTreeMap<String, String>) -> Result<()> {
    librdkafka.keys().find_map(|key| refusal(key)).map_or(Ok(()), Err)
}

fn refusal(key: &str) -> Option<Error> {
    let refuse = |reason: String| Some(Error::config(reason).at_key(format!("librdkafka.{key}")));
    if let Some((_, ours)) = OURS.iter().find(|(name, _)| *name == key) {
        return refuse(format!("`{key}` is set by the key `{ours}`"));
    }
    if CODE.contains(&key) {
        return refuse(format!("`{key}` loads code into this process, which only a plugin may do"));
    }
    if KEPT.contains(&key) {
        return refuse(format!("`{key}` cannot be set: that nothing is lost or doubled rests on it"));
    }
    None
}
