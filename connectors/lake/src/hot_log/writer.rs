//! The thread that writes a log: it takes what waits, writes it as one frame, syncs, and says so. Nothing waits for company
//! by a timer: what comes while a sync is under way is the next group.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use catchwater_sdk::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::frame::{self, Place};
use super::leftovers::{Ready, put_chunk};
use super::segments::{self, Segment};
use super::slot::{Slot, failed};

/// A group takes no more once it has so many bytes.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// A segment is closed once it has so many bytes; it can only go as a whole.
const SEGMENT_BYTES: u64 = 16 << 20;
/// One with less is not closed only because all in it is stored.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// How long after a failure it is tried again.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// What the writer is told.
pub(super) enum Order {
    /// Records to make safe.
    Append { records: u32, bytes: Vec<u8> },
    /// Records below this number are stored.
    Release(u64),
}

/// What the writer says.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Records below this number are safe.
    pub(super) synced: u64,
    /// How much the log takes on disk.
    pub(super) bytes: u64,
    /// Why it gets no further just now.
    pub(super) failure: Option<(ErrorKind, Arc<str>)>,
}

pub(super) struct Writer {
    slot: Slot,
    segment: Segment,
    /// Whether a sync of the segment failed: what is on disk of it nobody knows, so that nothing more goes there.
    is_suspect: bool,
    /// Closed segments: number, bytes, and the number behind the last record.
    closed: Vec<(u64, u64, u64)>,
    /// Whether one that is stored could not be removed, and that was said.
    is_stuck: bool,
    /// The number of the first record of the group.
    next: u64,
    records: u32,
    body: Vec<u8>,
    released: u64,
    orders: mpsc::Receiver<Order>,
    state: watch::Sender<State>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(ready: Ready, orders: mpsc::Receiver<Order>) -> (Writer, watch::Receiver<State>) {
        let Ready { slot, segment, next } = ready;
        let state = State { synced: next, bytes: segment.bytes, failure: None };
        let (state, told) = watch::channel(state);
        let (closed, body) = (Vec::new(), Vec::new());
        let (is_suspect, is_stuck) = (false, false);
        let writer = Writer {
            slot,
            segment,
            is_suspect,
            closed,
            is_stuck,
            next,
            records: 0,
            body,
            released: next,
            orders,
            state,
        };
        (writer, told)
    }

    /// Until nobody holds the log any more.
    pub(super) fn run(mut self) {
        while let Some(order) = self.orders.blocking_recv() {
            self.take(order);
            while let Err(error) = self.step() {
                self.tell(Some((error.kind(), error.chain().into())));
                thread::sleep(AFTER_FAILURE);
                if self.orders.is_closed() {
                    return;
                }
            }
            self.tell(None);
        }
    }

    /// Makes safe what waits. After a failure it is called again, and goes on where it was.
    pub(super) fn step(&mut self) -> Result<()> {
        while self.body.len() < GROUP_BYTES_MAX
            && let Ok(order) = self.orders.try_recv()
        {
            self.take(order);
        }
        if self.records > 0 {
            self.write()?;
        }
        let is_stored = self.released >= self.next && self.segment.bytes >= SEGMENT_BYTES_MIN;
        if is_stored || self.segment.bytes >= SEGMENT_BYTES {
            self.begin_segment()?;
        }
        self.remove_stored();
        Ok(())
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Append { records, bytes } => {
                put_chunk(&mut self.body, records, &bytes);
                self.records += records;
            }
            Order::Release(below) => self.released = self.released.max(below),
        }
    }

    fn write(&mut self) -> Result<()> {
        if self.is_suspect {
            self.begin_segment()?;
        }
        let frame = frame::encode(self.segment.place, self.next, self.records, &self.body);
        let Segment { path, file, bytes, .. } = &mut self.segment;
        file.write_all_at(&frame, *bytes).map_err(|error| failed("write", path, error))?;
        fail::fail_point!("lake::before_hot_log_sync", |_| std::process::abort());
        if let Err(error) = file.sync_data() {
            self.is_suspect = true;
            return Err(failed("sync", path, error));
        }
        *bytes += frame.len() as u64;
        self.next += u64::from(self.records);
        self.records = 0;
        self.body = Vec::new();
        self.tell(None);
        fail::fail_point!("lake::after_hot_log_sync", |_| std::process::abort());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: std::fs::File) -> std::fs::File {
        std::mem::replace(&mut self.segment.file, file)
    }

    fn begin_segment(&mut self) -> Result<()> {
        let Place { log, segment } = self.segment.place;
        let next = Segment::create(self.slot.folder(), Place { log, segment: segment + 1 }, self.next)?;
        let before = std::mem::replace(&mut self.segment, next);
        self.is_suspect = false;
        self.closed.push((before.place.segment, before.bytes, self.next));
        Ok(())
    }

    /// A segment that cannot be removed counts as long as it is there, is tried again with what comes next, and is read and
    /// skipped at the next start.
    fn remove_stored(&mut self) {
        let (folder, released) = (self.slot.folder(), self.released);
        let mut failed = None;
        self.closed.retain(|(number, _, end)| {
            *end > released
                || segments::remove(folder, *number).inspect_err(|error| failed = Some(error.chain())).is_err()
        });
        let was_stuck = std::mem::replace(&mut self.is_stuck, failed.is_some());
        if let (Some(error), false) = (failed, was_stuck) {
            warn!(%error, "a segment of the hot log that is stored stays until it can be removed");
        }
    }

    fn tell(&self, failure: Option<(ErrorKind, Arc<str>)>) {
        let bytes = self.segment.bytes + self.closed.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        self.state.send_replace(State { synced: self.next, bytes, failure });
    }
}

/// The failure as an error of whoever waits.
pub(super) fn failure(state: &State) -> Result<()> {
    match &state.failure {
        Some((kind, text)) => Err(Error::new(*kind, &**text)),
        None => Ok(()),
    }
}
