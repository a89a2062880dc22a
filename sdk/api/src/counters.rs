//! What components count themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are kept of a pipeline; further ones are forgotten. (Invariant 9)
const COUNTERS_MAX: usize = 256;

/// Counters of a pipeline's components, beside those that the engine has: a server shows them with its metrics. They only ever
/// rise, and outlive what counts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<Counts>>);

/// By component and name.
type Counts = BTreeMap<(Arc<str>, String), u64>;

impl Counters {
    /// Adds to the counter of that name of a component.
    pub fn add(&self, component: &Arc<str>, name: &str, delta: u64) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(component), name.to_owned());
        if counters.len() < COUNTERS_MAX || counters.contains_key(&key) {
            let count = counters.entry(key).or_default();
            *count = count.saturating_add(delta);
        }
    }

    /// All of them: component, name, count.
    pub fn all(&self) -> Vec<(Arc<str>, String, u64)> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|((component, name), count)| (Arc::clone(component), name.clone(), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_there_are_not_too_many() {
        let counters = Counters::default();
        for delta in [1, u64::MAX] {
            (0..1000).for_each(|i| counters.add(&"mask".into(), &format!("n{i:04}"), delta));
        }
        let all = counters.all();
        assert_eq!((all.len(), &*all[7].0, all[7].1.as_str(), all[7].2), (COUNTERS_MAX, "mask", "n0007", u64::MAX));
    }
}
