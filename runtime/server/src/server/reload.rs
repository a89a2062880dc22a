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
use super::view::{PutBack, Shown, View};
use super::{Server, Wanted};
use crate::connect::settings;
use crate::store::Wishes;
use crate::wrong::Wrong;

/// Changes that did not work, by pipeline.
type PutBacks = BTreeMap<String, PutBack>;

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
        let stopped =
            self.undisturbed(move |_, topology| Box::pin(async move { Ok(topology.apply(&none).await) })).await;
        drop(stopped); // what could not be stored is logged, and read again
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

    /// Keeps what an edit asks for, and shows it: whoever plans from now on plans beside it. What goes is shown until it has gone.
    pub(super) fn promise(&self, part: &mut Topology, edit: &Edit, intended: &Intended) -> Result<(), Wrong> {
        for (name, document) in &edit.documents {
            self.0.store.keep(name, document)?;
        }
        for name in &edit.gone {
            self.0.store.remove(name)?;
            self.wish(name, Wanted::Running)?;
        }
        let wishes = self.0.store.wishes()?;
        let shown: Vec<_> = edit.own(&intended.plan).map(|planned| self.shown(part, planned, &wishes, None)).collect();
        let mut view = self.view();
        view.pipelines.extend(shown.into_iter().map(|shown| (shown.planned.spec.name.clone(), shown)));
        view.files.extend(intended.files.clone());
        Ok(())
    }

    /// Makes so what an edit has promised, in the part that it concerns.
    pub(super) async fn fulfil(&self, part: &mut Topology, edit: &Edit, intended: Intended) -> Result<Reloaded, Wrong> {
        let wishes = self.0.store.wishes()?;
        let plan = Plan { pipelines: edit.own(&intended.plan).map(Arc::clone).collect(), destinations: Vec::new() };
        let (turned, put_back) = turn(part, &plan, &wishes, &BTreeMap::new()).await;
        let outcome = outcome(intended.outcome, &put_back);
        let mut view = self.view();
        for (name, put_back) in put_back {
            view.pipelines.get_mut(&name).expect("it is shown since it was promised").put_back = Some(put_back);
        }
        for gone in &edit.gone {
            view.pipelines.remove(gone);
            part.forget(gone);
        }
        Ok(tell(&mut view, outcome, &turned))
    }

    /// What was refused may work by now: a pipeline of the same name is gone, or what was wrong with one was put right.
    pub(super) async fn try_again(&self, topology: &mut Topology) -> Result<(), Wrong> {
        let was_refused = self.view().found.pipelines.is_some();
        if let Some(intended) = was_refused.then(|| self.intend(Reload::File)).and_then(Result::ok) {
            self.make(topology, intended, |_| false).await?;
        }
        Ok(())
    }

    /// Makes all that runs what should run. (Invariant 7) A change that was put back is tried again where `tries` says so.
    async fn make(
        &self,
        topology: &mut Topology,
        intended: Intended,
        tries: impl Fn(&str) -> bool + Send,
    ) -> Result<Reloaded, Wrong> {
        let wishes = self.wishes_for(&intended)?;
        let Intended { plan, unsound, error, files, outcome: planned } = intended;
        let mut put_back = self.refused_before(&plan, tries);
        let (turned, new) = turn(topology, &plan, &wishes, &put_back).await;
        let outcome = outcome(planned, &new);
        put_back.extend(new);
        let mut shown = BTreeMap::new();
        for planned in &plan.pipelines {
            let put_back = put_back.remove(&planned.spec.name);
            shown.insert(planned.spec.name.clone(), self.shown(topology, planned, &wishes, put_back));
        }
        for (outline, reason) in unsound {
            let pipeline = Shown { unsound: Some(reason), ..self.shown(topology, &outline, &wishes, None) };
            shown.insert(outline.spec.name.clone(), pipeline);
        }
        let mut view = self.view();
        for gone in view.pipelines.keys().filter(|name| !shown.contains_key(*name)) {
            topology.forget(gone);
        }
        (view.pipelines, view.files) = (shown, files);
        view.found.pipelines = error;
        Ok(tell(&mut view, outcome, &turned))
    }

    fn shown(
        &self,
        topology: &mut Topology,
        planned: &Arc<Planned>,
        wishes: &Wishes,
        put_back: Option<PutBack>,
    ) -> Shown {
        let name = &planned.spec.name;
        Shown {
            origin: origin(planned, &self.0.store),
            wanted: wishes.get(name).copied().unwrap_or_default(),
            status: topology.status(name),
            put_back,
            unsound: None,
            planned: Arc::clone(planned),
        }
    }

    /// What is wanted of which pipeline. Of one that went while this server looked on, nothing is any more: the next one of its
    /// name is another. Of those that were not there at the start something still is: their folder may come late.
    fn wishes_for(&self, intended: &Intended) -> Result<Wishes, Wrong> {
        let _wishing = self.wishing();
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
    fn refused_before(&self, plan: &Plan, tries: impl Fn(&str) -> bool) -> PutBacks {
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

/// The one place where what runs is changed: what is wanted of a plan, or where that was refused before, what ran instead. Answers
/// what was done, and what is put back.
async fn turn(topology: &mut Topology, plan: &Plan, wishes: &Wishes, refused: &PutBacks) -> (Vec<Turned>, PutBacks) {
    let is_wanted = |name: &str| wishes.get(name).copied().unwrap_or_default() == Wanted::Running;
    let wanted = plan.pipelines.iter().filter(|planned| is_wanted(&planned.spec.name));
    let runs = wanted.map(|planned| refused.get(&planned.spec.name).map_or(planned, |put_back| &put_back.runs));
    let runs = Plan { pipelines: runs.map(Arc::clone).collect(), destinations: Vec::new() };
    let turned = topology.apply(&runs).await;
    let put_back = turned.iter().filter_map(|turned| new_refusal(turned, plan, topology)).collect();
    (turned, put_back)
}

/// How a change is counted.
fn outcome(planned: &'static str, put_back: &PutBacks) -> &'static str {
    if put_back.is_empty() { planned } else { "put_back" }
}

/// Shows how a change went.
fn tell(view: &mut View, outcome: &'static str, turned: &[Turned]) -> Reloaded {
    *view.outcomes.entry(outcome).or_default() += 1;
    view.last = Reloaded {
        generation: view.last.generation + u64::from(!turned.is_empty()),
        at: now(),
        error: view.found.report(),
        changes: turned.iter().map(changed).collect(),
    };
    info!(generation = view.last.generation, changes = turned.len(), pipelines = view.pipelines.len(), "loaded");
    view.last.clone()
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
