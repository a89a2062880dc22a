//! The suites that every connector passes.

use std::collections::BTreeMap;
use std::time::Duration;

use catchwater_sdk::async_trait;
use catchwater_sdk::conformance::{self, SinkWorld, SourceWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::BoxSource;
use tokio::time::timeout;

use crate::broker::*;

const PATIENCE: Duration = Duration::from_secs(120);

struct Topic {
    name: String,
    group: String,
    until: &'static str,
    partitions: Vec<Vec<String>>,
}

impl Topic {
    async fn new(until: &'static str) -> Topic {
        let name = new_topic(3).await;
        let partitions: Vec<Vec<String>> = ["a", "b", "c"].map(|prefix| numbers(prefix, 40).collect()).into();
        for (number, payloads) in (0..).zip(&partitions) {
            write(&name, number, payloads.iter().cloned());
        }
        Topic { name, group: unique("group"), until, partitions }
    }
}

#[async_trait]
impl SourceWorld for Topic {
    async fn build(&mut self) -> BoxSource {
        let (name, group, until) = (&self.name, &self.group, self.until);
        source(&format!("{{brokers: BROKERS, topics: [{name}], group: {group}, {until}}}"), "one")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        Some(source("{brokers: BROKERS, topics: [there-is-no-such-topic]}", "one"))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let payloads =
            |payloads: &Vec<String>| payloads.iter().map(|payload| Some(payload.clone().into_bytes())).collect();
        let partitions = (0..).zip(&self.partitions);
        partitions.map(|(number, records)| ((self.name.clone(), number), payloads(records))).collect()
    }

    fn ends(&self) -> bool {
        !self.until.is_empty()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_the_contract() {
    timeout(PATIENCE, conformance::source(&mut Topic::new("").await)).await.expect("it does not wait for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_the_contract_until_the_end() {
    timeout(PATIENCE, conformance::source(&mut Topic::new("until: end").await))
        .await
        .expect("it does not wait for ever");
}

struct Written {
    topic: String,
}

#[async_trait]
impl SinkWorld for Written {
    fn build(&mut self) -> BoxSink {
        sink(&format!("{{brokers: BROKERS, topic: {}, partition: 0}}", self.topic))
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        Some(sink("{brokers: '127.0.0.1:1', topic: t}"))
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        let topic = self.topic.clone();
        let read = move || read_whole_partition(&topic, 0);
        let messages = tokio::task::spawn_blocking(read).await.expect("it does not panic");
        messages.iter().map(|message| rdkafka::Message::payload(message).map(<[u8]>::to_vec)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_keeps_the_contract() {
    let topic = unique("written");
    make_topic(&topic, 1, &[("max.message.bytes", "2000000")]).await;
    timeout(PATIENCE, conformance::sink(&mut Written { topic })).await.expect("it does not wait for ever");
}
