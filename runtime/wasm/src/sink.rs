//! The `wasm` sink: a plugin stores, and the host keeps what it has taken and not stored yet.
//!
//! An instance that breaks off takes with it what it had not flushed, so those batches are held here until a flush went
//! well. The next instance gets them again, in their order: at least once, none missing. If that breaks off too, each part
//! is handed over and flushed by itself, and halved, until the record to blame stands alone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use catchwater_sdk::config::Role;
use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, Batch, Context, Error, ErrorKind, Partition, Positions, Result, async_trait};
use tracing::debug;

use crate::apart::Apart;
use crate::bindings::types::Rejection;
use crate::columns::lend;
use crate::config::Config;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::outside::Outside;
use crate::plugins::Plugins;
use crate::rejections;
use crate::step::{Halt, Step, broke_off};

/// A sink whose work a plugin does, in a thread of its own: a request of the plugin's may take its time.
pub(crate) struct WasmSink {
    desk: Apart<Desk>,
    /// What its requests are ended by.
    outside: Outside,
}

/// The plugin, and the records that it has not stored yet.
struct Desk {
    step: Step,
    instance: Option<Instance>,
    /// Taken from the engine and not by the instance.
    waiting: VecDeque<Batch>,
    /// Taken by the instance since its last flush.
    handed: Vec<Batch>,
    rejected: Vec<Rejected>,
    held_bytes_max: usize,
}

// === impl WasmSink ===

impl WasmSink {
    pub(crate) fn new(plugins: &Arc<Plugins>, config: Config, context: &Context) -> Result<WasmSink> {
        let step = Step::new(plugins, config, context, Role::Sink)?;
        let outside = step.outside.clone();
        let held_bytes_max = usize::try_from(context.memory_bytes).unwrap_or(usize::MAX);
        let (waiting, handed, rejected) = (VecDeque::new(), Vec::new(), Vec::new());
        let desk = Desk { step, instance: None, waiting, handed, rejected, held_bytes_max };
        Ok(WasmSink { desk: Apart::new(desk), outside })
    }
}

#[async_trait]
impl Sink for WasmSink {
    fn traits(&self) -> SinkTraits {
        SinkTraits::default()
    }

    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        self.desk.run(Desk::open).await?
    }

    async fn stored(&mut self, _: &[Arc<Partition>]) -> Result<Option<Positions>> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        let batch = batch.clone();
        self.desk.run(move |desk| desk.write(batch)).await?
    }

    /// All before it is flushed, or is rejected.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        let rejected = self.desk.run(Desk::flush).await??;
        Ok(Durable { through: Some(barrier.number), rejected, events: Vec::new() })
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.outside.stop();
        self.desk.run(Desk::close).await
    }
}

impl Drop for WasmSink {
    fn drop(&mut self) {
        self.outside.stop();
    }
}

// === impl Desk ===

impl Desk {
    fn open(&mut self) -> Result<()> {
        if self.instance.is_none() {
            let begun = broke_off(self.step.begin())?;
            self.instance = Some(begun.map_err(|fault| self.step.broken(&fault))?);
        }
        Ok(())
    }

    /// Takes the batch. One that cannot be handed over now waits here; what keeps it is said at the next call.
    fn write(&mut self, batch: Batch) -> Result<Room> {
        self.deliver()?;
        if batch.is_empty() {
            return Ok(Room::Left);
        }
        self.waiting.push_back(batch);
        match self.deliver() {
            Err(error) if error.kind() != ErrorKind::Unavailable => return Err(error),
            _ => {}
        }
        let held: usize = self.handed.iter().chain(&self.waiting).map(Batch::size_bytes).sum();
        Ok(if held > self.held_bytes_max { Room::Full } else { Room::Left })
    }

    /// Has all that was taken stored. Answers what was rejected since the last time.
    fn flush(&mut self) -> Result<Vec<Rejected>> {
        self.deliver()?;
        if let Err(fault) = broke_off(self.flush_handed())? {
            self.once_more(&fault)?;
        }
        Ok(std::mem::take(&mut self.rejected))
    }

    /// Hands over what waits.
    fn deliver(&mut self) -> Result<()> {
        match broke_off(self.hand_over_all())? {
            Ok(()) => Ok(()),
            Err(fault) => self.once_more(&fault),
        }
    }

    /// A new instance gets all that is not stored, and stores it; if it breaks off too, those to blame are looked for.
    fn once_more(&mut self, fault: &Fault) -> Result<()> {
        debug!(plugin = self.step.plugin.name(), %fault, "the plugin breaks off; once more");
        self.take_back();
        let tried = self.hand_over_all().and_then(|()| self.flush_handed());
        match broke_off(tried)? {
            Ok(()) => Ok(()),
            Err(_) => {
                self.take_back();
                self.search()
            }
        }
    }

    /// Has each part stored by itself, so that one that makes an instance break off takes no other with it.
    fn search(&mut self) -> Result<()> {
        while !self.waiting.is_empty() {
            let tried = self.hand_over_first().and_then(|()| self.flush_handed());
            if let Err(fault) = broke_off(tried)? {
                self.take_back();
                self.narrow(&fault)?;
            }
        }
        Ok(())
    }

    /// What the lost instance had taken comes before what waits.
    fn take_back(&mut self) {
        self.handed.drain(..).rev().for_each(|batch| self.waiting.push_front(batch));
    }

    /// The first part is halved, or is the record to blame.
    fn narrow(&mut self, fault: &Fault) -> Result<()> {
        let Some(part) = self.waiting.pop_front() else { return Ok(()) };
        if part.len() > 1 {
            self.halve(&part);
            return Ok(());
        }
        match self.step.blame(part.get(0), fault) {
            Ok(reason) => self.rejected.push(Rejected { records: part, reason }),
            Err(error) => {
                self.waiting.push_front(part);
                return Err(error);
            }
        }
        Ok(())
    }

    fn halve(&mut self, part: &Batch) {
        let middle = part.len() / 2;
        for half in [middle..part.len(), 0..middle] {
            self.waiting.push_front(part.select(&Vec::from_iter(half)));
        }
    }

    fn hand_over_all(&mut self) -> Result<(), Halt> {
        while !self.waiting.is_empty() {
            self.hand_over_first()?;
        }
        Ok(())
    }

    /// Hands the first part over, or a smaller one that it can do something with.
    fn hand_over_first(&mut self) -> Result<(), Halt> {
        let Some(part) = self.waiting.front().cloned() else { return Ok(()) };
        let instance = self.take_instance()?;
        let written = self.with(instance, |desk, instance| {
            let rejected = desk.step.answered(lend(&part, |lent| instance.write(lent)))?;
            Ok(rejections::read(&rejected, part.len()).map_err(Fault::answer)?)
        });
        match written {
            Ok(rejected) => {
                self.waiting.pop_front();
                self.settle(part, rejected);
                Ok(())
            }
            Err(Halt::Failed(error)) => self.refused(&part, error),
            Err(fault) => Err(fault),
        }
    }

    fn take_instance(&mut self) -> Result<Instance, Halt> {
        match self.instance.take() {
            Some(instance) => Ok(instance),
            None => self.step.begin(),
        }
    }

    /// Works with an instance, which stays unless it breaks off.
    fn with<R>(
        &mut self,
        mut instance: Instance,
        work: impl FnOnce(&mut Desk, &mut Instance) -> Result<R, Halt>,
    ) -> Result<R, Halt> {
        let done = work(self, &mut instance);
        if done.is_ok() {
            self.step.worked();
        }
        if !matches!(done, Err(Halt::Fault(_))) {
            self.instance = Some(instance);
        }
        done
    }

    /// The records that the plugin took are held; the others are rejected.
    fn settle(&mut self, part: Batch, rejected: BTreeMap<usize, String>) {
        let taken: Vec<_> = (0..part.len()).filter(|row| !rejected.contains_key(row)).collect();
        for (record, reason) in rejected {
            self.rejected.push(Rejected { records: part.select(&[record]), reason });
        }
        match taken.len() {
            0 => {}
            all if all == part.len() => self.handed.push(part),
            _ => self.handed.push(part.select(&taken)),
        }
    }

    /// What the plugin said is wrong with these records is wrong with one of them.
    fn refused(&mut self, part: &Batch, error: Error) -> Result<(), Halt> {
        if error.kind() != ErrorKind::Data {
            return Err(Halt::Failed(error));
        }
        self.waiting.pop_front();
        match part.len() {
            1 => self.rejected.push(Rejected { records: part.clone(), reason: error.to_string() }),
            _ => self.halve(part),
        }
        Ok(())
    }

    /// What the instance took is stored now, but for what it rejects.
    fn flush_handed(&mut self) -> Result<(), Halt> {
        if self.handed.is_empty() {
            return Ok(());
        }
        let instance = self.take_instance()?;
        self.with(instance, |desk, instance| {
            let rejected = desk.step.answered(instance.flush())?;
            Ok(desk.strike_out(&rejected)?)
        })
    }

    /// Nothing is held any more; these, counted over all that was, are rejected.
    fn strike_out(&mut self, rejected: &[Rejection]) -> Result<(), Fault> {
        let records = self.handed.iter().map(Batch::len).sum();
        let rejected = rejections::read(rejected, records).map_err(Fault::answer)?;
        let mut first = 0;
        for batch in self.handed.drain(..) {
            for (record, reason) in rejected.range(first..first + batch.len()) {
                let records = batch.select(&[record - first]);
                self.rejected.push(Rejected { records, reason: reason.clone() });
            }
            first += batch.len();
        }
        Ok(())
    }

    fn close(&mut self) {
        self.step.end(self.instance.take());
    }
}
