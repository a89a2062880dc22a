//! What goes wrong, and when: calls that fail, calls that wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::error::{Error, ErrorKind, Result};

/// A call of a source or a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `open`
    Open,
    /// `poll`
    Poll,
    /// `start`
    Start,
    /// `confirm`
    Confirm,
    /// `commit`
    Commit,
    /// `stored`
    Stored,
    /// `write`
    Write,
    /// `barrier`
    Barrier,
    /// `close`
    Close,
}

/// The faults of one double. A handle: clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: VecDeque<(Call, ErrorKind)>,
    held: Vec<Call>,
    waiting: Vec<(Call, Waker)>,
    panicking: Vec<Call>,
}

impl Faults {
    /// The next such call fails with that kind. Said twice, the next two do.
    pub fn fail(&self, call: Call, kind: ErrorKind) {
        self.state().next.push_back((call, kind));
    }

    /// The next such call panics: a bug of the connector.
    pub fn panic(&self, call: Call) {
        self.state().panicking.push(call);
    }

    /// Such calls wait from now on: a system that is slow or hangs.
    pub fn hold(&self, call: Call) {
        self.state().held.push(call);
    }

    /// Such calls wait no longer.
    pub fn release(&self, call: Call) {
        let mut state = self.state();
        state.held.retain(|held| *held != call);
        state.waiting.drain(..).for_each(|(_, waker)| waker.wake());
    }

    /// Whether such a call was made since it was held, and waits.
    pub fn is_waiting(&self, call: Call) -> bool {
        self.state().waiting.iter().any(|(waiting, _)| *waiting == call)
    }

    /// What a double does first in each call.
    pub(super) async fn pass(&self, call: Call) -> Result<()> {
        poll_fn(|context| {
            let mut state = self.state();
            if !state.held.contains(&call) {
                return Poll::Ready(());
            }
            state.waiting.push((call, context.waker().clone()));
            Poll::Pending
        })
        .await;
        let mut state = self.state();
        if let Some(i) = state.panicking.iter().position(|panicking| *panicking == call) {
            state.panicking.remove(i);
            panic!("{call:?} was told to panic");
        }
        let Some(i) = state.next.iter().position(|(failing, _)| *failing == call) else { return Ok(()) };
        let (call, kind) = state.next.remove(i).expect("its place was just found");
        Err(Error::new(kind, format!("{call:?} was told to fail")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
