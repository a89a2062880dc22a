//! What the replays of a process have done so far, for whoever shows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::selection::Tally;

/// The tallies of replays by the names of their pipelines. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Arc<Tally>>>>);

impl Board {
    /// The tally of a replay.
    pub fn tally(&self, name: &str) -> Arc<Tally> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tallies.entry(name.to_owned()).or_default())
    }
}
