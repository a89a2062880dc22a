//! Whether the topics are still those that were assigned.
//!
//! A topic that is deleted and made anew keeps its name, and a client reads on at the old offset without an error if the
//! new topic has grown past it; the brokers even accept a commit of the old offset. Only the topic's id tells. It is asked
//! before what was read is stored with its positions, before each commit, every second, and before records are handed out
//! that came after a pause, which is what a topic that is deleted and made anew mostly looks like. An id never comes back:
//! an answer that names the old one covers all that was read before the question.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::{Error, Result};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::member::{Client, describe};
use crate::kafka::ffi::Topic;

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// No record is handed out this long after the last answer: after a sleep of the machine, or of the process, much may
/// have happened.
const TRUST_FOR: Duration = Duration::from_secs(4);

/// Asks about topics in the background.
#[derive(Debug)]
pub(super) struct Identity {
    answered: Instant,
    /// When the last question was asked that has an answer.
    known: Option<Instant>,
    asked: Option<(Instant, JoinHandle<Result<Vec<Topic>>>)>,
    /// The id under which each topic was read so far in this process.
    pub(super) read_before: HashMap<String, String>,
}

impl Identity {
    pub(super) fn new() -> Identity {
        Identity { answered: Instant::now(), known: None, asked: None, read_before: HashMap::new() }
    }

    /// Asks at the next occasion, without waiting for its time.
    pub(super) fn doubt(&mut self) {
        self.answered = self.answered.checked_sub(ASK_EVERY).unwrap_or(self.answered);
    }

    /// Whether an answer covers what was read until then.
    pub(super) fn covers(&self, read_at: std::time::Instant) -> bool {
        self.known.is_some_and(|known| known.into_std() > read_at)
    }

    /// The next answer about the topics, if it is time for one. Waits only for one that is overdue. Cancel safe.
    pub(super) async fn look(&mut self, client: &Client, topics: Vec<String>) -> Result<Option<Vec<Topic>>> {
        if self.asked.is_none() && self.answered.elapsed() >= ASK_EVERY {
            self.ask(client, topics);
        }
        match &self.asked {
            Some((_, answer)) if answer.is_finished() || self.answered.elapsed() >= TRUST_FOR => {
                self.take().await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// An answer from now on, not an earlier one.
    pub(super) async fn ask_now(&mut self, client: &Client, topics: Vec<String>) -> Result<Vec<Topic>> {
        self.ask(client, topics);
        self.take().await
    }

    /// These topics were just described, or are no longer ours.
    pub(super) fn settle(&mut self) {
        self.answered = Instant::now();
        self.asked = None;
    }

    fn ask(&mut self, client: &Client, topics: Vec<String>) {
        let client = Arc::clone(client);
        self.asked = Some((Instant::now(), tokio::task::spawn_blocking(move || describe(&client, &topics))));
    }

    async fn take(&mut self) -> Result<Vec<Topic>> {
        let Some((at, answer)) = &mut self.asked else { return Ok(Vec::new()) };
        let (at, answer) = (*at, answer.await);
        self.asked = None;
        let topics = answer.map_err(|error| Error::bug("ask about the topics").because(error))??;
        (self.answered, self.known) = (at, Some(at));
        Ok(topics)
    }
}
