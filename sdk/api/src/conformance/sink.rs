//! What every sink promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::doubles::upstream;
use super::samples::{Dice, batch, nothing, partition, single};
use crate::batch::Batch;
use crate::position::{Barrier, BarrierKind, Positions};
use crate::sink::{BoxSink, Durable, Room};

/// What a sink's test brings: the system behind it.
#[async_trait]
pub trait SinkWorld: Send {
    /// Builds the sink, as at the first start and after each crash. Touches nothing.
    fn build(&mut self) -> BoxSink;

    /// A sink whose `open` fails, if that can be had.
    fn build_broken(&mut self) -> Option<BoxSink>;

    /// The payloads of all that is stored, in the order of storing. A tombstone is `None`.
    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>>;
}

/// A durable barrier keeps records over a crash, each is stored or rejected, answers never take anything back.
pub async fn sink(world: &mut dyn SinkWorld) {
    closes_at_any_time(world).await;
    let mut run = Run::new(world);
    run.start().await;
    run.takes_whatever_a_record_may_be().await;
    run.keeps_what_it_took_over_a_new_open().await;
    run.keeps_what_is_durable_over_a_crash().await;
    run.answers_marks_in_order().await;
    run.moves_positions_without_records().await;
    run.skips_what_is_stored_already().await;
}

async fn closes_at_any_time(world: &mut dyn SinkWorld) {
    drop(world.build());
    world.build().close().await.expect("a sink that was never opened closes");
    if let Some(mut broken) = world.build_broken() {
        broken.open(&upstream()).await.expect_err("the test says that this cannot be opened");
        broken.close().await.expect("a sink closes after a failed open");
    }
}

/// A sink at work, and what it must have stored.
struct Run<'a> {
    world: &'a mut dyn SinkWorld,
    sink: BoxSink,
    stores_positions: bool,
    written: Vec<Batch>,
    positions: Positions,
    barrier: u64,
    through: Option<u64>,
    rejected: Vec<Option<Vec<u8>>>,
    at: i64,
}

impl<'a> Run<'a> {
    fn new(world: &'a mut dyn SinkWorld) -> Run<'a> {
        let sink = world.build();
        let positions = Positions::new();
        let (written, rejected) = (Vec::new(), Vec::new());
        Run { world, sink, stores_positions: false, written, positions, barrier: 0, through: None, rejected, at: 0 }
    }

    async fn start(&mut self) {
        self.sink.open(&upstream()).await.expect("it opens");
        let stored = self.sink.stored(&[partition(0), partition(1)]).await.expect("it says what is stored");
        self.stores_positions = stored.is_some();
        for (partition, at) in stored.unwrap_or_default().iter() {
            assert_eq!(Some(at), self.positions.get(partition), "stored is what the last durable barrier carried");
        }
    }

    /// As a crash: what was not durable is gone, barriers count anew.
    async fn restart(&mut self) {
        self.sink = self.world.build();
        (self.barrier, self.through) = (0, None);
        self.start().await;
    }

    async fn write(&mut self, batch: Batch) {
        if self.sink.write(&batch).await.expect("it takes the batch") == Room::Full {
            self.barrier(BarrierKind::Cut, false).await;
        }
        self.positions.advance_all(&batch.positions());
        self.written.push(batch);
    }

    async fn write_samples(&mut self, count: usize) {
        let mut dice = Dice::new(self.at as u64);
        let samples = batch(&mut dice, count, self.at);
        self.at += 2 * count as i64 + 1;
        self.write(samples).await;
    }

    async fn barrier(&mut self, kind: BarrierKind, last: bool) {
        self.barrier += 1;
        let barrier = Barrier { number: self.barrier, kind, positions: Arc::new(self.positions.clone()), last };
        let Durable { through, rejected, .. } = self.sink.barrier(&barrier).await.expect("it answers");
        assert!(through >= self.through, "{through:?} is answered after {:?}", self.through);
        assert!(through.unwrap_or(0) <= self.barrier, "barrier {through:?} was never sent");
        self.through = through;
        for bad in rejected {
            assert!(!bad.reason.is_empty(), "a rejection has a reason");
            self.rejected.extend(bad.records.iter().map(|record| record.payload().map(<[u8]>::to_vec)));
        }
    }

    /// Barriers until everything is durable; a sink may answer late, not never.
    async fn settle(&mut self) {
        for _ in 0..100 {
            self.barrier(BarrierKind::Cut, true).await;
            if self.through == Some(self.barrier) {
                return;
            }
        }
        panic!("after 100 cuts the last durable barrier is {:?} of {}", self.through, self.barrier);
    }

    /// Invariant 3: each record is stored or rejected, none twice, none changed.
    async fn check(&mut self) {
        let mut expected: BTreeMap<Option<Vec<u8>>, i64> = BTreeMap::new();
        for record in self.written.iter().flat_map(Batch::iter) {
            *expected.entry(record.payload().map(<[u8]>::to_vec)).or_default() += 1;
        }
        for payload in self.world.read_back().await.into_iter().chain(self.rejected.clone()) {
            *expected.entry(payload).or_default() -= 1;
        }
        expected.retain(|_, difference| *difference != 0);
        let shown: Vec<_> = expected.iter().map(|(payload, n)| (payload.as_deref().map(shorten), n)).collect();
        assert!(shown.is_empty(), "written less stored and rejected: {shown:?}");
    }

    async fn takes_whatever_a_record_may_be(&mut self) {
        self.write(nothing(0)).await;
        self.write(single(None, 0)).await;
        self.write(single(Some(b""), 1)).await;
        self.write(single(Some(&[b'x'; 1 << 20]), 2)).await;
        self.at = 3;
        self.write_samples(200).await;
        self.settle().await;
        self.check().await;
    }

    async fn keeps_what_it_took_over_a_new_open(&mut self) {
        self.write_samples(20).await;
        self.sink.open(&upstream()).await.expect("it opens again, as after `Unavailable`");
        self.write_samples(20).await;
        self.settle().await;
        self.check().await;
    }

    async fn keeps_what_is_durable_over_a_crash(&mut self) {
        self.write_samples(20).await;
        self.settle().await;
        self.restart().await;
        self.check().await;
    }

    async fn answers_marks_in_order(&mut self) {
        for i in 0..6 {
            self.write_samples(5).await;
            let kind = if i % 3 == 2 { BarrierKind::Cut } else { BarrierKind::Mark };
            self.barrier(kind, false).await;
        }
        self.settle().await;
        self.check().await;
    }

    async fn moves_positions_without_records(&mut self) {
        self.at += 10;
        self.write(nothing(self.at)).await;
        self.settle().await;
        self.restart().await;
        self.check().await;
    }

    /// Who stores positions with the records is given some of them again after a crash: another sink was behind.
    async fn skips_what_is_stored_already(&mut self) {
        if self.stores_positions {
            let again: Vec<_> = self.written.iter().rev().take(3).rev().cloned().collect();
            for batch in &again {
                let _ = self.sink.write(batch).await.expect("it takes what it has");
            }
            self.write_samples(5).await;
            self.settle().await;
            self.check().await;
        }
        let sink = std::mem::replace(&mut self.sink, self.world.build());
        sink.close().await.expect("it closes");
        self.check().await;
    }
}

fn shorten(payload: &[u8]) -> String {
    String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned()
}
