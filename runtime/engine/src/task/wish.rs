//! What the one who runs a task wants of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};

use crate::blueprint::Blueprint;

/// How often it is looked whether sinks wait.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What the one who runs a task wants of it.
#[derive(Clone)]
pub(crate) enum Wish {
    /// Go on until the source ends; become what the order says, where it is another than before.
    Run(Arc<Order>),
    /// Drain, commit, stop.
    Stop {
        /// No copy comes back soon: others may take over at once.
        leave: bool,
        /// What is not durable by then is abandoned.
        deadline: Instant,
    },
}

/// What a pipeline should be. Each of its tasks answers an order that came while it ran.
pub(crate) struct Order {
    pub(crate) blueprint: Blueprint,
    /// How long sinks that are new may take to connect.
    pub(super) patience: Duration,
    answers: mpsc::Sender<Result<()>>,
}

// === impl Order ===

impl Order {
    /// An order, and what its tasks answer: that they are as it says, or why they stayed as they were.
    pub(crate) fn new(blueprint: Blueprint, patience: Duration) -> (Arc<Order>, mpsc::Receiver<Result<()>>) {
        let (answers, receiver) = mpsc::channel(usize::from(blueprint.planned.tasks));
        (Arc::new(Order { blueprint, patience, answers }), receiver)
    }

    pub(crate) fn answer(&self, answer: Result<()>) {
        let _ = self.answers.try_send(answer); // there is room for each task's, and who does not wait needs none
    }
}

/// Waits for a stop to be wished; answers its deadline.
pub(crate) async fn stop_wished(wish: &mut watch::Receiver<Wish>) -> Instant {
    loop {
        if let Wish::Stop { deadline, .. } = *wish.borrow_and_update() {
            return deadline;
        }
        if wish.changed().await.is_err() {
            // Nobody is left to wish anything.
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until a wished stop has taken too long.
pub(super) async fn overdue(wish: &mut watch::Receiver<Wish>) -> Error {
    let deadline = stop_wished(wish).await;
    sleep_until(deadline.into()).await;
    Error::refused("the sinks were not done before `drain_timeout`; nothing is lost, what is not stored is read again")
}

/// Waits for the same; or where sinks were given nothing, until one of them waits for a system that is away. One that is still
/// connecting, or brings in what a crash left, has the time of any stop.
pub(super) async fn given_up(wish: &mut watch::Receiver<Wish>, is_unread: bool, blueprint: &Blueprint) -> Error {
    stop_wished(wish).await;
    tokio::select! {
        error = overdue(wish) => error,
        () = a_sink_waits(blueprint), if is_unread => Error::ended("nothing was under way"),
    }
}

async fn a_sink_waits(blueprint: &Blueprint) {
    let source = blueprint.source_step();
    while blueprint.status().troubles().iter().all(|(component, _)| **component == *source) {
        sleep(LOOK_AGAIN).await;
    }
}
