//! What runs: pipelines, each of one or several tasks.

mod running;
mod supervisor;
mod turned;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::{Error, Registry, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

pub use self::running::Stopper;
use self::running::{Adapted, Drained, Running};
pub use self::turned::{Change, Turned};
use crate::blueprint::Blueprint;
pub use crate::blueprint::Host;
use crate::diff::{Changes, diff};
use crate::offsets::{self, Move, Offset};
use crate::plan::{Plan, Planned};
use crate::spec::Retry;
use crate::status::{State, Status};

/// The least that a sink is given, whatever the budget.
const SINK_MEMORY_MIN: u64 = 8 << 20;
/// How long a changed pipeline may take to connect before what ran before it is put back.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running pipelines of a process, or a part of them.
pub struct Topology {
    registry: Arc<Registry>,
    host: Host,
    recovery: Option<Retry>,
    patience: Duration,
    running: BTreeMap<String, Running>,
    /// How many run elsewhere: in what this is a part of.
    others: usize,
    /// Also of pipelines that do not run now: their counters go on where they were.
    statuses: BTreeMap<String, Arc<Status>>,
}

impl Topology {
    /// One in which nothing runs, and in which a pipeline that fails has ended.
    pub fn new(registry: Arc<Registry>, host: Host) -> Topology {
        Topology {
            registry,
            host,
            recovery: None,
            patience: PATIENCE,
            running: BTreeMap::new(),
            others: 0,
            statuses: BTreeMap::new(),
        }
    }

    /// The same, but a pipeline that fails is started again, ever more rarely.
    pub fn recovering(self, retry: Retry) -> Topology {
        Topology { recovery: Some(retry), ..self }
    }

    /// The same, with another time in which a changed pipeline has to connect.
    pub fn with_patience(self, patience: Duration) -> Topology {
        Topology { patience, ..self }
    }

    /// The part with these names: what is done to it takes its own time, and goes on beside what is done to other parts. Until it
    /// is given back they are nobody else's.
    pub fn lend(&mut self, names: &[&str]) -> Topology {
        let running: BTreeMap<_, _> = names.iter().filter_map(|name| self.running.remove_entry(*name)).collect();
        let known = |name: &&str| Some(((*name).to_owned(), Arc::clone(self.statuses.get(*name)?)));
        let statuses = names.iter().filter_map(known).collect();
        Topology {
            registry: Arc::clone(&self.registry),
            host: self.host.clone(),
            recovery: self.recovery.clone(),
            patience: self.patience,
            running,
            others: self.others + self.running.len(),
            statuses,
        }
    }

    /// Takes a part back that was lent by these names.
    pub fn take_back(&mut self, names: &[&str], part: Topology) {
        names.iter().for_each(|name| drop(self.statuses.remove(*name)));
        self.statuses.extend(part.statuses);
        self.running.extend(part.running);
    }

    /// Makes what runs what should run; pipelines that are the same in both are not touched. (Invariant 7)
    ///
    /// What leaves is stopped, what can change while it runs does, and what has to be replaced drains, all at once, so that
    /// what bears one user is free; then what is new starts. A changed pipeline that does not drain in time, or does not
    /// connect, is put back as it was, if it worked then.
    pub async fn apply(&mut self, plan: &Plan) -> Vec<Turned> {
        let running = self.running.iter().map(|(name, running)| (name.clone(), Arc::clone(&running.planned))).collect();
        let Changes { stop, adapt, mut replace, start } = diff(&running, plan);
        let mut turned = self.stop_each(&stop).await;
        let pipelines = self.others + self.running.len() + start.len();
        // One that waits for another system may wait for long: it is replaced without mercy.
        let (adapt, waiting) = adapt.into_iter().partition(|after| self.running[&after.spec.name].works());
        replace.extend::<Vec<_>>(waiting);
        turned.extend(self.adapt_each(adapt, pipelines).await);
        let replaced = self.drain_each(replace).await;
        let mut waiting = Vec::new();
        for Replaced { before, after, worked, trouble } in replaced {
            let name = after.spec.name.clone();
            let planned = if trouble.is_some() { &before } else { &after };
            self.start(Arc::clone(planned), pipelines);
            match trouble {
                None if worked => waiting.push((before, name)),
                trouble => turned.push(Turned::new(name, Change::Replace, trouble)),
            }
        }
        for planned in start {
            turned.push(Turned::new(planned.spec.name.clone(), Change::Start, None));
            self.start(planned, pipelines);
        }
        turned.extend(self.settle_each(waiting, pipelines).await);
        turned
    }

    /// Stops a pipeline and starts it again from where it was, whatever became of it before.
    pub async fn restart(&mut self, name: &str) {
        let Some(running) = self.running.remove(name) else { return };
        let planned = Arc::clone(&running.planned);
        if let Some(error) = running.drain(false).await.error() {
            warn!(pipeline = %name, error = %error.chain(), "what was not stored is read again");
        }
        self.start(planned, self.others + self.running.len() + 1);
    }

    /// Asks every pipeline to drain, commit and stop for good.
    pub fn stop_all(&self) {
        self.running.values().for_each(|running| running.wish_stop(true));
    }

    /// The pipelines that were ever started and their numbers.
    pub fn statuses(&self) -> Vec<(String, Arc<Status>)> {
        self.statuses.iter().map(|(name, status)| (name.clone(), Arc::clone(status))).collect()
    }

    /// The status of a pipeline, whether or not it was ever started.
    pub fn status(&mut self, name: &str) -> Arc<Status> {
        Arc::clone(self.statuses.entry(name.to_owned()).or_default())
    }

    /// What runs by that name.
    pub fn planned(&self, name: &str) -> Option<&Arc<Planned>> {
        self.running.get(name).map(|running| &running.planned)
    }

    /// A pipeline that will not come back needs no numbers.
    pub fn forget(&mut self, name: &str) {
        if !self.running.contains_key(name) {
            self.statuses.remove(name);
        }
    }

    /// Waits until every pipeline has ended; answers how.
    pub async fn ended(self) -> Vec<(String, Result<()>)> {
        let mut outcomes = Vec::with_capacity(self.running.len());
        for (name, running) in self.running {
            outcomes.push((name, running.ended().await));
        }
        outcomes
    }

    /// A handle that can ask everything to stop while [`Topology::ended`] waits.
    pub fn stopper(&self) -> Stopper {
        Stopper::of(self.running.values())
    }

    /// The folder in which its pipelines keep what has no other place.
    pub fn data_dir(&self) -> Arc<Path> {
        Arc::clone(&self.host.data_dir)
    }

    /// Where a pipeline that does not run goes on.
    pub async fn offsets(&mut self, planned: &Arc<Planned>) -> Result<Vec<Offset>> {
        offsets::read(&self.blueprint(Arc::clone(planned), 1)).await
    }

    /// Moves a pipeline that does not run.
    pub async fn set_offsets(&mut self, planned: &Arc<Planned>, moves: &[Move]) -> Result<()> {
        offsets::set(&self.blueprint(Arc::clone(planned), 1), moves).await
    }

    /// Refuses where to move a pipeline that does not run would have no effect.
    pub async fn refuse_moves_in_vain(&mut self, planned: &Arc<Planned>) -> Result<()> {
        offsets::refuse_in_vain(&self.blueprint(Arc::clone(planned), 1)).await
    }

    fn start(&mut self, planned: Arc<Planned>, pipelines: usize) {
        let name = planned.spec.name.clone();
        let running = Running::start(self.blueprint(planned, pipelines), self.recovery.as_ref());
        self.running.insert(name, running);
    }

    fn blueprint(&mut self, planned: Arc<Planned>, pipelines: usize) -> Blueprint {
        Blueprint {
            registry: Arc::clone(&self.registry),
            host: self.host.clone(),
            status: self.status(&planned.spec.name),
            number: 0,
            sink_memory_bytes: share(self.host.memory_bytes, pipelines, &planned),
            planned,
        }
    }

    async fn stop_each(&mut self, names: &[String]) -> Vec<Turned> {
        let mut drains = JoinSet::new();
        for name in names {
            let running = self.running.remove(name).expect("the diff stops what runs");
            let name = name.clone();
            drains.spawn(async move { Turned::new(name, Change::Stop, running.drain(true).await.error()) });
        }
        drains.join_all().await
    }

    /// Changes what runs, all at once. One that broke over it starts again as it was.
    async fn adapt_each(&mut self, adapt: Vec<Arc<Planned>>, pipelines: usize) -> Vec<Turned> {
        let mut adapting = JoinSet::new();
        for after in adapt {
            let mut running = self.running.remove(&after.spec.name).expect("the diff adapts what runs");
            let before = self.blueprint(Arc::clone(&running.planned), pipelines);
            let (after, patience) = (self.blueprint(after, pipelines), self.patience);
            adapting.spawn(async move {
                let adapted = running.adapt_or_turn_back(after, before, patience).await;
                (running, adapted)
            });
        }
        let mut turned = Vec::new();
        for (running, adapted) in adapting.join_all().await {
            let (name, before) = (running.planned.spec.name.clone(), Arc::clone(&running.planned));
            if let Adapted::Broken(error) = &adapted {
                warn!(pipeline = %name, error = %error.chain(), "the change is put back");
                running.give_up().await;
                self.start(before, pipelines);
            } else {
                self.running.insert(name.clone(), running);
            }
            turned.push(Turned::new(name, Change::Adapt, adapted.refusal()));
        }
        turned
    }

    /// Drains what is to be replaced. One that still works and cannot drain in time has a reason to stay as it was; one that
    /// did not work has none: what it has not stored is read again.
    async fn drain_each(&mut self, replace: Vec<Arc<Planned>>) -> Vec<Replaced> {
        let mut drains = JoinSet::new();
        for after in replace {
            let running = self.running.remove(&after.spec.name).expect("the diff replaces what runs");
            drains.spawn(async move {
                let before = Arc::clone(&running.planned);
                let worked = running.works();
                let trouble = match running.drain(leaves(&before, &after)).await {
                    Drained::Overdue(error) if worked => Some(error),
                    Drained::Well => None,
                    drained => {
                        let error = drained.error().map(|error| error.chain()).unwrap_or_default();
                        warn!(pipeline = %after.spec.name, error, "what was not stored is read again");
                        None
                    }
                };
                Replaced { before, after, worked, trouble }
            });
        }
        drains.join_all().await
    }

    /// Waits until what was replaced has connected; puts back what it replaced otherwise.
    async fn settle_each(&mut self, waiting: Vec<(Arc<Planned>, String)>, pipelines: usize) -> Vec<Turned> {
        let mut settling = JoinSet::new();
        for (before, name) in waiting {
            let (status, patience) = (self.status(&name), self.patience);
            settling.spawn(async move { (before, name, connected(&status, patience).await) });
        }
        let mut turned = Vec::new();
        for (before, name, connected) in settling.join_all().await {
            if let Err(error) = &connected {
                warn!(pipeline = %name, error = %error.chain(), "the change is put back");
                let running = self.running.remove(&name).expect("it was started");
                running.give_up().await; // it never ran, so it has nothing to lose
                self.start(before, pipelines);
            }
            turned.push(Turned::new(name, Change::Replace, connected.err()));
        }
        turned
    }
}

/// A pipeline that makes room for what it is to be, unless there is trouble.
struct Replaced {
    before: Arc<Planned>,
    after: Arc<Planned>,
    /// Whether it had connected, and waited for nobody.
    worked: bool,
    trouble: Option<Error>,
}

/// Whether brokers are better told that the copies which ran before do not come back: they would wait for them.
fn leaves(before: &Planned, after: &Planned) -> bool {
    after.tasks < before.tasks || after.spec.source != before.spec.source
}

/// Waits until all components of a pipeline that was just started have connected.
async fn connected(status: &Status, patience: Duration) -> Result<()> {
    let mut conditions: watch::Receiver<_> = status.watch();
    let settled = conditions.wait_for(|condition| {
        matches!(condition.state, State::Running | State::Ended | State::Recovering | State::Failed)
    });
    let Ok(condition) = tokio::time::timeout(patience, settled).await else {
        return Err(status.not_connected_within(patience));
    };
    let condition = condition.expect("the status outlives who watches it").clone();
    match condition.state {
        State::Running | State::Ended => Ok(()),
        _ => Err(Error::refused(condition.reason.unwrap_or_default())),
    }
}

/// A quarter of the budget, in equal shares, for the buffers of every sink of every task. A lake takes about twice its
/// share while it encodes; the rest of the budget is for clients' queues and batches on their way.
fn share(budget: u64, pipelines: usize, planned: &Planned) -> u64 {
    let spec = &planned.spec;
    let sinks = spec.sinks.len() + usize::from(spec.dead_letters.is_some());
    let shares = pipelines as u64 * u64::from(planned.tasks) * sinks as u64;
    (budget / 4 / shares.max(1)).max(SINK_MEMORY_MIN)
}
