//! Partitions of the group that belong to nobody.
//!
//! A static member that dies while it hands partitions over comes back under its name, and the brokers give it at once what
//! it had, without a rebalance. What it was handing over then stays with nobody until someone joins or leaves. So the
//! members look now and then, and where they see it twice in a row the first of them joins anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::source::Polled;
use catchwater_sdk::{Error, Result};
use rdkafka::consumer::Consumer;
use tokio::task::JoinHandle;
use tracing::warn;

use super::Kafka;
use super::member::{Client, describe};
use super::partitions::Partitions;
use crate::kafka::{ANSWER_WITHIN, ask};

/// How often a member looks.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Orphans {
    look_at: Instant,
    answer: Option<JoinHandle<Result<bool>>>,
    seen: bool,
}

/// What a member has to know in order to look.
struct Question {
    client: Client,
    group: String,
    /// The name of this member in the group.
    member: String,
    /// Topics by name, and patterns.
    topics: Vec<String>,
}

// === impl Orphans ===

impl Orphans {
    pub(super) fn new() -> Orphans {
        Orphans { look_at: Instant::now() + LOOK_EVERY, answer: None, seen: false }
    }

    /// Whether orphans were seen twice in a row. The last answer is taken once it is there.
    async fn seen_again(&mut self) -> bool {
        if !self.answer.as_ref().is_some_and(JoinHandle::is_finished) {
            return false;
        }
        let answer = self.answer.take().expect("it was just seen").await;
        // No answer is no proof: whether the brokers are away is for others to say.
        let now = matches!(answer, Ok(Ok(true)));
        std::mem::replace(&mut self.seen, now) && now
    }

    fn is_due(&self) -> bool {
        self.answer.is_none() && Instant::now() >= self.look_at
    }
}

impl Kafka {
    /// Looks for orphans in the background, and joins anew if it is on us to. Cancel safe.
    pub(super) async fn look_for_orphans(&mut self) -> Result<bool> {
        if self.orphans.seen_again().await {
            self.join_anew().await;
            return Ok(true);
        }
        if self.orphans.is_due() {
            let question = Question {
                client: Arc::clone(self.member()?.client()),
                group: self.plan.group.clone(),
                member: self.plan.member.clone(),
                topics: self.plan.topics.clone(),
            };
            self.orphans.look_at = Instant::now() + LOOK_EVERY;
            self.orphans.answer = Some(tokio::spawn(ask(move || question.answer())));
        }
        Ok(false)
    }

    async fn join_anew(&mut self) {
        warn!(
            "partitions belong to nobody since a member died while it handed them over: this one joins the group anew"
        );
        let lost = self.partitions.iter().map(|owned| Arc::clone(&owned.resolved.partition)).collect();
        self.queued.push_back(Polled::Lost(lost));
        self.partitions = Partitions::default();
        self.absent.clear();
        (self.resolving, self.unanswered, self.settled, self.held) = (None, false, None, None);
        self.orphans = Orphans::new();
        if let Some(mut member) = self.member.take() {
            member.leave().await;
            member.close().await;
        }
    }
}

// === impl Question ===

impl Question {
    /// Whether there are orphans and this member is the first of its group. Blocks.
    fn answer(self) -> Result<bool> {
        let groups = self.client.fetch_group_list(Some(self.group.as_str()), ANSWER_WITHIN);
        let groups = groups.map_err(|error| Error::unavailable("ask for the group's members").because(error))?;
        let Some(group) = groups.groups().first().filter(|group| group.state() == "Stable") else { return Ok(false) };
        // A static member's id is its name, a dash, and a random part.
        let first = group.members().iter().map(|member| member.id()).min().unwrap_or_default();
        if !first.strip_prefix(&self.member).is_some_and(|rest| rest.starts_with('-')) {
            return Ok(false);
        }
        let owned: HashSet<(String, i32)> =
            group.members().iter().flat_map(|member| owned(member.assignment().unwrap_or_default())).collect();
        let mut topics: HashSet<String> = self.topics.iter().filter(|topic| !topic.starts_with('^')).cloned().collect();
        if self.topics.len() > topics.len() {
            topics.extend(owned.iter().map(|(topic, _)| topic.clone()));
        }
        let topics = describe(&self.client, &topics.into_iter().collect::<Vec<_>>())?;
        let is_orphan = |topic: &str, number: i32| !owned.contains(&(topic.to_owned(), number));
        Ok(topics.iter().any(|topic| (0..topic.partitions).any(|number| is_orphan(&topic.name, number))))
    }
}

/// The partitions in a member's assignment, in the format of Kafka's consumer protocol: version, then for each topic its
/// name and its partitions. What cannot be read counts as nothing.
fn owned(assignment: &[u8]) -> Vec<(String, i32)> {
    let mut rest = assignment.get(2..).unwrap_or_default();
    let mut owned = Vec::new();
    let topics = int(&mut rest).unwrap_or(0);
    for _ in 0..topics {
        let Some(name) = text(&mut rest) else { break };
        let partitions = int(&mut rest).unwrap_or(0);
        owned.extend((0..partitions).map_while(|_| Some((name.clone(), int(&mut rest)?))));
    }
    owned
}

fn int(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(i32::from_be_bytes(*bytes))
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (bytes, behind) = rest.split_first_chunk::<2>()?;
    let (name, behind) = behind.split_at_checked(usize::try_from(i16::from_be_bytes(*bytes)).ok()?)?;
    *rest = behind;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_assignment_and_takes_a_broken_one_for_nothing() {
        let bytes = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x03\0\x02bc\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff";
        let expected = [("a", 0), ("a", 3), ("bc", 1)].map(|(topic, number)| (topic.to_owned(), number));
        assert_eq!(owned(bytes), expected);
        assert_eq!(owned(&bytes[..13]), []);
        assert_eq!(owned(b""), []);
    }
}
