//! Starting and reloading are one thing: what must change from what runs to what should run. (Invariant 7)

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{Plan, Planned};
use crate::spec::{Component, Pipeline};

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

/// How one pipeline differs from what it was: the names of components, and `settings` for what is the pipeline's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Components that are new.
    pub added: Vec<String>,
    /// Components that are otherwise than before.
    pub changed: Vec<String>,
    /// Components that are no longer there.
    pub removed: Vec<String>,
    /// Whether the rest differs: settings, format, number of tasks, order of components.
    pub settings: bool,
}

/// Compares two pipelines component by component. A component is known by its name.
pub fn differences(before: &Planned, after: &Planned) -> Differences {
    let [old, new] = [before, after].map(|planned| by_name(&planned.spec));
    let names = |of: &BTreeMap<&str, &Component>, not_in: &BTreeMap<&str, &Component>| {
        of.keys().filter(|name| !not_in.contains_key(*name)).map(|name| (*name).to_owned()).collect()
    };
    let changed = new.iter().filter(|(name, component)| old.get(*name).is_some_and(|before| before != *component));
    let mut differences = Differences {
        added: names(&new, &old),
        changed: changed.map(|(name, _)| (*name).to_owned()).collect(),
        removed: names(&old, &new),
        settings: false,
    };
    let is_same = differences == Differences::default();
    let (one, other) = (&before.spec, &after.spec);
    differences.settings = one.settings != other.settings
        || before.tasks != after.tasks
        || one.format != other.format
        || one.unmatched != other.unmatched
        || is_same && !before.same_as(after);
    differences
}

fn by_name(pipeline: &Pipeline) -> BTreeMap<&str, &Component> {
    pipeline.components().map(|component| (component.name.as_str(), component)).collect()
}
