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
/// No more come before the first is acknowledged, and the suite reads all without that.
const MESSAGES: usize = 16;

struct Queue {
    name: String,
}

#[async_trait]
impl SourceWorld for Queue {
    async fn build(&mut self) -> BoxSource {
        source(&format!("{{url: URL, queue: {}}}", self.name))
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        Some(source("{url: URL, queue: there-is-no-such-queue}"))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let payloads = numbers(0..MESSAGES).into_iter().map(|payload| Some(payload.into_bytes())).collect();
        [((self.name.clone(), 0), payloads)].into()
    }

    fn ends(&self) -> bool {
        false
    }
}

async fn the_source_keeps_the_contract(kind: &str) {
    let client = Client::new().await;
    let name = client.queue(kind).await;
    client.publish_numbers(&name, MESSAGES).await;
    timeout(PATIENCE, conformance::source(&mut Queue { name })).await.expect("it does not wait for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_the_contract_with_a_classic_queue() {
    the_source_keeps_the_contract("classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_the_contract_with_a_quorum_queue() {
    the_source_keeps_the_contract("quorum").await;
}

struct Written {
    client: Client,
    queue: String,
    taken: Vec<Option<Vec<u8>>>,
}

#[async_trait]
impl SinkWorld for Written {
    fn build(&mut self) -> BoxSink {
        // Keys of the samples are no UTF-8 now and then, so the routing key is said.
        sink(&format!("{{url: URL, exchange: '', routing_key: {}}}", self.queue))
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        Some(sink("{url: 'amqp://127.0.0.1:1', to: q}"))
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        let messages = self.client.take_all(&self.queue).await;
        self.taken.extend(messages.into_iter().map(|message| Some(message.delivery.data)));
        self.taken.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_keeps_the_contract() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut world = Written { client, queue, taken: Vec::new() };
    timeout(PATIENCE, conformance::sink(&mut world)).await.expect("it does not wait for ever");
}
