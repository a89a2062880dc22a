//! What the brokers keep of a consumer group, looked at and changed from outside while it has no members.

use catchwater_sdk::config::Node;
use catchwater_sdk::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::begin::Begin;
use crate::kafka::connection::Connection;
use crate::kafka::{ANSWER_WITHIN, ask, default_group, offsets};

/// The keys of a `kafka` source that say how its cluster is reached.
const CONNECTION: [&str; 4] = ["brokers", "tls", "sasl", "librdkafka"];

/// Where a group goes on: topic, partition, offset.
pub type At = (String, i32, i64);

/// A group of a `kafka` source.
#[derive(Clone, Debug)]
pub struct Group {
    client: ClientConfig,
    brokers: String,
    name: String,
    topics: Vec<String>,
}

impl Group {
    /// The group of a pipeline with this `kafka` source, on the cluster that its settings lead to.
    pub fn of(source: &Node, pipeline: &str) -> Result<Group> {
        let named = source.get("group").and_then(Node::as_text).map(str::to_owned);
        let name = named.unwrap_or_else(|| default_group(pipeline));
        let connection = source.clone().take_keys(&CONNECTION).read::<Connection>();
        let connection = connection.map_err(|mistake| Error::config(mistake.to_string()))?;
        let defaults = [("group.id", name.clone()), ("enable.auto.commit", "false".to_owned())];
        let client = connection.client_config(&defaults, &[])?;
        let topics = source.get("topics").map(Node::items).unwrap_or_default();
        let topics = topics.iter().filter_map(Node::as_text).map(str::to_owned).collect();
        Ok(Group { client, brokers: connection.brokers, name, topics })
    }

    /// The id of its cluster.
    pub async fn cluster(self) -> Result<String> {
        ask(move || {
            let id = self.consumer()?.client().fetch_cluster_id(ANSWER_WITHIN);
            id.ok_or_else(|| Error::unavailable(format!("the brokers at {} do not answer", self.brokers)))
        })
        .await
    }

    /// What it has committed, by topic and partition.
    pub async fn committed(self) -> Result<Vec<At>> {
        ask(move || self.committed_now()).await
    }

    /// Commits offsets for it. Partitions that are not named stay where they are.
    pub async fn commit(self, offsets: Vec<At>) -> Result<()> {
        ask(move || {
            let mut list = TopicPartitionList::new();
            for (topic, partition, offset) in &offsets {
                let added = list.add_partition_offset(topic, *partition, Offset::Offset(*offset));
                added.map_err(|error| Error::bug("list offsets to commit").because(error))?;
            }
            let committed = self.consumer()?.commit(&list, CommitMode::Sync);
            committed.map_err(|error| self.failed("commit offsets of", error))
        })
        .await
    }

    /// Where these partitions begin, for who begins like this.
    pub async fn begins(self, partitions: Vec<(String, i32)>, begin: Begin) -> Result<Vec<At>> {
        ask(move || {
            let begins = offsets::begins(&self.consumer()?, &partitions, begin);
            let begins = begins.map_err(|error| self.failed("ask for the offsets of the topics of", error))?;
            Ok(partitions.into_iter().zip(begins).map(|((topic, partition), at)| (topic, partition, at)).collect())
        })
        .await
    }

    /// Forgets the group, with all its offsets. One that is not there is forgotten already.
    pub async fn forget(self) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> =
            self.client.create().map_err(|error| self.failed("connect for", error))?;
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN)).request_timeout(Some(ANSWER_WITHIN));
        let deleted = admin.delete_groups(&[&self.name], &options).await;
        let deleted = deleted.map_err(|error| self.failed("forget", error))?;
        match deleted.into_iter().find_map(std::result::Result::err) {
            None | Some((_, Code::GroupIdNotFound)) => Ok(()),
            Some((_, code)) => Err(self.failed("forget", KafkaError::AdminOp(code))),
        }
    }

    /// Blocks.
    fn committed_now(&self) -> Result<Vec<At>> {
        let consumer = self.consumer()?;
        let metadata = consumer.fetch_metadata(None, ANSWER_WITHIN);
        let metadata = metadata.map_err(|error| self.failed("ask for the topics of", error))?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics().iter().filter(|topic| self.reads(topic.name())) {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
        let committed = consumer.committed_offsets(list, ANSWER_WITHIN);
        let committed = committed.map_err(|error| self.failed("ask for the offsets of", error))?;
        let at = |(topic, partition, offset): (String, i32, Offset)| match offset {
            Offset::Offset(offset) => Some((topic, partition, offset)),
            _ => None,
        };
        let elements = committed.elements();
        let elements = elements.iter().map(|one| (one.topic().to_owned(), one.partition(), one.offset()));
        let mut offsets: Vec<_> = elements.filter_map(at).collect();
        offsets.sort();
        Ok(offsets)
    }

    /// Whether it may have offsets of a topic. Where a pattern says which it reads, those that it has tell.
    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|name| name == topic || name.starts_with('^'))
    }

    fn consumer(&self) -> Result<BaseConsumer> {
        self.client.create().map_err(|error| self.failed("connect for", error))
    }

    fn failed(&self, doing: &str, error: KafkaError) -> Error {
        Error::unavailable(format!("{doing} group `{}` at {}", self.name, self.brokers)).because(error)
    }
}
