//! Which records go to which sink. Sinks share the rows of a batch: nothing is copied.

use std::sync::Arc;

use catchwater_sdk::sink::Rejected;
use catchwater_sdk::{Batch, Error, Result};

use super::stages::StepRejected;
use crate::spec::{Unmatched, When};

/// Why a record that no sink asked for is a dead letter.
const REASON: &str = "no sink's `when` asks for it";
/// The step that such a dead letter names.
const STEP: &str = "sinks";

/// The sinks' conditions.
pub(crate) struct Router {
    routes: Vec<When>,
    unmatched: Option<Unmatched>,
    routed: u64,
    matched: u64,
    left_over: u64,
}

/// A batch, divided.
pub(super) struct Routed {
    /// What goes to each sink, in their order.
    pub(super) to: Vec<Batch>,
    /// How many records were dropped on purpose.
    pub(super) dropped: u64,
    /// What goes to the dead letters.
    pub(super) rejected: Option<StepRejected>,
}

// === impl Router ===

impl Router {
    pub(crate) fn new(routes: Vec<When>, unmatched: Option<Unmatched>) -> Router {
        Router { routes, unmatched, routed: 0, matched: 0, left_over: 0 }
    }

    /// Divides a batch among the sinks.
    pub(super) fn route(&mut self, batch: &Batch) -> Routed {
        self.routed += batch.len() as u64;
        if self.routes.iter().all(|when| *when == When::Always) {
            self.matched += batch.len() as u64;
            return Routed { to: vec![batch.clone(); self.routes.len()], dropped: 0, rejected: None };
        }
        // The records that no query asks for.
        let mut rest = vec![true; batch.len()];
        let to: Vec<_> = self.routes.iter().map(|when| matching(when, batch, &mut rest)).collect();
        let rest = take(batch, |i| rest[i]);
        let all_matched = self.routes.iter().any(|when| !matches!(when, When::Matching(_)));
        let to = to.into_iter().map(|to| to.unwrap_or_else(|| rest.clone())).collect();
        let left_over = if all_matched { 0 } else { rest.len() as u64 };
        self.matched += batch.len() as u64 - left_over;
        self.left_over += left_over;
        let rejected = (left_over > 0 && self.unmatched == Some(Unmatched::DeadLetter)).then(|| StepRejected {
            step: Arc::from(STEP),
            attempts: 1,
            rejected: Rejected { records: rest, reason: REASON.to_owned() },
        });
        Routed { to, dropped: if rejected.is_some() { 0 } else { left_over }, rejected }
    }

    /// Invariant 3, checked at each barrier: each record went somewhere, or was meant to go nowhere.
    pub(super) fn check_balance(&self, emitted: u64) -> Result<()> {
        let Router { routed, matched, left_over, unmatched, .. } = *self;
        match routed == emitted && matched + left_over == routed && (left_over == 0 || unmatched.is_some()) {
            true => Ok(()),
            false => Err(Error::bug(format!(
                "{emitted} records left the transforms, {routed} were routed: {matched} to sinks and {left_over} to none"
            ))),
        }
    }
}

/// What a sink's condition asks for; none is what is left. Such records are no longer among the rest.
fn matching(when: &When, batch: &Batch, rest: &mut [bool]) -> Option<Batch> {
    match when {
        When::Always => Some(batch.clone()),
        When::Otherwise => None,
        When::Matching(query) => Some(take(batch, |i| {
            let matches = query.matches(&batch.get(i));
            rest[i] &= !matches;
            matches
        })),
    }
}

/// The records of these numbers; the batch itself where that is all of them.
fn take(batch: &Batch, mut wanted: impl FnMut(usize) -> bool) -> Batch {
    let mut numbers = 0..;
    batch.filter(|_| numbers.next().is_some_and(&mut wanted))
}
