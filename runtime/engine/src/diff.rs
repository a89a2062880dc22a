//! Starting and reloading are one thing: what must change from what runs to what should run. (Invariant 7)

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{Plan, Planned};

/// What is to be done, by pipeline.
#[derive(Debug, Default)]
pub struct Changes {
    /// Pipelines that run and are no longer wanted.
    pub stop: Vec<String>,
    /// Pipelines that run and are wanted otherwise: stopped, then started.
    pub replace: Vec<Arc<Planned>>,
    /// Pipelines that do not run yet.
    pub start: Vec<Arc<Planned>>,
}

/// Compares what runs with what should run. An unchanged pipeline is in none of the lists: it never notices.
pub fn diff(running: &BTreeMap<String, Arc<Planned>>, wanted: &Plan) -> Changes {
    let mut changes = Changes::default();
    for planned in &wanted.pipelines {
        match running.get(&planned.spec.name) {
            None => changes.start.push(Arc::clone(planned)),
            Some(before) if before.same_as(planned) => {}
            Some(_) => changes.replace.push(Arc::clone(planned)),
        }
    }
    let wanted = |name: &&String| wanted.pipelines.iter().any(|planned| planned.spec.name == **name);
    changes.stop = running.keys().filter(|name| !wanted(name)).cloned().collect();
    changes
}
