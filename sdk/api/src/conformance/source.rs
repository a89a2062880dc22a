//! What every source promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;

use crate::batch::{Batch, Limit};
use crate::position::{Partition, Positions};
use crate::source::{Assignment, BoxSource, Polled};

/// What a source's test brings: the system behind it, with records that are there from the start.
#[async_trait]
pub trait SourceWorld: Send {
    /// Builds the source, as at the first start and after each crash. Touches nothing.
    async fn build(&mut self) -> BoxSource;

    /// A source whose `open` fails, if that can be had.
    fn build_broken(&mut self) -> Option<BoxSource>;

    /// The payloads that there are to read, by stream and partition, in order.
    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>>;

    /// Whether the source ends behind them.
    fn ends(&self) -> bool;
}

/// Resuming leaves no gap and repeats nothing, a cancelled `poll` loses nothing, a crash brings back what was not committed.
pub async fn source(world: &mut dyn SourceWorld) {
    closes_at_any_time(world).await;
    let reference = reads_all_in_order(world).await;
    if !world.build().await.traits().rereadable {
        return;
    }
    loses_nothing_when_a_poll_is_cancelled(world, &reference).await;
    goes_on_after_a_new_open(world, &reference).await;
    goes_back_when_told_to(world, &reference).await;
    for tenths in [0, 3, 7, 10] {
        resumes_without_gap_or_repeat(world, &reference, tenths).await;
    }
    goes_on_where_it_was_committed(world, &reference).await;
}

/// One record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    position: i64,
    payload: Option<Vec<u8>>,
}

type Reads = BTreeMap<Arc<Partition>, Vec<Read>>;

fn count(reads: &Reads) -> usize {
    reads.values().map(Vec::len).sum()
}

/// A source at work, and what was read from it.
struct Run {
    source: BoxSource,
    reads: Reads,
    /// Where reading goes on.
    positions: Positions,
    /// Where it is to start, for partitions in it.
    starts: Positions,
    assigned: Vec<Assignment>,
    ended: bool,
}

impl Run {
    async fn open(world: &mut dyn SourceWorld, starts: &Positions) -> Run {
        let source = world.build().await;
        let (positions, starts) = (Positions::new(), starts.clone());
        let mut run = Run { source, reads: Reads::new(), positions, starts, assigned: Vec::new(), ended: false };
        run.source.open().await.expect("it opens");
        run
    }

    /// Reads until `enough` records are there or the source ends, in batches of at most `limit`.
    async fn read(&mut self, enough: usize, limit: usize) {
        while count(&self.reads) < enough && !self.ended {
            let polled = self.source.poll(Limit { records: limit, bytes: 1 << 20 }).await.expect("it reads");
            self.take(polled).await;
        }
    }

    /// The same with every other call dropped as soon as it waits.
    async fn read_with_cancelled_polls(&mut self, enough: usize) {
        while count(&self.reads) < enough && !self.ended {
            let limit = Limit { records: 3, bytes: 1 << 20 };
            let hasty = self.source.poll(limit).now_or_never();
            let polled = match hasty {
                Some(polled) => polled,
                None => self.source.poll(limit).await,
            };
            self.take(polled.expect("it reads")).await;
        }
    }

    async fn take(&mut self, polled: Polled) {
        match polled {
            Polled::Records(batch) => self.keep(&batch),
            Polled::Assigned(assignments) => self.start(assignments).await,
            Polled::Revoking(partitions, _) => self.source.release(&partitions).await.expect("it releases"),
            Polled::Lost(_) => {}
            Polled::End => self.ended = true,
        }
    }

    async fn start(&mut self, assignments: Vec<Assignment>) {
        let place = |new: &Assignment| (Arc::clone(&new.partition), self.starts.get(&new.partition).unwrap_or(new.at));
        let at: Positions = assignments.iter().map(place).collect();
        self.source.start(&at).await.expect("it starts");
        at.iter().for_each(|(partition, at)| self.positions.set(Arc::clone(partition), at));
        self.assigned.extend(assignments);
    }

    fn keep(&mut self, batch: &Batch) {
        for record in batch.iter() {
            let partition = Arc::new(record.partition().clone());
            let from = self.positions.get(&partition);
            let from = from.unwrap_or_else(|| panic!("{partition} was read before it was started"));
            assert!(record.position() >= from, "{partition} goes on at {from} and yields {}", record.position());
            assert!(record.rejected().is_none(), "the records of this test can be read: {:?}", record.rejected());
            let reads = self.reads.entry(partition).or_default();
            let ascends = reads.last().is_none_or(|last| last.position < record.position());
            assert!(ascends, "positions ascend within a partition: {} after {:?}", record.position(), reads.last());
            reads.push(Read { position: record.position(), payload: record.payload().map(<[u8]>::to_vec) });
        }
        for (partition, after) in batch.positions().iter() {
            let last = self.reads.get(partition).and_then(|reads| reads.last());
            assert!(
                last.is_none_or(|last| last.position < after),
                "{partition} goes on behind what was read, not at {after}"
            );
            self.positions.advance(partition, after);
        }
    }

    fn check(&self, reference: &Reads, promise: &str) {
        check(&self.reads, reference, promise);
    }
}

fn check(reads: &Reads, reference: &Reads, promise: &str) {
    for (partition, expected) in reference {
        let read = reads.get(partition).map_or(&[][..], Vec::as_slice);
        let same = read.iter().zip(expected).take_while(|(a, b)| a == b).count();
        let (got, missing) = (read.get(same), expected.get(same));
        assert!(read == expected, "{promise}: record {same} of {partition} is {got:?} and not {missing:?}");
    }
    assert_eq!(count(reads), count(reference), "{promise}: there are records of other partitions");
}

async fn closes_at_any_time(world: &mut dyn SourceWorld) {
    drop(world.build().await);
    world.build().await.close(true).await.expect("a source that was never opened closes");
    if let Some(mut broken) = world.build_broken() {
        broken.open().await.expect_err("the test says that this cannot be opened");
        broken.close(true).await.expect("a source closes after a failed open");
    }
}

/// Also what is there is read, and the end is the end. Nothing is committed: what follows starts anew.
async fn reads_all_in_order(world: &mut dyn SourceWorld) -> Reads {
    let expected = world.records();
    let total = expected.values().map(Vec::len).sum();
    let mut run = Run::open(world, &Positions::new()).await;
    run.read(total, 1000).await;
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for (partition, reads) in &run.reads {
        let payloads = reads.iter().map(|read| read.payload.clone());
        found.entry((partition.stream.to_string(), partition.number)).or_default().extend(payloads);
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "the partitions that there are");
    for (partition, payloads) in &expected {
        assert!(&found[partition] == payloads, "{partition:?} is read whole and in order");
    }
    if world.ends() {
        run.read(usize::MAX, 1000).await;
    }
    run.reads
}

async fn loses_nothing_when_a_poll_is_cancelled(world: &mut dyn SourceWorld, reference: &Reads) {
    let mut run = Run::open(world, &Positions::new()).await;
    run.read_with_cancelled_polls(count(reference)).await;
    run.check(reference, "a cancelled poll loses nothing");
}

async fn goes_on_after_a_new_open(world: &mut dyn SourceWorld, reference: &Reads) {
    let mut run = Run::open(world, &Positions::new()).await;
    run.read(count(reference) / 2, 3).await;
    run.source.open().await.expect("it opens again, as after `Unavailable`");
    run.read(count(reference), 3).await;
    run.check(reference, "reading goes on where it was after a new open");
}

/// As after `Stale`: what was read and is not durable is read again.
async fn goes_back_when_told_to(world: &mut dyn SourceWorld, reference: &Reads) {
    let mut run = Run::open(world, &Positions::new()).await;
    run.read(count(reference) / 3, 3).await;
    let (back, kept) = (run.positions.clone(), run.reads.clone());
    run.read(count(reference) * 2 / 3, 3).await;
    run.source.start(&back).await.expect("it starts again");
    (run.reads, run.positions, run.ended) = (kept, back, false);
    run.read(count(reference), 3).await;
    run.check(reference, "reading goes back to where it is told");
}

/// As after a crash: the place is known, nothing else.
async fn resumes_without_gap_or_repeat(world: &mut dyn SourceWorld, reference: &Reads, tenths: usize) {
    let mut first = Run::open(world, &Positions::new()).await;
    first.read(count(reference) * tenths / 10, 3).await;
    let (mut reads, positions) = (first.reads, first.positions);
    drop(first.source);
    let mut second = Run::open(world, &positions).await;
    second.read(count(reference) - count(&reads), 1000).await;
    for (partition, more) in second.reads {
        reads.entry(partition).or_default().extend(more);
    }
    check(&reads, reference, "what is resumed has no gap and no repeat");
}

/// Last, since a commit cannot be taken back.
async fn goes_on_where_it_was_committed(world: &mut dyn SourceWorld, reference: &Reads) {
    let mut first = Run::open(world, &Positions::new()).await;
    first.read(count(reference) / 2, 3).await;
    first.source.commit(&first.positions).await.expect("it commits");
    let keeps_positions = first.source.traits().keeps_positions;
    let (mut reads, positions) = (first.reads, first.positions);
    first.source.close(true).await.expect("it closes");
    if !keeps_positions {
        return;
    }
    let mut second = Run::open(world, &Positions::new()).await;
    second.read(count(reference) - count(&reads), 1000).await;
    for assignment in second.assigned {
        let committed = positions.get(&assignment.partition).filter(|_| assignment.committed);
        assert!(
            committed.is_none_or(|at| at == assignment.at),
            "{} was committed at {committed:?}",
            assignment.partition
        );
    }
    for (partition, more) in second.reads {
        reads.entry(partition).or_default().extend(more);
    }
    check(&reads, reference, "reading goes on where it was committed");
}
