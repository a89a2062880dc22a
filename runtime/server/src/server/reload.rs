//! Making what runs what should run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catchwater_engine::plan::{Plan, Planned};
use catchwater_engine::topology::{Change, Topology, Turned};
use catchwater_sdk::clock::{Clock, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::{error, info};

use super::plan::{Edit, Intended, REFUSED, origin};
use super::view::{PutBack, Shown};
use super::{Server, Wanted};
use crate::connect::settings;
use crate::store::Wishes;
use crate::wrong::Wrong;

/// Who wants a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The server starts. A file with a mistake is left out.
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
    /// Why nothing of the folder was changed; or what is wrong with files that were left out at the start, or with pipelines
    /// that were made through the API, which stay as they were; and what is wrong with the server's settings, without which no
    /// connector is made or changed.
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
    /// Why it was put back; of a `stop`, why not all that it had read was stored.
    pub trouble: Option<String>,
}

impl Server {
    /// Reads the folder again and changes what has to; a mistake in a file of it, and nothing changes.
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
        let settings_are_sound = self.check_settings();
        let mut intended = self.intend(why).inspect_err(|wrong| self.note_refused(wrong, why))?;
        if let Some(report) = &intended.error {
            error!("what has mistakes does not run, or runs on as it was, until it is mended:\n{report}");
        }
        if !settings_are_sound {
            intended.outcome = REFUSED;
        }
        self.make(topology, intended, |_| why == Reload::Asked).await
    }

    /// They are read when a connector is made; a mistake in them is said as early as one in a pipeline. It concerns no pipeline.
    fn check_settings(&self) -> bool {
        let wrong = settings::kafka(&self.0.folder).err().map(|failure| failure.into_message());
        if let Some(wrong) = &wrong {
            error!("no connector can be made or changed: {wrong}");
        }
        let is_sound = wrong.is_none();
        self.view().found.settings = wrong;
        is_sound
    }

    /// Keeps what an edit asks for, and makes it so.
    pub(super) async fn carry_out(
        &self,
        topology: &mut Topology,
        edit: &Edit,
        intended: Intended,
    ) -> Result<Reloaded, Wrong> {
        for (name, document) in &edit.documents {
            self.0.store.keep(name, document)?;
        }
        for name in &edit.gone {
            self.0.store.remove(name)?;
            self.wish(name, Wanted::Running)?;
        }
        let made = self.make(topology, intended, |name| edit.concerns(name)).await?;
        self.try_again(topology).await?;
        Ok(made)
    }

    /// What was refused may work by now: a pipeline of the same name is gone, or what was wrong with one was put right.
    pub(super) async fn try_again(&self, topology: &mut Topology) -> Result<(), Wrong> {
        let was_refused = self.view().found.pipelines.is_some();
        if let Some(intended) = was_refused.then(|| self.intend(Reload::File)).and_then(Result::ok) {
            self.make(topology, intended, |_| false).await?;
        }
        Ok(())
    }

    /// The one place where what runs is changed. (Invariant 7) A change that was put back is tried again where `tries` says so.
    pub(super) async fn make(
        &self,
        topology: &mut Topology,
        intended: Intended,
        tries: impl Fn(&str) -> bool + Send,
    ) -> Result<Reloaded, Wrong> {
        let wishes = self.wishes_for(&intended)?;
        let Intended { plan, unsound, error, files, outcome } = intended;
        let wanted = |planned: &Planned| wishes.get(&planned.spec.name).copied().unwrap_or_default();
        let refused = self.refused_before(&plan, tries);
        let pipelines = plan.pipelines.iter().filter(|planned| wanted(planned) == Wanted::Running);
        let pipelines =
            pipelines.map(|planned| refused.get(&planned.spec.name).map_or(planned, |put_back| &put_back.runs));
        let pipelines = pipelines.map(Arc::clone).collect();
        let turned = topology.apply(&Plan { pipelines, destinations: Vec::new() }).await;
        let new: Vec<_> = turned.iter().filter_map(|turned| new_refusal(turned, &plan, topology)).collect();
        let outcome = if new.is_empty() { outcome } else { "put_back" };
        let mut put_back = refused;
        put_back.extend(new);
        let sound = plan.pipelines.into_iter().map(|planned| (planned, None));
        let unsound = unsound.into_iter().map(|(outline, reason)| (outline, Some(reason)));
        let mut shown = BTreeMap::new();
        for (planned, unsound) in sound.chain(unsound) {
            let name = planned.spec.name.clone();
            let pipeline = Shown {
                origin: origin(&planned, &self.0.store),
                wanted: wanted(&planned),
                status: topology.status(&name),
                put_back: put_back.remove(&name),
                unsound,
                planned,
            };
            shown.insert(name, pipeline);
        }
        let mut view = self.view();
        for gone in view.pipelines.keys().filter(|name| !shown.contains_key(*name)) {
            topology.forget(gone);
        }
        (view.pipelines, view.files) = (shown, files);
        view.found.pipelines = error;
        *view.outcomes.entry(outcome).or_default() += 1;
        view.last = Reloaded {
            generation: view.last.generation + u64::from(!turned.is_empty()),
            at: now(),
            error: view.found.report(),
            changes: turned.iter().map(changed).collect(),
        };
        info!(generation = view.last.generation, changes = turned.len(), pipelines = view.pipelines.len(), "loaded");
        Ok(view.last.clone())
    }

    /// What is wanted of which pipeline. Of one that went while this server looked on, nothing is any more: the next one of its
    /// name is another. Of those that were not there at the start something still is: their folder may come late.
    fn wishes_for(&self, intended: &Intended) -> Result<Wishes, Wrong> {
        let mut wishes = self.0.store.wishes()?;
        let outlines = intended.unsound.iter().map(|(outline, _)| outline);
        let names: BTreeSet<_> =
            intended.plan.pipelines.iter().chain(outlines).map(|planned| &planned.spec.name).collect();
        let before = wishes.len();
        wishes.retain(|name, _| names.contains(name) || !self.view().pipelines.contains_key(name));
        if wishes.len() < before {
            self.0.store.keep_wishes(&wishes)?;
        }
        Ok(wishes)
    }

    /// Changes that were put back and are still wanted the same.
    fn refused_before(&self, plan: &Plan, tries: impl Fn(&str) -> bool) -> BTreeMap<String, PutBack> {
        let view = self.view();
        let still = |shown: &Shown| {
            let name = &shown.planned.spec.name;
            let put_back = shown.put_back.clone().filter(|_| !tries(name))?;
            let wanted = plan.pipelines.iter().find(|planned| planned.spec.name == *name)?;
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
        *view.outcomes.entry(REFUSED).or_default() += 1;
        view.found.pipelines = Some(text);
        (view.last.at, view.last.error, view.last.changes) = (now(), view.found.report(), Vec::new());
    }
}

fn new_refusal(turned: &Turned, plan: &Plan, topology: &Topology) -> Option<(String, PutBack)> {
    let was_changed = matches!(turned.change, Change::Adapt | Change::Replace);
    let reason = turned.trouble.as_ref().filter(|_| was_changed)?.chain();
    let planned = plan.pipelines.iter().find(|planned| planned.spec.name == turned.pipeline)?;
    let (planned, runs) = (Arc::clone(planned), Arc::clone(topology.planned(&turned.pipeline)?));
    Some((turned.pipeline.clone(), PutBack { planned, runs, reason }))
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
