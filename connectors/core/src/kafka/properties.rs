//! Which of librdkafka's properties a user cannot pass through, and what to write instead; and which are secret.

use std::collections::BTreeMap;

use catchwater_sdk::{Error, Result};
use serde_json::{Map, Value, json};

/// Properties with a key of our own, here and, by side, with each connector.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "brokers"),
    ("enable.ssl.certificate.verification", "tls.verify"),
    ("metadata.broker.list", "brokers"),
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

/// Properties that nobody is to see: librdkafka's list of what is left out of its own logs, but for names and files. Also those
/// that are refused, since the line that they stand in is shown with the mistake.
const SECRET: &[&str] = &[
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// The secret ones as properties of a schema, by which they are hidden wherever a pipeline is shown.
pub(super) fn secrets() -> Map<String, Value> {
    SECRET.iter().map(|name| ((*name).to_owned(), json!({ "type": "string", "format": "secret" }))).collect()
}

/// Whether its value is a file that the client reads: librdkafka names all of those alike.
pub(super) fn is_file(name: &str) -> bool {
    [".location", ".file", ".keytab"].iter().any(|ending| name.ends_with(ending))
}

/// Whether nobody is to see its value.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET.contains(&name)
}

/// Refuses properties that are not the user's to set. `ours` are those with a key at this connector.
pub(super) fn refuse_ours(librdkafka: &BTreeMap<String, String>, ours: &[(&str, &str)]) -> Result<()> {
    librdkafka.keys().find_map(|key| refusal(key, ours)).map_or(Ok(()), Err)
}

fn refusal(key: &str, ours: &[(&str, &str)]) -> Option<Error> {
    let refuse = |reason: String| Some(Error::config(reason).at_key(format!("librdkafka.{key}")));
    if let Some((_, ours)) = OURS.iter().chain(ours).find(|(name, _)| *name == key) {
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
