//! What runs, in numbers and words: read by whoever shows it, written by tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catchwater_sdk::counters::Counters;
use catchwater_sdk::{Error, Positions};
use tokio::sync::watch;

/// Whether a pipeline runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody wants it to run.
    #[default]
    Stopped,
    /// It connects.
    Starting,
    /// All its components have connected once; those that wait since are in [`Status::troubles`].
    Running,
    /// It drains.
    Stopping,
    /// It failed, and is tried again.
    Recovering,
    /// It failed for good.
    Failed,
    /// Its source has ended.
    Ended,
}

/// How a pipeline is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether it runs.
    pub state: State,
    /// Why it failed.
    pub reason: Option<String>,
    /// How often in a row it failed.
    pub attempts: u32,
    /// When it is tried again, in microseconds since the epoch.
    pub next_try_micros: Option<i64>,
}

/// One pipeline's status; it outlives what runs, so that its counters only ever rise.
#[derive(Debug, Default)]
pub struct Status {
    /// Records read from the source.
    pub read: AtomicU64,
    /// Their payloads and keys in bytes.
    pub read_bytes: AtomicU64,
    /// Records that became dead letters.
    pub dead_lettered: AtomicU64,
    /// Records dropped on purpose by a step.
    pub dropped: AtomicU64,
    /// When positions were last committed, in microseconds since the epoch; 0 before the first time.
    pub committed_micros: AtomicI64,
    /// Calls that failed because another system was away.
    pub retries: AtomicU64,
    /// What components count themselves.
    pub counters: Counters,
    lag: Mutex<BTreeMap<u16, u64>>,
    trouble: Mutex<BTreeMap<String, String>>,
    condition: watch::Sender<Condition>,
    opened: Mutex<Opened>,
    committed: Mutex<Positions>,
}

/// Which components of which tasks have connected since the start.
#[derive(Debug, Default)]
struct Opened {
    components: BTreeSet<(u16, String)>,
    wanted: usize,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Recovering => "recovering",
            State::Failed => "failed",
            State::Ended => "ended",
        }
    }
}

impl Status {
    /// How it is now.
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// Hears of every change.
    pub fn watch(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// It starts: as soon as so many components have connected it runs.
    pub(crate) fn starting(&self, components: usize) {
        *lock(&self.opened) = Opened { components: BTreeSet::new(), wanted: components };
        lock(&self.trouble).clear();
        lock(&self.lag).clear();
        *lock(&self.committed) = Positions::new();
        self.condition.send_modify(|condition| {
            (condition.state, condition.next_try_micros) = (State::Starting, None);
        });
    }

    /// A component has connected.
    pub(crate) fn opened(&self, task: u16, component: &str) {
        let mut opened = lock(&self.opened);
        opened.components.insert((task, component.to_owned()));
        if opened.components.len() == opened.wanted {
            self.condition.send_if_modified(|condition| {
                let starting = condition.state == State::Starting;
                if starting {
                    condition.state = State::Running;
                }
                starting
            });
        }
    }

    /// It works, and has for a while: what went wrong before is over.
    pub(crate) fn recovered(&self) {
        self.condition.send_modify(|condition| (condition.reason, condition.attempts) = (None, 0));
    }

    /// It is asked to drain.
    pub(crate) fn stopping(&self) {
        self.condition.send_modify(|condition| condition.state = State::Stopping);
    }

    /// It has come to an end that was wished for, or that its source came to.
    pub(crate) fn settled(&self, state: State) {
        self.condition.send_replace(Condition { state, ..Condition::default() });
    }

    /// It failed; `next_try_micros` says when it is tried again, if it is.
    pub(crate) fn failed(&self, reason: String, next_try_micros: Option<i64>) {
        self.condition.send_modify(|condition| {
            let state = if next_try_micros.is_some() { State::Recovering } else { State::Failed };
            *condition = Condition { state, reason: Some(reason), attempts: condition.attempts + 1, next_try_micros };
        });
    }

    /// These positions were committed.
    pub(crate) fn note_committed(&self, positions: &Positions) {
        lock(&self.committed).advance_all(positions);
    }

    /// The positions that were committed since the start.
    pub fn committed(&self) -> Positions {
        lock(&self.committed).clone()
    }

    /// How far one task is behind the end of its source.
    pub(crate) fn set_lag(&self, task: u16, lag: Option<u64>) {
        let mut lags = lock(&self.lag);
        match lag {
            Some(lag) => lags.insert(task, lag),
            None => lags.remove(&task),
        };
    }

    /// How far all tasks together are behind the end, where any of them knows.
    pub fn lag(&self) -> Option<u64> {
        let lags = lock(&self.lag);
        (!lags.is_empty()).then(|| lags.values().sum())
    }

    /// A component waits for another system, and why; `None` once it works again.
    pub(crate) fn set_trouble(&self, component: &str, trouble: Option<String>) {
        let mut troubles = lock(&self.trouble);
        match trouble {
            Some(text) => {
                self.retries.fetch_add(1, Relaxed);
                troubles.insert(component.to_owned(), text);
            }
            None => drop(troubles.remove(component)),
        }
    }

    /// Why a change is put back whose components took too long.
    pub(crate) fn not_connected_within(&self, patience: Duration) -> Error {
        let waits = self.troubles().into_iter().map(|(component, trouble)| format!("; {component} waits: {trouble}"));
        let waits: String = waits.collect();
        Error::refused(format!("it had not connected after {} s{waits}", patience.as_secs()))
    }

    /// Components that wait for another system, and why.
    pub fn troubles(&self) -> Vec<(String, String)> {
        let troubles = lock(&self.trouble);
        troubles.iter().map(|(component, text)| (component.clone(), text.clone())).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
