//! What the server asks of Kafka itself, answered by the client of the `kafka` source.

use catchwater_connectors::groups::Group;
use catchwater_sdk::config::Node;
use catchwater_sdk::{Error, Result, async_trait};
use catchwater_server::{Brokers, GroupOffset};

/// The clusters that settings lead to.
pub(crate) struct Kafka;

#[async_trait]
impl Brokers for Kafka {
    async fn cluster(&self, source: &Node) -> Result<String> {
        Group::of(source, "server")?.cluster().await
    }

    async fn committed(&self, source: &Node, pipeline: &str) -> Result<Vec<GroupOffset>> {
        let committed = Group::of(source, pipeline)?.committed().await?.into_iter();
        Ok(committed.map(|(topic, partition, at)| GroupOffset { topic, partition, offset: Some(at) }).collect())
    }

    async fn begins(&self, source: &Node, partitions: Vec<(String, i32)>, begin: &str) -> Result<Vec<GroupOffset>> {
        let begin = crate::tap::begin(begin).map_err(Error::config)?;
        let begins = Group::of(source, "server")?.begins(partitions, begin).await?.into_iter();
        Ok(begins.map(|(topic, partition, at)| GroupOffset { topic, partition, offset: Some(at) }).collect())
    }

    /// An offset that goes alone cannot be forgotten alone: the group is, and then has the others again.
    async fn commit(&self, source: &Node, pipeline: &str, offsets: &[GroupOffset]) -> Result<()> {
        let group = Group::of(source, pipeline)?;
        let is_named = |topic: &str, partition| offsets.iter().any(|at| at.topic == topic && at.partition == partition);
        let mut wanted: Vec<_> = Vec::new();
        if offsets.iter().any(|at| at.offset.is_none()) {
            let others = group.clone().committed().await?.into_iter();
            wanted.extend(others.filter(|(topic, partition, _)| !is_named(topic, *partition)));
            group.clone().forget().await?;
        }
        wanted.extend(offsets.iter().filter_map(|at| Some((at.topic.clone(), at.partition, at.offset?))));
        if wanted.is_empty() { Ok(()) } else { group.commit(wanted).await }
    }

    async fn forget(&self, source: &Node, pipeline: &str) -> Result<()> {
        Group::of(source, pipeline)?.forget().await
    }
}
