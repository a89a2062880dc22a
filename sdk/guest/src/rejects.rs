//! Where a sink says what it cannot store.

use crate::bindings::catchwater::plugin::types::Rejection;

/// Takes records that cannot be stored, by their number.
#[derive(Debug, Default)]
pub struct Rejects {
    rejected: Vec<Rejection>,
}

// === impl Rejects ===

impl Rejects {
    /// None yet. The host makes one for each call; a test makes its own.
    pub fn new() -> Rejects {
        Rejects::default()
    }

    /// This record cannot be stored; `reason` says why, lowercase. The pipeline decides what becomes of it.
    pub fn reject(&mut self, number: usize, reason: impl Into<String>) {
        self.rejected.push(Rejection { record: number as u32, reason: reason.into() });
    }

    /// What was rejected, for tests.
    pub fn reasons(&self) -> impl Iterator<Item = (usize, &str)> {
        self.rejected.iter().map(|rejection| (rejection.record as usize, rejection.reason.as_str()))
    }

    pub(crate) fn finish(self) -> Vec<Rejection> {
        self.rejected
    }
}
