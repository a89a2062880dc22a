//! Whether topics exist, asked once each: a producer would only find out after minutes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::Result;
use rdkafka::producer::Producer;
use tokio::time::sleep;

use super::link::Link;
use crate::kafka::{ANSWER_WITHIN, ask, ffi};

/// How long brokers that make topics by themselves may take for one.
const MADE_WITHIN: Duration = Duration::from_secs(5);
/// How long a topic that was not there counts as missing.
const MISSING_FOR: Duration = Duration::from_secs(30);
/// More names are forgotten, and asked again. (Invariant 9)
const KNOWN_MAX: usize = 10_000;

/// Topics as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// `None`: it is there. Else when it was not.
    known: HashMap<String, Option<Instant>>,
}

impl Topics {
    /// Whether it is known to be there, without asking.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.known.get(topic).is_some_and(Option::is_none)
    }

    /// Whether it is there. If not, and the brokers make topics by themselves, they are given the occasion.
    pub(super) async fn look(&mut self, link: &Link, topic: &str) -> Result<bool> {
        match self.known.get(topic) {
            Some(None) => return Ok(true),
            Some(Some(missing)) if missing.elapsed() < MISSING_FOR => return Ok(false),
            _ => {}
        }
        let there = appears(link, topic).await?;
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(topic.to_owned(), (!there).then(Instant::now));
        Ok(there)
    }

    /// It was said not to be there after all.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

async fn appears(link: &Link, topic: &str) -> Result<bool> {
    let until = Instant::now() + MADE_WITHIN;
    loop {
        if exists(link, topic).await? {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn exists(link: &Link, topic: &str) -> Result<bool> {
    let (producer, topic) = (Arc::clone(link.producer()), topic.to_owned());
    ask(move || {
        let answer = ffi::describe_topics(producer.client(), std::slice::from_ref(&topic), ANSWER_WITHIN);
        let doing = format!("ask the brokers about topic `{topic}`");
        let known = answer.map_err(|code| producer.context().trouble().explain(&doing, code))?;
        if known.is_empty() {
            // The question of a producer is what makes brokers create a topic; its answer says nothing yet.
            let _ = producer.client().fetch_metadata(Some(&topic), ANSWER_WITHIN);
        }
        Ok(!known.is_empty())
    })
    .await
}
