//! Making what runs what should run.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_engine::plan::{Plan, Planned};
use catchwater_engine::topology::{Change, Topology, Turned};
use catchwater_sdk::clock::{Clock, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::{error, info};

use super::plan::{Intended, Texts, intend, origin};
use super::view::{PutBack, Shown};
use super::{Server, Wanted};
use crate::store::Wishes;
use crate::wrong::Wrong;

/// Who wants a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The server starts. A mistake in a file, and nothing does.
    Start,
    /// A file has changed. A change that was put back before is not tried again unless its pipeline was changed since.
    File,
    /// Somebody asks for it.
    Asked,
}

/// How the last reload went.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Reloaded {
    /// Counts the changes of what runs; one that changed nothing is none.
    pub generation: u64,
    /// When it was tried last.
    pub at: Option<String>,
    /// Why it changed nothing.
    pub error: Option<String>,
    /// What was done.
    pub changes: Vec<Changed>,
}

/// What was done to a pipeline.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Changed {
    /// Its name.
    pub pipeline: String,
    /// `start`, `adapt` (its source read on), `replace` (it was stopped for that) or `stop`.
    pub change: &'static str,
    /// Why it was put back.
    pub trouble: Option<String>,
}

impl Server {
    /// Reads the folder again and changes what has to; a mistake anywhere, and nothing changes.
    pub async fn reload(&self, why: Reload) -> Result<Reloaded, Wrong> {
        self.undisturbed(move |server, topology| Box::pin(server.reload_in(topology, why))).await
    }

    /// Drains and stops everything; what is wanted stays wanted.
    pub async fn stop_all(&self) {
        let none = Plan { pipelines: Vec::new(), destinations: Vec::new() };
        let mut topology = self.0.topology.lock().await;
        topology.apply(&none).await;
    }

    /// Does it to the end, also when nobody waits for it any more, and nothing else meanwhile.
    pub(super) async fn undisturbed<T, F>(&self, work: F) -> Result<T, Wrong>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(
                &'a Server,
                &'a mut Topology,
            ) -> std::pin::Pin<Box<dyn Future<Output = Result<T, Wrong>> + Send + 'a>>
            + Send
            + 'static,
    {
        let server = self.clone();
        let done = tokio::spawn(async move {
            let mut topology = server.0.topology.lock().await;
            work(&server, &mut topology).await
        });
        done.await.unwrap_or_else(|panic| {
            Err(Wrong::Failed(catchwater_sdk::Error::bug("a change of what runs died").because(panic)))
        })
    }

    async fn reload_in(&self, topology: &mut Topology, why: Reload) -> Result<Reloaded, Wrong> {
        let intended = match self.0.store.texts() {
            Ok(texts) => self.intend(&texts),
            Err(error) => Err(error.into()),
        };
        let intended = match intended {
            Ok(intended) => intended,
            Err(wrong) => {
                self.note_refused(&wrong, why);
                return Err(wrong);
            }
        };
        Ok(self.make(topology, intended, self.0.store.wishes()?, why).await)
    }

    pub(super) fn intend(&self, texts: &Texts) -> Result<Intended, Wrong> {
        intend(&self.0.folder, texts, &self.0.registry)
    }

    /// The one place where what runs is changed. (Invariant 7)
    pub(super) async fn make(
        &self,
        topology: &mut Topology,
        intended: Intended,
        wishes: Wishes,
        why: Reload,
    ) -> Reloaded {
        let Intended { plan, files } = intended;
        let wanted = |planned: &Planned| wishes.get(&planned.spec.name).copied().unwrap_or_default();
        let refused = self.refused_before(&plan, why);
        let pipelines = plan.pipelines.iter().filter(|planned| wanted(planned) == Wanted::Running);
        let pipelines = pipelines.map(|planned| match refused.contains_key(&planned.spec.name) {
            true => topology.planned(&planned.spec.name).unwrap_or(planned),
            false => planned,
        });
        let pipelines = pipelines.map(Arc::clone).collect();
        let turned = topology.apply(&Plan { pipelines, destinations: Vec::new() }).await;
        let mut put_back = refused;
        put_back.extend(turned.iter().filter_map(|turned| new_refusal(turned, &plan)));
        let mut shown = BTreeMap::new();
        for planned in &plan.pipelines {
            let name = planned.spec.name.clone();
            let pipeline = Shown {
                origin: origin(planned, &self.0.store),
                wanted: wanted(planned),
                status: topology.status(&name),
                put_back: put_back.remove(&name),
                planned: Arc::clone(planned),
            };
            shown.insert(name, pipeline);
        }
        let mut view = self.view();
        for gone in view.pipelines.keys().filter(|name| !shown.contains_key(*name)) {
            topology.forget(gone);
        }
        (view.pipelines, view.files) = (shown, files);
        let is_troubled = turned.iter().any(|turned| turned.trouble.is_some());
        *view.outcomes.entry(if is_troubled { "put_back" } else { "done" }).or_default() += 1;
        view.last = Reloaded {
            generation: view.last.generation + u64::from(!turned.is_empty()),
            at: now(),
            error: None,
            changes: turned.iter().map(changed).collect(),
        };
        info!(generation = view.last.generation, changes = turned.len(), pipelines = view.pipelines.len(), "loaded");
        view.last.clone()
    }

    /// Changes that were put back and are still wanted the same.
    fn refused_before(&self, plan: &Plan, why: Reload) -> BTreeMap<String, PutBack> {
        let view = self.view();
        let still = |shown: &Shown| {
            let put_back = shown.put_back.clone().filter(|_| why == Reload::File)?;
            let wanted = plan.pipelines.iter().find(|planned| planned.spec.name == shown.planned.spec.name)?;
            wanted.same_as(&put_back.planned).then_some(put_back)
        };
        view.pipelines.iter().filter_map(|(name, shown)| Some((name.clone(), still(shown)?))).collect()
    }

    fn note_refused(&self, wrong: &Wrong, why: Reload) {
        let text = wrong.to_string();
        if why != Reload::Start {
            error!("nothing was changed:\n{text}");
        }
        let mut view = self.view();
        *view.outcomes.entry("refused").or_default() += 1;
        (view.last.at, view.last.error, view.last.changes) = (now(), Some(text), Vec::new());
    }
}

fn new_refusal(turned: &Turned, plan: &Plan) -> Option<(String, PutBack)> {
    let was_changed = matches!(turned.change, Change::Adapt | Change::Replace);
    let reason = turned.trouble.as_ref().filter(|_| was_changed)?.chain();
    let planned = plan.pipelines.iter().find(|planned| planned.spec.name == turned.pipeline)?;
    Some((turned.pipeline.clone(), PutBack { planned: Arc::clone(planned), reason }))
}

fn changed(turned: &Turned) -> Changed {
    let change = match turned.change {
        Change::Start => "start",
        Change::Adapt => "adapt",
        Change::Replace => "replace",
        Change::Stop => "stop",
    };
    let trouble = turned.trouble.as_ref().map(|error| error.chain());
    Changed { pipeline: turned.pipeline.clone(), change, trouble }
}

fn now() -> Option<String> {
    crate::time::told(SystemClock.now_micros())
}
