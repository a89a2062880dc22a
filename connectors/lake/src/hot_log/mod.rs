//! The hot log: on local disk, the records of a source that cannot be read again, until they are in the table.
//!
//! ```text
//!  write ──▶ chunk ──▶ thread: what waits becomes one frame, synced ──▶ Mark is durable ──▶ the source is acknowledged
//!  Cut ────▶ rows, positions and the log's own position in one commit ──▶ segments go
//!  open ───▶ what is left, from the table's position of the log on ──▶ the same kind of commit ──▶ a new segment
//! ```
//!
//! Records are numbered. Each table keeps, under the log's own name, the number behind the last record of the log that it
//! has, moved in the commit that has the rows. So a crash at any place brings every record in exactly once, whatever the
//! numbers are that its source gave it. A `Cut` waits until what it commits is synced: a table is never ahead of the log.
//!
//! It stays on local disk wherever the lake is. A chunk says which lake and collection it was meant for, so that what is
//! left gets there also when the configuration has changed meanwhile.

mod bring_in;
mod chunk;
mod frame;
mod leftovers;
mod orphans;
mod segments;
mod slot;
#[cfg(test)]
mod tests;
mod writer;

use std::thread::JoinHandle;

use catchwater_sdk::{Context, Error, Result, ResultExt};
use tokio::sync::{mpsc, watch};

pub(crate) use self::bring_in::BringIn;
pub(crate) use self::chunk::{ChunkBuilder, Target};
pub(crate) use self::leftovers::Leftovers;
pub use self::orphans::{Forgotten, forgotten};
use self::slot::Slot;
use self::writer::{Order, State, Writer, failure};

/// Chunks that wait to be written. With the size of a batch this bounds what is in memory. (Invariant 9)
const ORDERS_MAX: usize = 4;

/// A log that is written to, as a sink holds it.
pub(crate) struct HotLog {
    app_id: String,
    next: u64,
    bytes_max: u64,
    /// None once it is dropped.
    orders: Option<mpsc::Sender<Order>>,
    state: watch::Receiver<State>,
    thread: Option<JoinHandle<()>>,
}

// === impl HotLog ===

impl HotLog {
    /// Takes a log's folder for one copy of the sink: the first that is free.
    pub(crate) fn take(context: &Context) -> Result<Leftovers> {
        Leftovers::of(Slot::take_first(&slot::folder(context))?)
    }

    /// Those that copies of the sink left behind which are not there now, one at a time.
    pub(crate) fn left_behind(context: &Context) -> impl Iterator<Item = Result<Leftovers>> + use<> {
        Slot::take_others(slot::folder(context)).map(|slot| Leftovers::of(slot?))
    }

    /// Goes on with a log whose leftovers are stored.
    pub(crate) fn start(leftovers: Leftovers, bytes_max: u64) -> Result<HotLog> {
        let ready = leftovers.settle()?;
        let (app_id, next) = (leftovers::app_id(ready.segment.place.log), ready.next);
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let (writer, state) = Writer::new(ready, receiver);
        let thread = std::thread::Builder::new().name("hot-log".into()).spawn(move || writer.run());
        let thread = thread.or_unavailable(|| "start the thread of the hot log".into())?;
        Ok(HotLog { app_id, next, bytes_max, orders: Some(orders), state, thread: Some(thread) })
    }

    /// See [`Leftovers::app_id`].
    pub(crate) fn app_id(&self) -> &str {
        &self.app_id
    }

    /// Hands records over and answers the number of the first. They are safe once [`HotLog::synced`] says so.
    pub(crate) async fn append(&mut self, chunk: ChunkBuilder) -> Result<u64> {
        let (records, bytes) = chunk.finish();
        let first = self.next;
        if records == 0 {
            return Ok(first);
        }
        let mut state = self.state.clone();
        tokio::select! {
            biased;
            failed = state.wait_for(|state| state.failure.is_some()) => match failed {
                Ok(state) => return Err(failure(&state).expect_err("it has failed")),
                Err(_) => return Err(ended()),
            },
            permit = self.orders().reserve() => permit.map_err(|_| ended())?.send(Order::Append { records, bytes }),
        }
        self.next += u64::from(records);
        Ok(first)
    }

    /// Waits until all that was handed over is safe.
    pub(crate) async fn synced(&self) -> Result<()> {
        let mut state = self.state.clone();
        let state = state.wait_for(|state| state.synced >= self.next || state.failure.is_some()).await;
        let state = state.map_err(|_| ended())?;
        if state.synced >= self.next { Ok(()) } else { failure(&state) }
    }

    /// All that was handed over is stored.
    pub(crate) async fn release(&self) -> Result<()> {
        self.orders().send(Order::Release(self.next)).await.map_err(|_| ended())
    }

    /// At half of its bound: the batches that are under way to the sink still fit.
    pub(crate) fn is_full(&self) -> bool {
        self.state.borrow().bytes >= self.bytes_max / 2
    }

    fn orders(&self) -> &mpsc::Sender<Order> {
        self.orders.as_ref().expect("it is there until the log is dropped")
    }
}

impl Drop for HotLog {
    /// The lock goes with the thread: whoever opens the log next must find it free. At most a sync has to be waited for.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ended() -> Error {
    Error::stale("the thread of the hot log has ended")
}
