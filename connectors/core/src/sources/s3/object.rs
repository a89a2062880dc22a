//! An object, and how far it is read.

use std::sync::Arc;

use catchwater_sdk::Partition;

use super::listing::Found;

/// The position behind the last record of an object. It is no byte of it, so that nobody has to read a packed object again
/// to find its end.
pub(super) const END: i64 = 1 << 62;

/// An object that is read, and how far.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) found: Found,
    pub(super) partition: Arc<Partition>,
    pub(super) stage: Stage,
    /// The unpacked byte at which reading goes on, or [`END`].
    pub(super) at: i64,
    /// Everything before is stored.
    pub(super) committed: i64,
    /// It is not in the bucket any more.
    pub(super) is_gone: bool,
    /// It went before it was read to its end.
    pub(super) is_lost: bool,
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Found; nobody was told yet.
    New,
    /// Assigned; nobody said where to start.
    Assigned,
    /// There is more to read, unless it is at its end.
    Reading,
    /// The engine was told to let go.
    Released,
}

// === impl Object ===

impl Object {
    pub(super) fn new(found: Found, stream: &Arc<str>) -> Object {
        let incarnation = format!("{}@{}", found.key, found.tag()).into();
        let partition = Partition { source: "s3".into(), stream: Arc::clone(stream), incarnation, number: 0 };
        let partition = Arc::new(partition);
        Object { found, partition, stage: Stage::New, at: 0, committed: 0, is_gone: false, is_lost: false }
    }

    /// Whether there is something to read now.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Reading && self.at < END && !self.is_lost
    }

    /// Whether nobody need keep it in mind.
    pub(super) fn is_settled(&self) -> bool {
        self.is_gone && self.stage == Stage::Reading && self.committed >= self.at
    }
}
