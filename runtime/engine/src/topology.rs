//! What runs: pipelines, each of one or several tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::{Error, Registry, Result};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{Instrument, error, info, info_span};

use crate::blueprint::Blueprint;
pub use crate::blueprint::Host;
use crate::diff::{Changes, diff};
use crate::plan::{Plan, Planned};
use crate::status::Status;
use crate::task::{Task, Wish};

/// The least that a sink is given, whatever the budget.
const SINK_MEMORY_MIN: u64 = 8 << 20;

/// The running pipelines of a process.
pub struct Topology {
    registry: Arc<Registry>,
    host: Host,
    running: BTreeMap<String, Running>,
}

struct Running {
    planned: Arc<Planned>,
    status: Arc<Status>,
    wish: watch::Sender<Wish>,
    tasks: JoinHandle<Result<()>>,
}

impl Topology {
    /// One in which nothing runs.
    pub fn new(registry: Arc<Registry>, host: Host) -> Topology {
        Topology { registry, host, running: BTreeMap::new() }
    }

    /// Makes what runs what should run; pipelines that are the same in both are not touched. (Invariant 7)
    pub async fn apply(&mut self, plan: &Plan) -> Result<()> {
        let running = self.running.iter().map(|(name, running)| (name.clone(), Arc::clone(&running.planned))).collect();
        let Changes { stop, replace, start } = diff(&running, plan);
        let leaving = stop.iter().map(|name| (name.as_str(), true));
        let coming_back = replace.iter().map(|planned| (planned.spec.name.as_str(), false));
        for (name, leave) in leaving.chain(coming_back) {
            self.stop(name, leave).await?;
        }
        let pipelines = self.running.len() + replace.len() + start.len();
        for planned in replace.into_iter().chain(start) {
            self.start(planned, pipelines);
        }
        Ok(())
    }

    fn start(&mut self, planned: Arc<Planned>, pipelines: usize) {
        let name = planned.spec.name.clone();
        let (wish, wishes) = watch::channel(Wish::Run);
        let status = Arc::new(Status::default());
        let blueprint = Blueprint {
            registry: Arc::clone(&self.registry),
            host: self.host.clone(),
            status: Arc::clone(&status),
            number: 0,
            sink_memory_bytes: share(self.host.memory_bytes, pipelines, &planned),
            planned: Arc::clone(&planned),
        };
        info!(pipeline = %name, tasks = planned.tasks, "starting");
        let span = info_span!("pipeline", %name);
        let tasks = tokio::spawn(supervise(blueprint, wish.clone(), wishes).instrument(span));
        self.running.insert(name, Running { planned, status, wish, tasks });
    }

    async fn stop(&mut self, name: &str, leave: bool) -> Result<()> {
        let Some(running) = self.running.remove(name) else { return Ok(()) };
        running.wish_stop(leave);
        running.tasks.await.unwrap_or_else(|panic| Err(Error::bug("a pipeline's supervisor died").because(panic)))
    }

    /// Asks every pipeline to drain, commit and stop for good.
    pub fn stop_all(&self) {
        self.running.values().for_each(|running| running.wish_stop(true));
    }

    /// The pipelines and their numbers.
    pub fn statuses(&self) -> Vec<(String, Arc<Status>)> {
        self.running.iter().map(|(name, running)| (name.clone(), Arc::clone(&running.status))).collect()
    }

    /// Waits until every pipeline has ended; answers how.
    pub async fn ended(self) -> Vec<(String, Result<()>)> {
        let mut outcomes = Vec::with_capacity(self.running.len());
        for (name, running) in self.running {
            let ended = running.tasks.await;
            let outcome = ended.unwrap_or_else(|panic| Err(Error::bug("a pipeline's supervisor died").because(panic)));
            outcomes.push((name, outcome));
        }
        outcomes
    }

    /// A handle that can ask everything to stop while [`Topology::ended`] waits.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.running.values().map(|running| (running.wish.clone(), Arc::clone(&running.planned))).collect())
    }
}

/// Asks all pipelines of a topology to stop.
pub struct Stopper(Vec<(watch::Sender<Wish>, Arc<Planned>)>);

impl Stopper {
    /// Drain, commit and stop for good.
    pub fn stop(&self) {
        self.0.iter().for_each(|(wish, planned)| wish_stop(wish, planned, true));
    }
}

impl Running {
    fn wish_stop(&self, leave: bool) {
        wish_stop(&self.wish, &self.planned, leave);
    }
}

fn wish_stop(wish: &watch::Sender<Wish>, planned: &Planned, leave: bool) {
    let deadline = Instant::now() + planned.spec.settings.drain_timeout.get();
    let _ = wish.send(Wish::Stop { leave, deadline }); // a pipeline that has ended wishes for nothing
}

/// A quarter of the budget, in equal shares, for the buffers of every sink of every task. A lake takes about twice its
/// share while it encodes; the rest of the budget is for clients' queues and batches on their way.
fn share(budget: u64, pipelines: usize, planned: &Planned) -> u64 {
    let spec = &planned.spec;
    let sinks = spec.sinks.len() + usize::from(spec.dead_letters.is_some());
    let shares = pipelines as u64 * u64::from(planned.tasks) * sinks as u64;
    (budget / 4 / shares.max(1)).max(SINK_MEMORY_MIN)
}

/// Runs the tasks of one pipeline; when one fails, the others stop.
async fn supervise(blueprint: Blueprint, wish: watch::Sender<Wish>, wishes: watch::Receiver<Wish>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..blueprint.planned.tasks {
        let task = Task::new(Blueprint { number, ..blueprint.clone() }, wishes.clone())?;
        let span = info_span!("task", number);
        tasks.spawn(task.run().instrument(span));
    }
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|panic| Err(Error::bug("a task panicked").because(panic)));
        if let Err(failure) = ended
            && outcome.is_ok()
        {
            error!(error = %failure.chain(), "pipeline failed");
            wish_stop(&wish, &blueprint.planned, true);
            outcome = Err(failure);
        }
    }
    outcome
}
