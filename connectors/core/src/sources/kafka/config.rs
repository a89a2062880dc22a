//! What a user says about the source, and the client that follows from it.

use std::time::Duration;

use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::config::Size;
use catchwater_sdk::{Context, Error, Result};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use super::start::Start;
use crate::kafka::connection::Connection;
use crate::kafka::{client_id, default_group, plain, reading};

/// Reads topics of Apache Kafka, or of anything that speaks its protocol.
///
/// The positions are kept by the group, as offsets that are committed only once all sinks are durable. Tasks and processes
/// with one group share the partitions; when these move, what was read of them is stored and committed before they are
/// given up. Only committed transactions are read. A topic that is deleted and made anew is noticed by its id and read
/// from its beginning.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    connection: Connection,

    /// Names of topics. One that begins with `^` is a regular expression: topics made later that match it are read too.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-names" = ["topic", "topics.regex", "subscribe"], "examples" = [["orders", "^payments\\..*"]]))]
    topics: Vec<String>,

    /// The consumer group that keeps the positions. Default: `catchwater-` and the pipeline's name.
    #[schemars(extend("x-names" = ["group.id", "group_id", "consumer_group"]))]
    group: Option<String>,

    /// Where to start a partition for which the group has no offset: `earliest`, `latest`, a time such as
    /// `2026-11-01T00:00:00Z`, or offsets by topic and partition, `{orders: {0: 1500}}`, where the others start at the
    /// earliest.
    #[serde(default)]
    #[schemars(extend("x-names" = ["auto.offset.reset", "auto_offset_reset", "start_from_oldest", "start_offset"]))]
    start: Start,

    /// `end` stops once everything is read that was there when a partition was assigned. Without it reading never ends.
    until: Option<Until>,

    /// How much each task may read ahead of the pipeline. Larger helps when the brokers are far away.
    #[serde(default = "prefetch")]
    #[schemars(extend("x-names" = ["queued.max.messages.kbytes", "fetch_buffer_cap"], "x-min" = "1MiB"))]
    prefetch: Size,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// At the end offsets seen at the start.
    End,
}

impl Config {
    /// What a tap beside the source has to know.
    pub(crate) fn tapped(self) -> (Connection, Vec<String>) {
        (self.connection, self.topics)
    }
}

fn prefetch() -> Size {
    Size::mib(16)
}

/// Properties of librdkafka that have a key here.
const OURS: &[(&str, &str)] =
    &[("auto.offset.reset", "start"), ("group.id", "group"), ("queued.max.messages.kbytes", "prefetch")];

/// What the source is to do; nothing is touched yet.
pub(super) struct Plan {
    pub(super) client: ClientConfig,
    pub(super) brokers: String,
    pub(super) topics: Vec<String>,
    pub(super) group: String,
    pub(super) start: Start,
    pub(super) until_end: bool,
    /// A member that does not come back within this time is thrown out of the group.
    pub(super) rebalance_timeout: Duration,
    /// As what the group knows this member, over restarts too.
    pub(super) member: String,
}

impl Plan {
    /// Checks what a schema cannot say.
    pub(super) fn new(config: Config, context: &Context) -> Result<Plan> {
        config.connection.note_files(context);
        check_topics(&config.topics)?;
        let group = config.group.clone().unwrap_or_else(|| default_group(&context.pipeline));
        let member = format!("catchwater-{}-{}-{}", plain(&context.instance), plain(&context.pipeline), context.task);
        let client = client(&config, context, &group, &member)?;
        let what = format!("the name `{member}` in group `{group}` of {}", config.connection.brokers);
        context.claim(Claim { what, within: Within::Process, key: "group" });
        let rebalance_timeout =
            client.get("max.poll.interval.ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
        Ok(Plan {
            client,
            brokers: config.connection.brokers,
            topics: config.topics,
            group,
            start: config.start,
            until_end: config.until == Some(Until::End),
            rebalance_timeout: rebalance_timeout.unwrap_or(Duration::from_secs(300)),
            member,
        })
    }

    /// The topics that are named, and so must be there.
    pub(super) fn named_topics(&self) -> Vec<String> {
        self.topics.iter().filter(|topic| !topic.starts_with('^')).cloned().collect()
    }
}

fn check_topics(topics: &[String]) -> Result<()> {
    for (i, topic) in topics.iter().enumerate() {
        let at = |error: Error| Err(error.at_key(format!("topics[{i}]")));
        if topic.is_empty() || topic.contains('\0') {
            return at(Error::config("a topic needs a name"));
        }
        if topic.chars().any(|c| "*+[](){}|\\$?".contains(c)) && !topic.starts_with('^') {
            return at(Error::config(format!(
                "`{topic}` is not a topic's name; a regular expression begins with `^`: '^{topic}'"
            )));
        }
    }
    Ok(())
}

fn client(config: &Config, context: &Context, group: &str, member: &str) -> Result<ClientConfig> {
    // A quarter of a share: one more fetch is under way, and with large messages one more is in memory a second time, as a batch.
    let prefetch = config.prefetch.bytes().min(context.memory_bytes / 4).max(1 << 20);
    let defaults = [
        ("client.id", client_id(&context.pipeline)),
        ("group.id", group.to_owned()),
        ("group.instance.id", member.to_owned()),
        ("group.protocol", "classic".into()),
        ("partition.assignment.strategy", "cooperative-sticky".into()),
        ("session.timeout.ms", "10000".into()),
        ("heartbeat.interval.ms", "1000".into()),
        ("max.poll.interval.ms", "300000".into()),
        // Where to start is decided here, never silently by the client.
        ("auto.offset.reset", "error".into()),
        // How soon a new topic that matches a pattern is taken up.
        ("topic.metadata.refresh.interval.ms", "30000".into()),
        ("enable.partition.eof", (config.until == Some(Until::End)).to_string()),
        ("queued.max.messages.kbytes", (prefetch >> 10).to_string()),
        ("fetch.max.bytes", "8388608".into()),
    ];
    config.connection.client_config(&[&reading()[..], &defaults].concat(), OURS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::testing::read;

    fn plan(config: &str) -> Result<Plan> {
        Plan::new(read(config), &Context::unattached("orders", "/nowhere".into()))
    }

    fn check(config: &str, key: &str, phrase: &str) {
        let error = plan(config).map(drop).expect_err("it is refused");
        assert_eq!(error.key(), Some(key), "{error}");
        assert!(error.to_string().contains(phrase), "{error}");
    }

    #[test]
    fn the_group_is_named_after_the_pipeline_unless_it_is_said() {
        assert_eq!(plan("{brokers: b, topics: [t]}").expect("valid").group, "catchwater-orders");
        assert_eq!(plan("{brokers: b, topics: [t], group: 1.10}").expect("valid").group, "1.10");
    }

    #[test]
    fn a_member_keeps_its_name_over_restarts() {
        let context = |task| Context { task, ..Context::unattached("orders to lake", "/nowhere".into()) };
        let member = |task| Plan::new(read("{brokers: b, topics: [t]}"), &context(task)).expect("valid").member;
        assert_eq!(member(0), "catchwater-unattached-orders-to-lake-d7f2b5216d4b1fb5-0");
        assert_ne!(member(0), member(1));
    }

    #[test]
    fn refuses_a_regular_expression_that_does_not_say_so() {
        check("{brokers: b, topics: [a, 'orders.*']}", "topics[1]", "begins with `^`");
    }

    #[test]
    fn refuses_tls_where_it_was_not_built_in() {
        if !cfg!(feature = "kafka-tls") {
            check("{brokers: b, topics: [a], tls: {}}", "tls", "`kafka-tls`");
        }
    }

    #[test]
    fn a_slow_pipeline_is_known_by_its_rebalance_timeout() {
        let plan = plan("{brokers: b, topics: [a], librdkafka: {max.poll.interval.ms: 20000}}").expect("valid");
        assert_eq!(plan.rebalance_timeout, Duration::from_secs(20));
    }
}
