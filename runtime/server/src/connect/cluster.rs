//! Which cluster the server's Kafka is. A worker knows it from its start, and answers at once, whatever has become of Kafka.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tracing::warn;

use super::brokers::Brokers;
use super::settings;

/// Who asks waits for it as long as this.
const PATIENCE: Duration = Duration::from_secs(3);

type Answer = watch::Receiver<Option<String>>;

/// The id of the cluster that the server's settings lead to, asked for until it is known. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Arc<Mutex<Option<Asked>>>);

/// What was asked last.
struct Asked {
    kafka: Map<String, Value>,
    answer: Answer,
}

// === impl Cluster ===

impl Cluster {
    /// The id, if it is known or comes soon.
    pub(crate) async fn id(&self, kafka: Map<String, Value>, brokers: Arc<dyn Brokers>) -> Option<String> {
        let mut answer = self.answer(kafka, brokers);
        // Nobody answers any more where that failed.
        let known = tokio::time::timeout(PATIENCE, answer.wait_for(Option::is_some)).await.ok()?.ok()?;
        known.clone()
    }

    /// The answer that is there, or under way; else the cluster is asked.
    fn answer(&self, kafka: Map<String, Value>, brokers: Arc<dyn Brokers>) -> Answer {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(asked) if asked.kafka == kafka && !asked.has_failed() => asked.answer.clone(),
            _ => {
                let (known, answer) = watch::channel(None);
                *last = Some(Asked { kafka: kafka.clone(), answer: answer.clone() });
                // It goes on when the client has hung up: the next one is answered at once.
                tokio::spawn(async move {
                    match brokers.cluster(&settings::node(kafka)).await {
                        Ok(id) => drop(known.send(Some(id))),
                        Err(error) => warn!(error = %error.chain(), "the server's Kafka does not say who it is"),
                    }
                });
                answer
            }
        }
    }
}

// === impl Asked ===

impl Asked {
    fn has_failed(&self) -> bool {
        self.answer.has_changed().is_err() && self.answer.borrow().is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use catchwater_sdk::config::Node;
    use catchwater_sdk::{Error, Result, async_trait};
    use serde_json::json;
    use tokio::sync::Semaphore;

    use super::super::brokers::GroupOffset;
    use super::*;

    /// Says who it is once it may: each permit is for one answer.
    struct Slow {
        asked: AtomicUsize,
        may_answer: Semaphore,
        answers: bool,
    }

    #[async_trait]
    impl Brokers for Slow {
        async fn cluster(&self, _: &Node) -> Result<String> {
            let number = self.asked.fetch_add(1, SeqCst);
            self.may_answer.acquire().await.expect("it is open").forget();
            if self.answers { Ok(format!("cluster-{number}")) } else { Err(Error::unavailable("nobody is there")) }
        }

        async fn committed(&self, _: &Node, _: &str) -> Result<Vec<GroupOffset>> {
            unreachable!("only who it is")
        }

        async fn begins(&self, _: &Node, _: Vec<(String, i32)>, _: &str) -> Result<Vec<GroupOffset>> {
            unreachable!("only who it is")
        }

        async fn commit(&self, _: &Node, _: &str, _: &[GroupOffset]) -> Result<()> {
            unreachable!("only who it is")
        }

        async fn forget(&self, _: &Node, _: &str) -> Result<()> {
            unreachable!("only who it is")
        }
    }

    fn kafka(brokers: &str) -> Map<String, Value> {
        Map::from_iter([("brokers".to_owned(), json!(brokers))])
    }

    fn slow(answers: bool, permits: usize) -> Arc<Slow> {
        Arc::new(Slow { asked: AtomicUsize::new(0), may_answer: Semaphore::new(permits), answers })
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_and_what_comes_late_is_kept() {
        let (cluster, brokers) = (Cluster::default(), slow(true, 0));
        let both = tokio::join!(cluster.id(kafka("a:1"), brokers.clone()), cluster.id(kafka("a:1"), brokers.clone()));
        assert_eq!(both, (None, None));
        assert_eq!(brokers.asked.load(SeqCst), 1, "it is under way");
        brokers.may_answer.add_permits(1);
        for _ in 0..2 {
            assert_eq!(cluster.id(kafka("a:1"), brokers.clone()).await.as_deref(), Some("cluster-0"));
        }
        assert_eq!(brokers.asked.load(SeqCst), 1, "it is known");
    }

    #[tokio::test]
    async fn who_did_not_answer_or_is_another_is_asked_again() {
        let (cluster, away, there) = (Cluster::default(), slow(false, 2), slow(true, 2));
        assert_eq!(cluster.id(kafka("a:1"), away.clone()).await, None);
        assert_eq!(cluster.id(kafka("a:1"), away.clone()).await, None);
        assert_eq!(away.asked.load(SeqCst), 2);
        assert_eq!(cluster.id(kafka("a:1"), there.clone()).await.as_deref(), Some("cluster-0"));
        assert_eq!(cluster.id(kafka("b:1"), there.clone()).await.as_deref(), Some("cluster-1"));
    }
}
