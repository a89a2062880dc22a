//! What waits for a branch in front of its channel: held for who is to take it, or handed on as there is room.

use std::collections::VecDeque;
use std::future::pending;
use std::ops::RangeInclusive;

use super::branch::{Branch, Item};

/// More bytes than this are not held: nothing is read then, as with a full channel. (Invariant 9)
const HELD_BYTES_MAX: usize = 32 << 20;
/// What an item costs beside its content.
const ITEM_BYTES: usize = 1 << 10;

/// What waits for one branch, in order.
#[derive(Default)]
pub(super) struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// So much may wait. Of what is handed on, half may come anew: so it comes to an end, and nobody stands still for it.
    bytes_max: usize,
    held: bool,
    /// How many in front are handed on all the same.
    free: usize,
}

impl Waiting {
    /// Holds what comes from here on.
    pub(super) fn hold(&mut self) {
        (self.held, self.free, self.bytes_max) = (true, self.items.len(), HELD_BYTES_MAX);
    }

    /// What was held is handed on.
    pub(super) fn let_go(&mut self) {
        self.held = false;
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Whether nothing waits: what comes may go straight into the channel.
    pub(super) fn is_over(&self) -> bool {
        !self.held && self.items.is_empty()
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.is_over() || self.bytes <= self.bytes_max
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += size_bytes(&item);
        self.items.push_back(item);
    }

    /// Drops these barriers, which are held.
    pub(super) fn skip(&mut self, barriers: &RangeInclusive<u64>) {
        self.items.retain(|item| !matches!(item, Item::Barrier(barrier) if barriers.contains(&barrier.number)));
        self.bytes = self.items.iter().map(size_bytes).sum();
    }

    fn is_due(&self) -> bool {
        if self.held { self.free > 0 } else { !self.items.is_empty() }
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.free = self.free.saturating_sub(1);
        self.bytes -= size_bytes(&item);
        self.bytes_max = self.bytes_max.saturating_sub(size_bytes(&item) / 2);
        Some(item)
    }
}

fn size_bytes(item: &Item) -> usize {
    match item {
        Item::Batch(batch) => ITEM_BYTES + batch.size_bytes(),
        Item::Barrier(_) | Item::Stored(..) | Item::Retry(_) => ITEM_BYTES,
    }
}

/// Hands one item on as soon as its branch has room for it; never ends where none is to be handed on.
pub(super) async fn hand_on(branches: &mut [Branch]) {
    let due = branches.iter_mut().filter(|branch| branch.waiting.is_due());
    if let Some(branch) = due.max_by_key(|branch| branch.items.capacity())
        && let Ok(permit) = branch.items.reserve().await
        && let Some(item) = branch.waiting.pop()
    {
        permit.send(branch.load.add(item));
        return;
    }
    // A branch that has ended says why in a report.
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;
    use crate::spec::Retry;

    fn item() -> Item {
        Item::Retry(Backoff::new(&Retry::default(), fastrand::Rng::with_seed(1)))
    }

    fn of(items: usize) -> Waiting {
        let mut waiting = Waiting::default();
        (0..items).for_each(|_| waiting.push(item()));
        waiting
    }

    fn pop_due(waiting: &mut Waiting) -> usize {
        let mut popped = 0;
        while waiting.is_due() {
            waiting.pop().expect("one is due");
            popped += 1;
        }
        popped
    }

    #[test]
    fn what_came_before_it_was_held_is_handed_on() {
        let mut waiting = of(2);
        waiting.hold();
        waiting.push(item());
        assert_eq!(pop_due(&mut waiting), 2);
        assert!(!waiting.is_over());
        waiting.let_go();
        assert_eq!(pop_due(&mut waiting), 1);
        assert!(waiting.is_over());
    }

    #[test]
    fn what_waits_comes_to_an_end_although_more_comes_as_long_as_there_is_room() {
        let mut waiting = of(0);
        waiting.hold();
        while waiting.has_room() {
            waiting.push(item());
        }
        assert_eq!(waiting.bytes, HELD_BYTES_MAX + ITEM_BYTES);
        waiting.let_go();
        let mut handed_on = 0;
        while !waiting.is_over() {
            waiting.pop().expect("one waits");
            handed_on += ITEM_BYTES;
            while waiting.has_room() && !waiting.is_over() {
                waiting.push(item());
            }
        }
        assert!(handed_on <= 2 * HELD_BYTES_MAX + 2 * ITEM_BYTES, "{handed_on}");
    }
}
