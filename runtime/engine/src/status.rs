//! What runs, in numbers and words: read by whoever shows it, written by tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// One pipeline's status.
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
    lag: Mutex<BTreeMap<u16, u64>>,
    trouble: Mutex<BTreeMap<String, String>>,
}

impl Status {
    /// How far one task is behind the end of its source.
    pub(crate) fn set_lag(&self, task: u16, lag: Option<u64>) {
        let mut lags = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        match lag {
            Some(lag) => lags.insert(task, lag),
            None => lags.remove(&task),
        };
    }

    /// How far all tasks together are behind the end, where any of them knows.
    pub fn lag(&self) -> Option<u64> {
        let lags = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        (!lags.is_empty()).then(|| lags.values().sum())
    }

    /// A component waits for another system, and why; `None` once it works again.
    pub(crate) fn set_trouble(&self, component: &str, trouble: Option<String>) {
        let mut troubles = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(text) => {
                self.retries.fetch_add(1, Relaxed);
                troubles.insert(component.to_owned(), text);
            }
            None => drop(troubles.remove(component)),
        }
    }

    /// Components that wait for another system, and why.
    pub fn troubles(&self) -> Vec<(String, String)> {
        let troubles = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(component, text)| (component.clone(), text.clone())).collect()
    }
}
