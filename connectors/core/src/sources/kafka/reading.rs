//! What comes from the client: records, its position, errors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::source::Polled;
use catchwater_sdk::{BatchBuilder, Error, Limit, Result};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tracing::{debug, warn};

use super::Kafka;
use super::moves::name;
use super::partitions::Partitions;
use super::read::{self, Next};
use crate::kafka::failure::failure;

/// How often it is looked where the client stands when no record comes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A member without partitions has reached the end once it was given none for this long: a group that just grew hands
/// out partitions in two steps.
const EMPTY_FOR: Duration = Duration::from_millis(2500);
/// A member that is fenced more often than this within that time shares its name with another, and both would go on for ever.
/// Less is no proof: brokers that were restarted, or whose answers came late, fence a member that is alone, by its own request
/// to join that it had to repeat.
const FENCED_MAX: usize = 3;
const FENCED_WITHIN: Duration = Duration::from_secs(60);

impl Kafka {
    /// Waits for what comes next. `None`: look at everything else first. Cancel safe.
    pub(super) async fn next(&mut self, limit: Limit) -> Result<Option<Polled>> {
        let look_at = self.look_at;
        self.member()?;
        let member = self.member.as_mut().expect("it was asked for just now");
        match read::next(member, &mut self.partitions, limit, look_at).await {
            Next::Move(moved) => self.moved(moved),
            Next::Records(read) => {
                self.failed = read.failed;
                if !read.after_pause {
                    return Ok(Some(Polled::Records(read.batch)));
                }
                self.held = Some(read.batch);
                Ok(None)
            }
            Next::Failed(error) => {
                self.failed = Some(error);
                Ok(None)
            }
            Next::Look => Ok(self.look()),
        }
    }

    /// A batch without records where the client went on without handing out any.
    fn look(&mut self) -> Option<Polled> {
        self.look_at = Instant::now() + LOOK_EVERY;
        let client = self.member.as_ref()?.client();
        let mut builder = BatchBuilder::new(Limit::default());
        self.partitions.follow(client, &mut builder);
        let batch = builder.finish();
        (!batch.origins().is_empty()).then_some(Polled::Records(batch))
    }

    /// Whether all that was there is read, and nothing more is to come from the group.
    pub(super) fn is_at_end(&self) -> bool {
        let settled =
            self.settled.is_some_and(|since| self.partitions.iter().next().is_some() || since.elapsed() >= EMPTY_FOR);
        settled && !self.unanswered && self.partitions.at_end()
    }

    /// What an error between messages means. librdkafka connects again by itself, so most mean nothing.
    pub(super) fn judge(&mut self, error: &KafkaError) -> Result<()> {
        match error {
            KafkaError::PartitionEOF(_) => self.look_at = Instant::now(),
            KafkaError::MessageConsumptionFatal(code) => return self.thrown_out(*code),
            KafkaError::MessageConsumption(code) => return self.judge_code(*code),
            error => return Err(Error::unavailable("read from Kafka").because(error.clone())),
        }
        Ok(())
    }

    fn judge_code(&mut self, code: Code) -> Result<()> {
        match code {
            // The client connects again. That nobody answers is found by asking; what it said meanwhile may be long past.
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::Authentication
            | Code::SSL
            | Code::OperationTimedOut
            | Code::NodeUpdate => debug!(%code, "a connection to a broker is down"),
            // The topic is gone, or was: if it came back, it is another.
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
                debug!(%code, "a topic is gone");
                self.identity.doubt();
            }
            Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(),
            Code::PollExceeded => {
                warn!("the sinks were busy for longer than `max.poll.interval.ms`, the partitions were lost")
            }
            code => return Err(failure("read from Kafka", code)),
        }
        Ok(())
    }

    /// The client does not say which partition it is. Each is looked at anew: those in range just go on.
    fn out_of_range(&mut self) {
        warn!("a position is outside of what its topic holds, all are looked at anew");
        self.identity.doubt();
        let partitions: Vec<_> = self.partitions.iter().map(|owned| Arc::clone(&owned.resolved.partition)).collect();
        let stopped = self.member.as_ref().map(|member| member.unassign(partitions.iter()));
        if let Some(Err(error)) = stopped {
            debug!(error = %error.chain(), "give up partitions out of range");
        }
        self.queued.push_back(Polled::Lost(partitions));
        self.resolve(self.partitions.iter().map(|owned| name(&owned.resolved.partition)).collect());
        self.partitions = Partitions::default();
    }

    /// The group no longer knows this member, for good: another has its name, or a broker forgot it. Only a new client helps.
    fn thrown_out(&mut self, code: Code) -> Result<()> {
        if self.member.take().is_none() {
            return Ok(());
        }
        let partitions = self.partitions.iter().map(|owned| Arc::clone(&owned.resolved.partition)).collect();
        self.partitions = Partitions::default();
        (self.resolving, self.unanswered, self.settled) = (None, false, None);
        self.queued.push_back(Polled::Lost(partitions));
        if code == Code::FencedInstanceId && self.is_fenced_too_often() {
            let name = &self.plan.member;
            let text =
                format!("another process is in the group as `{name}`: give each process a data folder of its own");
            return Err(Error::refused(text).because(code));
        }
        warn!(%code, "the group has thrown this member out, it joins anew");
        Ok(())
    }

    fn is_fenced_too_often(&mut self) -> bool {
        self.fenced.retain(|before| before.elapsed() < FENCED_WITHIN);
        self.fenced.push(Instant::now());
        self.fenced.len() > FENCED_MAX
    }
}
