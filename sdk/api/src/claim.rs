//! What bears no second user: two components that work on it would take it from each other, for ever.

use std::sync::{Arc, Mutex, PoisonError};

/// Something that a component works on and that bears no second one: standard input, a port, a capture's positions in a
/// table. It is noted with [`Context::claim`](crate::Context::claim) while a component is built, which touches nothing;
/// two that claim the same are a mistake before anything starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is, for the operator: `the port 127.0.0.1:8080`. Resolved, so that two ways to write it are one.
    pub what: String,
    /// Who else must not claim it.
    pub within: Within,
    /// The key of the component's configuration that decides it, for the message; may be empty.
    pub key: &'static str,
}

/// Where a claim holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Among the components of one pipeline. Its tasks are copies of one component.
    Pipeline,
    /// Among all pipelines of a process.
    Process,
}

/// The claims of one component, as it makes them. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<Vec<Claim>>>);

impl Claims {
    /// Adds one.
    pub fn add(&self, claim: Claim) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(claim);
    }

    /// All so far, in order; none is left.
    pub fn take(&self) -> Vec<Claim> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
