//! One running pipeline, from outside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{Instrument, info, info_span};

use super::supervisor::{Supervisor, stop};
use crate::blueprint::Blueprint;
use crate::plan::Planned;
use crate::spec::Retry;
use crate::status::{State, Status};
use crate::task::{Order, Wish};

/// A pipeline that was started.
pub(super) struct Running {
    pub(super) planned: Arc<Planned>,
    status: Arc<Status>,
    wish: watch::Sender<Wish>,
    tasks: JoinHandle<Result<()>>,
}

/// How a change of what runs went.
pub(super) enum Adapted {
    /// It is what it was to become.
    Well,
    /// Some of its tasks refused, and stayed as they were.
    Refused(Error),
    /// It failed, or did not say anything in time.
    Broken(Error),
}

/// How a drain went.
pub(super) enum Drained {
    /// All that was read is stored and committed.
    Well,
    /// It took longer than it may; what was not stored was abandoned.
    Overdue(Error),
    /// It failed while it drained.
    Failed(Error),
}

impl Running {
    pub(super) fn start(blueprint: Blueprint, recovery: Option<&Retry>) -> Running {
        // Nobody waits for what it answers: it begins as what it is ordered to be.
        let (order, _) = Order::new(blueprint.clone(), Duration::ZERO);
        let (wish, wishes) = watch::channel(Wish::Run(order));
        let (planned, status) = (Arc::clone(&blueprint.planned), Arc::clone(&blueprint.status));
        let name = &planned.spec.name;
        info!(pipeline = %name, tasks = planned.tasks, "starting");
        let span = info_span!("pipeline", %name);
        let tasks = tokio::spawn(Supervisor::new(blueprint, wishes, recovery).run().instrument(span));
        Running { planned, status, wish, tasks }
    }

    /// Whether it has connected, and waits for nobody.
    pub(super) fn works(&self) -> bool {
        self.status.condition().state == State::Running && self.status.troubles().is_empty()
    }

    pub(super) fn wish_stop(&self, leave: bool) {
        wish_stop(&self.wish, &self.planned, leave);
    }

    /// Stops it, within its own time.
    pub(super) async fn drain(self, leave: bool) -> Drained {
        let deadline = Instant::now() + self.planned.spec.settings.drain_timeout.get();
        if !self.tasks.is_finished() {
            self.status.stopping();
        }
        self.wish_stop(leave);
        match self.ended().await {
            Ok(()) => Drained::Well,
            Err(error) if Instant::now() >= deadline => Drained::Overdue(error),
            Err(error) => Drained::Failed(error),
        }
    }

    /// Makes it another while it runs; where one of its tasks refuses, the others turn back.
    pub(super) async fn adapt_or_turn_back(
        &mut self,
        after: Blueprint,
        before: Blueprint,
        patience: Duration,
    ) -> Adapted {
        match self.adapt(after, patience).await {
            Adapted::Refused(error) => match self.adapt(before, patience).await {
                Adapted::Well => Adapted::Refused(error),
                _ => Adapted::Broken(error),
            },
            adapted => adapted,
        }
    }

    /// Makes it another while it runs. Sinks that are new may take so long to connect.
    async fn adapt(&mut self, after: Blueprint, patience: Duration) -> Adapted {
        let (planned, before) = (Arc::clone(&after.planned), &self.planned.spec.settings);
        let limit = before.drain_timeout.get() + 3 * patience;
        let (order, answers) = Order::new(after, patience);
        let _ = self.wish.send(Wish::Run(order)); // what has ended is told of by its condition
        let adapted = tokio::select! {
            biased;
            adapted = answered(answers, planned.tasks) => adapted,
            adapted = self.broken() => adapted,
            () = sleep(limit) => Adapted::Broken(self.status.not_connected_within(limit)),
        };
        if let Adapted::Well = adapted {
            self.planned = planned;
        }
        adapted
    }

    /// Waits until it no longer runs.
    async fn broken(&self) -> Adapted {
        let mut conditions = self.status.watch();
        let condition = conditions.wait_for(|condition| condition.state != State::Running).await;
        let condition = condition.expect("the status outlives who watches it").clone();
        match condition.state {
            State::Ended => Adapted::Well,
            _ => Adapted::Broken(Error::refused(condition.reason.unwrap_or_else(|| "it is being stopped".to_owned()))),
        }
    }

    /// Stops it where it stands.
    pub(super) async fn give_up(self) {
        let _ = self.wish.send(Wish::Stop { leave: false, deadline: Instant::now() }); // one that has ended is gone
        let _ = self.ended().await; // why it did not work is known
    }

    pub(super) async fn ended(self) -> Result<()> {
        self.tasks.await.unwrap_or_else(|panic| Err(Error::bug("a pipeline's supervisor died").because(panic)))
    }
}

/// Waits until each task has answered.
async fn answered(mut answers: mpsc::Receiver<Result<()>>, tasks: u16) -> Adapted {
    let mut refused = None;
    for _ in 0..tasks {
        let answer = answers.recv().await;
        refused = refused.or(answer.and_then(Result::err));
    }
    refused.map_or(Adapted::Well, Adapted::Refused)
}

impl Adapted {
    pub(super) fn refusal(self) -> Option<Error> {
        match self {
            Adapted::Well => None,
            Adapted::Refused(error) | Adapted::Broken(error) => Some(error),
        }
    }
}

impl Drained {
    pub(super) fn error(self) -> Option<Error> {
        match self {
            Drained::Well => None,
            Drained::Overdue(error) | Drained::Failed(error) => Some(error),
        }
    }
}

/// Asks all pipelines of a topology to stop.
pub struct Stopper(Vec<(watch::Sender<Wish>, Arc<Planned>)>);

impl Stopper {
    pub(super) fn of<'a>(running: impl Iterator<Item = &'a Running>) -> Stopper {
        Stopper(running.map(|running| (running.wish.clone(), Arc::clone(&running.planned))).collect())
    }

    /// Drain, commit and stop for good.
    pub fn stop(&self) {
        self.0.iter().for_each(|(wish, planned)| wish_stop(wish, planned, true));
    }
}

fn wish_stop(wish: &watch::Sender<Wish>, planned: &Planned, leave: bool) {
    let _ = wish.send(stop(planned, leave)); // a pipeline that has ended wishes for nothing
}
