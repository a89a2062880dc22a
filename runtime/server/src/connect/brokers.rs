//! What this API asks of the server's Kafka itself. The binary brings it along: this crate knows no client.

use catchwater_sdk::config::Node;
use catchwater_sdk::{Result, async_trait};

/// How far a consumer group is in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Where reading goes on; `None` where nothing is committed, or nothing is to be.
    pub offset: Option<i64>,
}

/// The brokers of a `kafka` source, told by its own settings, and the group of the pipeline that has it.
#[async_trait]
pub trait Brokers: Send + Sync {
    /// The cluster's id.
    async fn cluster(&self, source: &Node) -> Result<String>;
    /// What the source's group has committed of its topics.
    async fn committed(&self, source: &Node, pipeline: &str) -> Result<Vec<GroupOffset>>;
    /// Where partitions begin, by topic and number, for who begins at `earliest`, `latest`, a time or `-N`; another word is a
    /// mistake of the configuration.
    async fn begins(&self, source: &Node, partitions: Vec<(String, i32)>, begin: &str) -> Result<Vec<GroupOffset>>;
    /// Commits these offsets for the source's group; it must have no members.
    async fn commit(&self, source: &Node, pipeline: &str, offsets: &[GroupOffset]) -> Result<()>;
    /// Forgets the source's group with all its offsets; it must have no members.
    async fn forget(&self, source: &Node, pipeline: &str) -> Result<()>;
}
