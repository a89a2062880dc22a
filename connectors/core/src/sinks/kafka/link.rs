//! A producer and what it reports.
//!
//! A small task polls the producer while something is under way. It also reacts to a refusal at once: everything still
//! queued behind it is taken back before it can overtake the records that must go again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::kafka::failure::{blames_a_record, code_of};
use crate::kafka::trouble::{self, Trouble};

/// How often the producer is asked for reports while something is under way.
const POLL_EVERY: Duration = Duration::from_millis(3);
/// How often otherwise, for log lines and errors.
const POLL_IDLE_EVERY: Duration = Duration::from_millis(500);
/// How long what is under way may take to come to an end after a refusal.
const END_WITHIN: Duration = Duration::from_secs(3);

/// What became of the record with this number.
pub(super) type Outcome = (u64, Result<(), Code>);

/// A producer with the task that polls it.
pub(super) struct Link {
    producer: Option<Arc<BaseProducer<Reports>>>,
    pump: JoinHandle<()>,
}

/// What the producer reports.
#[derive(Default)]
pub(super) struct Reports {
    outcomes: Mutex<Vec<Outcome>>,
    /// Something refused a batch, or all: what is queued goes no further, and another producer is to take over.
    broken: AtomicBool,
    /// The only record under way is one under suspicion: its refusal breaks nothing.
    alone: AtomicBool,
    trouble: Trouble,
    reported: Notify,
    sent: Notify,
}

impl Link {
    /// Makes a producer; it connects by itself.
    pub(super) fn new(config: &ClientConfig) -> Result<Link> {
        let producer = config.create_with_context(Reports::default());
        let producer: Arc<BaseProducer<Reports>> =
            Arc::new(producer.map_err(|error| Error::config("make a Kafka producer").because(error))?);
        let pump = tokio::spawn(pump(Arc::clone(&producer)));
        Ok(Link { producer: Some(producer), pump })
    }

    /// The producer, which lives as long as this link.
    pub(super) fn producer(&self) -> &Arc<BaseProducer<Reports>> {
        self.producer.as_ref().expect("only dropping takes the producer away")
    }

    fn reports(&self) -> &Reports {
        self.producer().context()
    }

    /// What was reported since the last time.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        std::mem::take(&mut self.reports().outcomes.lock().expect("nothing panics under this lock"))
    }

    /// What is sent next is one record under suspicion, or else any.
    pub(super) fn sends_alone(&self, alone: bool) {
        self.reports().alone.store(alone, Ordering::Release);
    }

    /// Whether what was sent last was one record under suspicion.
    pub(super) fn sent_alone(&self) -> bool {
        self.reports().alone.load(Ordering::Acquire)
    }

    /// Records are on their way.
    pub(super) fn sent(&self) {
        self.reports().sent.notify_one();
    }

    /// Nothing more is to be sent here.
    pub(super) fn break_off(&self) {
        self.reports().broken.store(true, Ordering::Release);
        self.reports().sent.notify_one();
    }

    /// Whether another producer is to take over.
    pub(super) fn is_broken(&self) -> bool {
        self.reports().broken.load(Ordering::Acquire)
    }

    /// Whether nothing is under way, and all was reported.
    pub(super) fn is_idle(&self) -> bool {
        self.producer().in_flight_count() == 0
    }

    /// Waits for a report, for a short while.
    pub(super) async fn reported(&self) {
        let _ = timeout(Duration::from_millis(20), self.reports().reported.notified()).await; // either is a reason to look
    }

    /// Why connections fail.
    pub(super) fn trouble(&self) -> &Trouble {
        self.reports().trouble()
    }
}

impl Reports {
    /// Whether what was sent behind a record that failed so would overtake it.
    fn breaks(&self, code: Code) -> bool {
        match code {
            Code::Fatal => true,
            Code::PurgeQueue | Code::PurgeInflight => false,
            code => !blames_a_record(code) && !self.alone.load(Ordering::Acquire),
        }
    }

    /// Why connections fail.
    pub(super) fn trouble(&self) -> &Trouble {
        &self.trouble
    }
}

impl Drop for Link {
    /// A producer closes on a thread of its own: closing blocks. What is not confirmed is not to be.
    fn drop(&mut self) {
        self.pump.abort();
        let Some(producer) = self.producer.take() else { return };
        producer.purge(PurgeConfig::default().queue().inflight());
        std::thread::spawn(move || drop(producer));
    }
}

async fn pump(producer: Arc<BaseProducer<Reports>>) {
    let mut broken_since: Option<Instant> = None;
    loop {
        poll(&producer);
        let reports = producer.context();
        if reports.broken.load(Ordering::Acquire) {
            // Again and again: the client puts back into its queue what the brokers refuse for the gap before it.
            let since = *broken_since.get_or_insert_with(Instant::now);
            let everything = PurgeConfig::default().queue();
            producer.purge(if since.elapsed() > END_WITHIN { everything.inflight() } else { everything });
        }
        match producer.in_flight_count() {
            0 => drop(timeout(POLL_IDLE_EVERY, reports.sent.notified()).await),
            _ => sleep(POLL_EVERY).await,
        }
    }
}

/// Handles all that the producer has to report. One call handles one event.
fn poll(producer: &BaseProducer<Reports>) {
    loop {
        let before = producer.in_flight_count();
        producer.poll(Duration::ZERO);
        if before == 0 || producer.in_flight_count() >= before {
            return;
        }
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trouble::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            self.broken.store(true, Ordering::Release);
        }
        self.trouble.note(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let outcome = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(code_of(error)),
        };
        if outcome.is_err_and(|code| self.breaks(code)) {
            self.broken.store(true, Ordering::Release);
        }
        self.outcomes.lock().expect("nothing panics under this lock").push((number as u64, outcome));
        self.reported.notify_one();
    }
}
