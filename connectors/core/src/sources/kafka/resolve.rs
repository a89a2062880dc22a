//! What must be known of partitions before they are read: which life of the topic this is, where to start, where the end is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Error, Partition, Result};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use tracing::{info, warn};

use super::member::{Client, committed_topic_id, describe};
use super::start::Start;
use crate::kafka::ANSWER_WITHIN;
use crate::kafka::failure::code_of;
use crate::kafka::ffi::{self, Topic};
use crate::kafka::offsets::{self, Named};

/// The incarnation of a topic at brokers that give topics no ids.
const NO_ID: &str = "0";

/// What is known of a partition.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) partition: Arc<Partition>,
    /// Where reading goes on as far as the group or the `start` setting knows.
    pub(super) at: i64,
    /// Whether that is a commit.
    pub(super) committed: bool,
    /// The first offset there is.
    pub(super) low: i64,
    /// The offset behind the last record, when this was asked.
    pub(super) end: i64,
}

impl Resolved {
    /// Whether it is this partition.
    pub(super) fn is(&self, topic: &str, number: i32) -> bool {
        *self.partition.stream == *topic && self.partition.number == number
    }

    /// As the engine is told.
    pub(super) fn assignment(&self) -> Assignment {
        Assignment { partition: Arc::clone(&self.partition), at: self.at, committed: self.committed, name: None }
    }
}

/// What to resolve.
pub(super) struct Question {
    pub(super) client: Client,
    pub(super) cluster: Arc<str>,
    pub(super) start: Start,
    pub(super) partitions: Vec<Named>,
    /// The ids under which this process has read topics so far.
    pub(super) read_before: HashMap<String, String>,
}

/// Asks the brokers. A partition that is no longer there is missing from the answer. Blocks.
pub(super) fn resolve(question: Question) -> Result<Vec<Resolved>> {
    let topics = known_topics(&question)?;
    let exists = |(topic, number): &&(String, i32)| topics.get(topic).is_some_and(|topic| *number < topic.partitions);
    let partitions: Vec<_> = question.partitions.iter().filter(exists).cloned().collect();
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let client = &question.client;
    let committed = committed(client, &partitions)?;
    let (low, end) = (bounds(client, &partitions, Offset::Beginning)?, bounds(client, &partitions, Offset::End)?);
    let configured = configured(client, &question.start, &partitions, &low, &end)?;
    let resolve = |i: usize, (topic, number): (String, i32)| {
        let id = incarnation(&topics[&topic]);
        let before = question.read_before.get(&topic).map(String::as_str);
        let begin = Begin { committed: &committed[i], read_before: before, low: low[i], configured: configured[i] };
        let (at, is_commit) = begin.at(&topic, number, id);
        let incarnation = id.into();
        let partition = Partition { source: Arc::clone(&question.cluster), stream: topic.into(), incarnation, number };
        Resolved { partition: Arc::new(partition), at, committed: is_commit, low: low[i], end: end[i] }
    };
    Ok(partitions.into_iter().enumerate().map(|(i, partition)| resolve(i, partition)).collect())
}

/// The incarnation that a topic's partitions have.
pub(super) fn incarnation(topic: &Topic) -> &str {
    topic.id.as_deref().unwrap_or(NO_ID)
}

/// The first offset and the one behind the last, asked anew. Blocks.
pub(super) fn ask_bounds(client: &Client, topic: &str, number: i32) -> Result<(i64, i64)> {
    let partition = [(topic.to_owned(), number)];
    Ok((bounds(client, &partition, Offset::Beginning)?[0], bounds(client, &partition, Offset::End)?[0]))
}

fn known_topics(question: &Question) -> Result<HashMap<String, Topic>> {
    let mut names: Vec<_> = question.partitions.iter().map(|(topic, _)| topic.clone()).collect();
    names.dedup();
    let topics = describe(&question.client, &names)?;
    Ok(topics.into_iter().map(|topic| (topic.name.clone(), topic)).collect())
}

/// The group's offset of each partition with its metadata.
fn committed(client: &Client, partitions: &[Named]) -> Result<Vec<(Option<i64>, String)>> {
    let answer = client.committed_offsets(offsets::list(partitions, Offset::Invalid), ANSWER_WITHIN);
    let doing = "ask for the offsets of the group";
    let answer = answer.map_err(|error| client.context().trouble().explain(doing, code_of(&error)))?;
    let metadata = ffi::committed_metadata(&answer);
    Ok(offsets::found(&answer).into_iter().zip(metadata).collect())
}

/// The lowest or highest offset of each partition.
fn bounds(client: &Client, partitions: &[Named], which: Offset) -> Result<Vec<i64>> {
    offsets::bounds(&**client, partitions, which).map_err(|error| unanswered(client, &error))
}

fn unanswered(client: &Client, error: &KafkaError) -> Error {
    client.context().trouble().explain("ask for the offsets of the topics", code_of(error))
}

/// Where the `start` setting puts each partition.
fn configured(client: &Client, start: &Start, partitions: &[Named], low: &[i64], end: &[i64]) -> Result<Vec<i64>> {
    let named = |offsets: &BTreeMap<String, BTreeMap<i32, i64>>, i: usize| {
        let (topic, number) = &partitions[i];
        offsets.get(topic).and_then(|numbers| numbers.get(number)).copied().unwrap_or(low[i])
    };
    match start {
        Start::Earliest => Ok(low.to_vec()),
        Start::Latest => Ok(end.to_vec()),
        Start::Offsets(offsets) => Ok((0..partitions.len()).map(|i| named(offsets, i)).collect()),
        Start::Time(time) => {
            let since = offsets::since(&**client, partitions, time.as_millisecond(), end);
            since.map_err(|error| unanswered(client, &error))
        }
    }
}

/// What decides where a partition begins.
struct Begin<'a> {
    committed: &'a (Option<i64>, String),
    read_before: Option<&'a str>,
    low: i64,
    configured: i64,
}

impl Begin<'_> {
    /// Where, and whether that is a commit.
    fn at(&self, topic: &str, number: i32, id: &str) -> (i64, bool) {
        let (offset, metadata) = self.committed;
        let committed_id = offset.and_then(|_| committed_topic_id(metadata));
        let before = committed_id.or(self.read_before).filter(|before| *before != id);
        match offset {
            // All of a new topic came after what was read of the old one: none of it may be skipped.
            _ if before.is_some() => {
                warn!(topic, partition = number, "the topic was deleted and made anew, it is read from its beginning");
                (self.low, false)
            }
            Some(offset) if *offset < self.low => {
                let gone = self.low - offset;
                warn!(
                    topic,
                    partition = number,
                    gone,
                    "records were deleted by the topic's retention before they were read"
                );
                (self.low, true)
            }
            Some(offset) => (*offset, true),
            None => {
                info!(topic, partition = number, offset = self.configured, "nothing was committed yet, reading starts");
                (self.configured, false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(committed: Option<(i64, &str)>, read_before: Option<&str>, at: i64, is_commit: bool) {
        let committed = (committed.map(|(at, _)| at), committed.map_or("", |(_, metadata)| metadata).to_owned());
        let begin = Begin { committed: &committed, read_before, low: 10, configured: 70 };
        assert_eq!(begin.at("orders", 0, "new"), (at, is_commit));
    }

    #[test]
    fn goes_on_at_the_commit_else_where_the_setting_says() {
        check(Some((40, "topic-id=new")), None, 40, true);
        check(Some((40, "")), Some("new"), 40, true);
        check(None, None, 70, false);
    }

    #[test]
    fn goes_on_at_what_retention_has_left() {
        check(Some((4, "")), None, 10, true);
    }

    #[test]
    fn reads_a_recreated_topic_from_its_beginning() {
        check(Some((40, "topic-id=old")), None, 10, false);
        check(None, Some("old"), 10, false);
    }
}
