//! Which records go to which sink. Sinks share the rows of a batch: nothing is copied.

use std::sync::Arc;

use catchwater_query::{Field, Query, Test};
use catchwater_sdk::sink::Rejected;
use catchwater_sdk::value::Decoded;
use catchwater_sdk::{Batch, Error, Result};

use super::stages::StepRejected;
use crate::spec::{ROUTER, Unmatched, When};

/// Why a record that no sink asked for is a dead letter.
const REASON: &str = "no sink's `when` asks for it";

/// The sinks' conditions.
pub(crate) struct Router {
    routes: Vec<When>,
    unmatched: Option<Unmatched>,
    /// Whether any query asks about payloads: one that is not understood is why it found nothing there.
    asks_payloads: bool,
    routed: u64,
    matched: u64,
    left_over: u64,
}

/// A batch, divided.
pub(crate) struct Routed {
    /// What goes to each sink, in their order.
    pub(crate) to: Vec<Batch>,
    /// How many records were dropped on purpose.
    pub(super) dropped: u64,
    /// What goes to the dead letters.
    pub(crate) rejected: Vec<StepRejected>,
}

// === impl Router ===

impl Router {
    pub(crate) fn new(routes: Vec<When>, unmatched: Option<Unmatched>) -> Router {
        let asks_payloads = routes.iter().any(|when| matches!(when, When::Matching(query) if asks_payloads(query)));
        Router { routes, unmatched, asks_payloads, routed: 0, matched: 0, left_over: 0 }
    }

    /// Divides a batch among the sinks.
    pub(crate) fn route(&mut self, batch: &Batch) -> Routed {
        self.routed += batch.len() as u64;
        if self.routes.iter().all(|when| *when == When::Always) {
            self.matched += batch.len() as u64;
            return Routed { to: vec![batch.clone(); self.routes.len()], dropped: 0, rejected: Vec::new() };
        }
        // The records that no query asks for.
        let mut rest = vec![true; batch.len()];
        let to: Vec<_> = self.routes.iter().map(|when| matching(when, batch, &mut rest)).collect();
        let asked_for = rest.iter().filter(|is_rest| !**is_rest).count() as u64;
        let rest = take(batch, |i| rest[i]);
        let all_matched = self.routes.iter().any(|when| !matches!(when, When::Matching(_)));
        let to = to.into_iter().map(|to| to.unwrap_or_else(|| rest.clone())).collect();
        let rest_count = rest.len() as u64;
        let (taken, left_over) = if all_matched { (rest_count, 0) } else { (0, rest_count) };
        self.matched += asked_for + taken;
        self.left_over += left_over;
        match left_over > 0 && self.unmatched == Some(Unmatched::DeadLetter) {
            true => Routed { to, dropped: 0, rejected: self.reject(&rest) },
            false => Routed { to, dropped: left_over, rejected: Vec::new() },
        }
    }

    /// Dead letters of what no sink asked for, in order. A payload that is not understood has a reason of its own.
    fn reject(&self, rest: &Batch) -> Vec<StepRejected> {
        let why = |i: usize| match rest.get(i).value() {
            Decoded::Undecodable(why) => Some(why),
            Decoded::Absent | Decoded::Value(_) => None,
        };
        let rejected = |numbers: &[usize]| {
            let reason = match self.asks_payloads.then(|| why(numbers[0])).flatten() {
                Some(why) => format!("{REASON}, and its payload is not understood: {why}"),
                None => REASON.to_owned(),
            };
            StepRejected {
                step: Arc::from(ROUTER),
                attempts: 1,
                rejected: Rejected { records: rest.select(numbers), reason },
            }
        };
        let numbers: Vec<usize> = (0..rest.len()).collect();
        let alike = |one: &usize, next: &usize| !self.asks_payloads || (why(*one).is_none() && why(*next).is_none());
        numbers.chunk_by(alike).map(rejected).collect()
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

/// Whether an answer can depend on the payload.
fn asks_payloads(query: &Query) -> bool {
    query.tests().iter().any(|test| !matches!(test, Test::Field(Field::Envelope(_), _)))
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
