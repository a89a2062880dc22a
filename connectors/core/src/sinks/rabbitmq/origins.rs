//! The queues of this very broker that the records come from. What is published to one of them would be read again, and
//! published again, without end. That an exchange leads back to one cannot be told: AMQP lists no bindings.

use std::collections::HashSet;
use std::sync::Arc;

use catchwater_sdk::{Error, Partition, Result};

use super::message::Message;

/// Queues that nothing may be published to.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// What the source's partitions of this broker begin with.
    prefix: String,
    /// The operator wants records to come round.
    allowed: bool,
    queues: HashSet<Arc<str>>,
}

impl Origins {
    /// Notes which broker this is, and whether records may go to where they came from.
    pub(super) fn open(&mut self, address: &str, allowed: bool) {
        (self.prefix, self.allowed) = (format!("rabbitmq:{address}:"), allowed);
    }

    /// Notes where records will come from.
    pub(super) fn assigned(&mut self, partitions: &[Arc<Partition>]) {
        let ours = partitions.iter().filter(|partition| partition.source.starts_with(&self.prefix));
        self.queues.extend(ours.map(|partition| Arc::clone(&partition.stream)));
    }

    /// Refuses a message that goes straight to a queue which is being read.
    pub(super) fn check(&self, message: &Message) -> Result<()> {
        let queue = message.routing_key.as_str();
        if self.allowed || !message.exchange.as_str().is_empty() || !self.queues.contains(queue) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "publish to queue `{queue}`: its own records would come round to it without end; name another queue, or another \
             broker (a replay may, with `allow_loop`)"
        )))
    }
}
