//! What everything about Kafka shares: how a cluster is reached, and what its errors mean.

pub(crate) mod connection;
pub(crate) mod failure;
pub(crate) mod ffi;
pub(crate) mod message;
pub(crate) mod offsets;
pub(crate) mod properties;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod trouble;

use std::time::Duration;

use catchwater_sdk::{Error, Result, ResultExt};
use twox_hash::XxHash3_64;

/// How long the brokers may take to answer a question before they count as away.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// As much of a pipeline's name stands in those of clients and members: there is more in them.
const PLAIN_MAX: usize = 100;

/// What all have in common that read messages.
pub(crate) fn reading() -> [(&'static str, String); 5] {
    [
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        ("isolation.level", "read_committed".into()),
        // With the default of 1 s a full queue, which is small here, would leave the reader waiting.
        ("fetch.queue.backoff.ms", "5".into()),
        // One request to a broker is under way at a time. With the default of 500 ms one that asks for quiet partitions, as
        // the queue was full when the others were considered, keeps those waiting.
        ("fetch.wait.max.ms", "100".into()),
    ]
}

/// The consumer group of a pipeline whose source names none.
pub(crate) fn default_group(pipeline: &str) -> String {
    format!("catchwater-{pipeline}")
}

/// A pipeline's name as a part of those of clients and members, in which Kafka allows letters, digits, `.`, `_` and `-`, 249 in
/// all. Where it has to be another, its hash tells it from others.
pub(crate) fn plain(pipeline: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let plain: String = pipeline.chars().map(allowed).take(PLAIN_MAX).collect();
    if plain == pipeline { plain } else { format!("{plain}-{:016x}", XxHash3_64::oneshot(pipeline.as_bytes())) }
}

/// What the brokers' own logs and metrics call the clients of a pipeline.
pub(crate) fn client_id(pipeline: &str) -> String {
    format!("catchwater-{}", plain(pipeline))
}

/// Asks the brokers something with a call that blocks, off the threads that run tasks.
pub(crate) async fn ask<T: Send + 'static>(question: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(question).await.or_bug(|| "ask the brokers".into())?
}

/// What a user is told about topics that are not there.
pub(crate) fn unknown_topics(names: &[String], brokers: &str) -> Error {
    let (topics, are, them) = if names.len() == 1 { ("topic", "is", "it") } else { ("topics", "are", "them") };
    let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Error::refused(format!(
        "{topics} {names} {are} not known to the brokers at {brokers}: create {them}, or mend the name"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kafka_does_not_take_are_still_those_of_different_pipelines() {
        assert_eq!(plain("orders-2.a_b"), "orders-2.a_b");
        let (long, longer) = ("b".repeat(101), "b".repeat(102));
        let names = ["p q", "p/q", "p-q", "\u{e4}", "\u{f6}", &long, &longer].map(plain);
        let is_plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        assert!(names.iter().all(|name| name.len() <= PLAIN_MAX + 17 && is_plain(name)), "{names:?}");
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }
}
