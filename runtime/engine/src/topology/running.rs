//! One running pipeline, from outside.

use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument, info, info_span};

use super::supervisor::{Supervisor, stop};
use crate::blueprint::Blueprint;
use crate::plan::Planned;
use crate::spec::Retry;
use crate::status::{State, Status};
use crate::task::Wish;

/// A pipeline that was started.
pub(super) struct Running {
    pub(super) planned: Arc<Planned>,
    status: Arc<Status>,
    wish: watch::Sender<Wish>,
    tasks: JoinHandle<Result<()>>,
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
        let (wish, wishes) = watch::channel(Wish::Run);
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

    pub(super) async fn ended(self) -> Result<()> {
        self.tasks.await.unwrap_or_else(|panic| Err(Error::bug("a pipeline's supervisor died").because(panic)))
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
