//! What librdkafka calls back. It only reports: the task answers later, once it has drained or knows where to start.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;

use crate::kafka::trouble::{self, Trouble};

/// A change of the partitions that this member owns. The whole group waits for the answer to the first two.
#[derive(Debug)]
pub(super) enum Move {
    /// Answered by assigning them, or as many as there still are.
    Assigned(TopicPartitionList),
    /// Answered by unassigning them.
    Revoking(TopicPartitionList),
    /// Someone else may have them already. Unassigned at once.
    Lost(TopicPartitionList),
}

/// Reports moves to the task. At most one is unanswered, so the channel holds few. (Invariant 9)
pub(super) struct Report {
    moves: UnboundedSender<Move>,
    closing: AtomicBool,
    trouble: Trouble,
}

impl Report {
    pub(super) fn new(moves: UnboundedSender<Move>) -> Report {
        Report { moves, closing: AtomicBool::new(false), trouble: Trouble::default() }
    }

    /// From now on moves are answered here: nobody else will.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    fn answer(&self, consumer: &BaseConsumer<Report>, what: RDKafkaRespErr, list: &TopicPartitionList) {
        let answered = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                consumer.incremental_assign(&TopicPartitionList::new())
            }
            // Given up already, or never assigned: the group still waits for an answer, and the empty one always counts.
            _ => consumer
                .incremental_unassign(list)
                .or_else(|_| consumer.incremental_unassign(&TopicPartitionList::new())),
        };
        if let Err(error) = answered {
            debug!(%error, "partitions given up while closing");
        }
    }
}

impl ClientContext for Report {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trouble::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.note(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Report {
    fn rebalance(&self, consumer: &BaseConsumer<Report>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            return self.answer(consumer, what, list);
        }
        let list = list.clone();
        let moved = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Move::Assigned(list),
            _ if consumer.assignment_lost() => Move::Lost(list),
            _ => Move::Revoking(list),
        };
        let _ = self.moves.send(moved); // a task that is gone has set `closing`, or is about to drop the client
    }
}
