//! Messages to batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{Batch, BatchBuilder, Limit};
use futures::{FutureExt, StreamExt};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio::time::sleep_until;

use super::member::Member;
use super::partitions::Partitions;
use super::report::Move;
use crate::kafka::message::append;

/// What came next.
pub(super) enum Next {
    /// The partitions change.
    Move(Move),
    /// Records.
    Records(Read),
    /// An error.
    Failed(KafkaError),
    /// It is time to look where the client stands.
    Look,
}

/// What was read at once.
pub(super) struct Read {
    pub(super) batch: Batch,
    /// Whether a partition had given nothing for a while before.
    pub(super) after_pause: bool,
    /// An error right behind the records.
    pub(super) failed: Option<KafkaError>,
}

/// A pause long enough for a topic to be deleted, made anew and written to.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for what comes next. Cancel safe: it waits only while nothing was read.
pub(super) async fn next(member: &mut Member, partitions: &mut Partitions, limit: Limit, look_at: Instant) -> Next {
    let client = Arc::clone(member.client());
    let mut stream = client.stream();
    let first = tokio::select! {
        biased; // a move before anything that was read after it
        moved = member.moves.recv() => return Next::Move(moved.expect("the client holds the sender")),
        message = stream.next() => message.expect("a stream of messages never ends"),
        _ = sleep_until(look_at.into()) => return Next::Look,
    };
    let first = match first {
        Ok(message) => message,
        Err(error) => return Next::Failed(error),
    };
    let builder = BatchBuilder::new(limit);
    let mut reading = Reading { builder, partitions, run: None, now: Instant::now(), after_pause: false };
    reading.push(&first);
    let mut failed = None;
    while !reading.builder.is_full() {
        match stream.next().now_or_never() {
            Some(Some(Ok(message))) => reading.push(&message),
            Some(Some(Err(error))) => {
                failed = Some(error);
                break;
            }
            _ => break, // nothing there, or a move was just reported
        }
    }
    let after_pause = reading.after_pause;
    Next::Records(Read { batch: reading.finish(), after_pause, failed })
}

struct Reading<'a> {
    builder: BatchBuilder,
    partitions: &'a mut Partitions,
    run: Option<Run>,
    now: Instant,
    after_pause: bool,
}

/// Messages of one partition in a row, which is how they are fetched: the partition is looked up once for all.
struct Run {
    /// Where librdkafka has the topic. It stays there while the topic is assigned, so it tells topics apart in a batch.
    topic: usize,
    number: i32,
    origin: u32,
    next: i64,
    stream: Arc<str>,
}

impl Reading<'_> {
    fn push(&mut self, message: &BorrowedMessage<'_>) {
        let (topic, number) = (message.topic_ptr() as usize, message.partition());
        if !matches!(&self.run, Some(run) if (run.topic, run.number) == (topic, number)) {
            self.end_run();
            self.run = self.begin_run(topic, message);
        }
        let Some(run) = &mut self.run else { return };
        // The client drops what it fetched before an assignment; if one slipped through, it was handed out already.
        if message.offset() >= run.next {
            run.next = message.offset() + 1;
            append(&mut self.builder, run.origin, message);
        }
    }

    /// `None` for a partition that is not ours to read (any more).
    fn begin_run(&mut self, topic: usize, message: &BorrowedMessage<'_>) -> Option<Run> {
        let number = message.partition();
        let owned =
            self.partitions.get(message.topic(), number).filter(|owned| owned.started && owned.doubtful.is_none())?;
        self.after_pause |= self.now.duration_since(owned.read_at) >= PAUSE;
        let origin = self.builder.origin(&owned.resolved.partition);
        // Also a run of which nothing is taken must not leave an origin without a position.
        self.builder.advance(origin, owned.next);
        Some(Run { topic, number, origin, next: owned.next, stream: Arc::clone(&owned.resolved.partition.stream) })
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        if let Some(owned) = self.partitions.get_mut(&run.stream, run.number) {
            owned.read(run.next, self.now);
        }
    }

    fn finish(mut self) -> Batch {
        self.end_run();
        self.builder.finish()
    }
}
