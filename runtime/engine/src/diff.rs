//! Starting and reloading are one thing: what must change from what runs to what should run. (Invariant 7)

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{Plan, Planned};
use crate::spec::{Component, Pipeline, Sink};

/// What is to be done, by pipeline.
#[derive(Debug, Default)]
pub struct Changes {
    /// Pipelines that run and are no longer wanted.
    pub stop: Vec<String>,
    /// Pipelines that run and are wanted otherwise, but with the same source: changed while they run.
    pub adapt: Vec<Arc<Planned>>,
    /// Other pipelines that run and are wanted otherwise: stopped, then started.
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
            Some(before) if planned.can_follow(before) => changes.adapt.push(Arc::clone(planned)),
            Some(_) => changes.replace.push(Arc::clone(planned)),
        }
    }
    let wanted = |name: &&String| wanted.pipelines.iter().any(|planned| planned.spec.name == **name);
    changes.stop = running.keys().filter(|name| !wanted(name)).cloned().collect();
    changes
}

/// One way in which a pipeline differs from what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The component; none for what is the pipeline's own: settings, format, number of tasks, order of components.
    pub component: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// What it does to a pipeline that runs.
    pub effect: Effect,
}

/// What became of a component, or of what is the pipeline's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is otherwise than before.
    Changed,
    /// It is no longer there.
    Removed,
}

/// What a difference does to a pipeline that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing stops for it.
    InPlace,
    /// Of a transform: it takes effect between two batches.
    Swap,
    /// Of a sink: what it was given is stored first. The source and the other sinks stay connected, and flow on where they can.
    Flush,
    /// The pipeline drains, and starts again where it was.
    Restart,
}

/// Compares two pipelines component by component. A component is known by its name.
pub fn differences(before: &Planned, after: &Planned) -> Vec<Difference> {
    let [old, new] = [before, after].map(|planned| by_name(&planned.spec));
    let mut differences = Vec::new();
    let mut note = |component: &Component, kind| {
        let effect = effect(before, after, component);
        differences.push(Difference { component: Some(component.name.clone()), kind, effect });
    };
    for (name, component) in &new {
        match old.get(name) {
            None => note(component, Kind::Added),
            Some(old) if old != component || !after.reads_as(before, component) => note(component, Kind::Changed),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    gone.for_each(|(_, component)| note(component, Kind::Removed));
    let is_own = before.has_other_settings(after) || differences.is_empty() && !before.same_as(after);
    let effect = if after.can_follow(before) { Effect::InPlace } else { Effect::Restart };
    differences.extend(is_own.then_some(Difference { component: None, kind: Kind::Changed, effect }));
    differences
}

fn effect(before: &Planned, after: &Planned, component: &Component) -> Effect {
    let is_it = |other: &Component| other.name == component.name;
    let is_before_sinks = |planned: &Planned| planned.spec.transforms.iter().any(is_it);
    let is_same_sink = |sink: &Sink| is_it(&sink.component) && after.has_same_sink(before, sink);
    match after.can_follow(before) {
        false => Effect::Restart,
        true if is_before_sinks(before) || is_before_sinks(after) => Effect::Swap,
        true if after.spec.sinks.iter().any(is_same_sink) => Effect::InPlace,
        true => Effect::Flush,
    }
}

fn by_name(pipeline: &Pipeline) -> BTreeMap<&str, &Component> {
    pipeline.components().map(|component| (component.name.as_str(), component)).collect()
}
