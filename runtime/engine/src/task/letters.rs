//! Dead letters that wait for their barrier.
//!
//! The dead letters' sink sees a barrier later than the others do. A letter about a record behind that barrier must come
//! behind it there too: else the sink would hold a record that no position of the barrier covers. So each letter carries
//! the number of the barrier before which it belongs, and goes out with that one.

use catchwater_sdk::Batch;

/// More bytes than this wait only until the barrier that is forced then; meanwhile nothing is read. (Invariant 9)
const WAITING_BYTES_MAX: usize = 8 << 20;
/// What a letter costs beside its content.
const LETTER_BYTES: usize = 1 << 10;

/// The letters of one task.
#[derive(Debug, Default)]
pub(super) struct Letters {
    waiting: Vec<(u64, Batch)>,
    bytes: usize,
}

impl Letters {
    /// Adds a letter that belongs before barrier `before`.
    pub(super) fn push(&mut self, before: u64, letter: Batch) {
        self.bytes += letter.size_bytes() + LETTER_BYTES;
        self.waiting.push((before, letter));
    }

    /// Takes the letters that belong before `barrier`, in the order in which they came.
    pub(super) fn take_before(&mut self, barrier: u64) -> Vec<Batch> {
        let (due, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(before, _)| *before <= barrier);
        self.waiting = waiting;
        self.bytes = self.waiting.iter().map(|(_, letter)| letter.size_bytes() + LETTER_BYTES).sum();
        let due: Vec<(u64, Batch)> = due;
        due.into_iter().map(|(_, letter)| letter).collect()
    }

    /// Whether so many wait that a barrier has to come first.
    pub(super) fn are_many(&self) -> bool {
        self.bytes > WAITING_BYTES_MAX
    }

    /// Forgets them: what they are about is read again.
    pub(super) fn clear(&mut self) {
        *self = Letters::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catchwater_sdk::{BatchBuilder, Limit};

    #[test]
    fn a_letter_waits_for_its_own_barrier() {
        let letter = || BatchBuilder::new(Limit::default()).finish();
        let mut letters = Letters::default();
        letters.push(2, letter());
        letters.push(1, letter());
        letters.push(3, letter());
        assert_eq!(letters.take_before(2).len(), 2);
        assert_eq!(letters.take_before(2).len(), 0);
        assert_eq!(letters.take_before(3).len(), 1);
    }
}
