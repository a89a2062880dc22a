//! How much is under way to a sink: in its channel, or with the sink and not yet written.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::branch::Item;

/// Once so many bytes are under way nothing more is read. As many ordinary batches as a channel, its sink and its task hold
/// anyway; one that is larger is under way alone, and the cut that a sink asks for after it comes before the next one. (Invariant 9)
const UNDER_WAY_BYTES_MAX: usize = 8 << 20;

/// No ordinary batch has so many bytes: one of large records has, and what it takes to store is much as well.
const LARGE_BYTES: usize = 4 << 20;

/// Whether an item is a batch of large records.
pub(super) fn is_large(item: &Item) -> bool {
    matches!(item, Item::Batch(batch) if batch.size_bytes() > LARGE_BYTES)
}

/// What is under way to one sink. Clones share it.
#[derive(Clone)]
pub(super) struct Load(Arc<Semaphore>);

/// An item with the part of the load that it is, until both are dropped.
pub(super) type Laden = (Item, Option<OwnedSemaphorePermit>);

impl Default for Load {
    fn default() -> Load {
        Load(Arc::new(Semaphore::new(UNDER_WAY_BYTES_MAX)))
    }
}

impl Load {
    /// Counts an item in, which never waits: what was read before the bound was reached passes it.
    pub(super) fn add(&self, item: Item) -> Laden {
        let bytes = match &item {
            Item::Batch(batch) => batch.size_bytes().min(self.0.available_permits()),
            Item::Barrier(_) | Item::Stored(..) | Item::Retry(_) => 0,
        };
        // Only its task adds, so no less is left than there was just now.
        let part = Arc::clone(&self.0).try_acquire_many_owned(bytes as u32).ok();
        (item, part)
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.0.available_permits() > 0
    }
}

/// Waits until more may be read; there is nothing to wait for without a load. Cancel safe.
pub(super) async fn room(load: &Option<Load>) {
    if let Some(Load(load)) = load {
        let _ = load.acquire().await; // nobody closes it
    }
}

#[cfg(test)]
mod tests {
    use catchwater_sdk::conformance::doubles::MemoryLog;
    use catchwater_sdk::record::Record;
    use catchwater_sdk::{BatchBuilder, Limit};

    use super::*;

    fn item(bytes: usize) -> Item {
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&MemoryLog::partition(0));
        let payload = vec![0; bytes];
        builder.push(origin, 0, 1, Record { payload: Some(&payload), ..Record::default() });
        Item::Batch(builder.finish())
    }

    #[test]
    fn a_large_batch_is_under_way_alone_until_it_is_written() {
        let load = Load::default();
        let large = load.add(item(UNDER_WAY_BYTES_MAX + 1));
        assert!(!load.has_room());
        drop(large);
        assert!(load.has_room());
    }

    #[test]
    fn ordinary_batches_are_under_way_together_and_what_was_read_before_passes() {
        let load = Load::default();
        let mut ordinary: Vec<_> = (0..3).map(|_| load.add(item(Limit::default().bytes))).collect();
        assert!(load.has_room());
        ordinary.extend((0..2).map(|_| load.add(item(Limit::default().bytes))));
        assert!(!load.has_room());
        ordinary.truncate(3);
        assert!(load.has_room());
    }
}
