//! The topics of this very cluster that the records come from. What is written to one of them would be read again, and
//! written again, without end.

use std::collections::HashSet;
use std::sync::Arc;

use catchwater_sdk::config::{Part, Template};
use catchwater_sdk::{Error, Partition, Result};

/// Topics that nothing may be written to.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Known once the brokers answered.
    cluster: Option<Arc<str>>,
    /// The operator wants records to come round.
    allowed: bool,
    topics: HashSet<Arc<str>>,
}

impl Origins {
    /// Notes whose brokers these are, and whether records may go to where they came from.
    pub(super) fn open(&mut self, cluster: Arc<str>, allowed: bool) {
        (self.cluster, self.allowed) = (Some(cluster), allowed);
    }

    /// Notes where records will come from. Refused where `topic` is certain to be one of those.
    pub(super) fn assigned(&mut self, partitions: &[Arc<Partition>], topic: &Template) -> Result<()> {
        if self.allowed {
            return Ok(());
        }
        let ours = partitions.iter().filter(|partition| Some(&partition.source) == self.cluster.as_ref());
        self.topics.extend(ours.map(|partition| Arc::clone(&partition.stream)));
        let certain = match (topic.constant(), topic.parts()) {
            (Some(topic), _) => self.topics.get(topic),
            (None, [Part::Stream]) => self.topics.iter().min(),
            _ => None,
        };
        certain.map_or(Ok(()), |topic| Err(self.refusal(topic)))
    }

    /// Whether records come from this topic.
    pub(super) fn has(&self, topic: &str) -> bool {
        !self.topics.is_empty() && self.topics.contains(topic)
    }

    /// What the operator is told.
    pub(super) fn refusal(&self, topic: &str) -> Error {
        Error::refused(format!(
            "write to topic `{topic}`: its own records would come round to it without end; name another topic, or another \
             cluster (a replay may, with `allow_loop`)"
        ))
        .at_key("topic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(topic: &str, allowed: bool) -> (Origins, Result<()>) {
        let partition = |source: &str, stream: &str| {
            Arc::new(Partition { source: source.into(), stream: stream.into(), incarnation: "1".into(), number: 0 })
        };
        let mut origins = Origins::default();
        origins.open("here".into(), allowed);
        let topic = Template::read(topic).expect("a template");
        let answer = origins.assigned(&[partition("here", "orders"), partition("there", "carts")], &topic);
        (origins, answer)
    }

    fn check(topic: &str, allowed: bool, refused_at_once: bool) {
        assert_eq!(assigned(topic, allowed).1.is_err(), refused_at_once, "{topic}");
    }

    #[test]
    fn a_topic_that_feeds_itself_is_refused_before_the_first_record() {
        check("orders", false, true);
        check("${stream}", false, true);
        check("orders", true, false);
    }

    #[test]
    fn another_topic_is_not_and_neither_is_another_clusters() {
        check("copy", false, false);
        check("copy-${stream}", false, false);
        check("carts", false, false);
    }

    #[test]
    fn what_is_known_only_record_by_record_is_refused_there() {
        let (origins, _) = assigned("${header:to}", false);
        assert_eq!([origins.has("orders"), origins.has("carts"), origins.has("other")], [true, false, false]);
        assert!(!assigned("${header:to}", true).0.has("orders"), "unless it is allowed");
    }
}
