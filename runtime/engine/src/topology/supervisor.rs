//! Runs the tasks of one pipeline; after a failure begins again, where that is wanted.

use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tracing::{Instrument, error, info_span, warn};

use crate::backoff::Backoff;
use crate::blueprint::Blueprint;
use crate::plan::Planned;
use crate::spec::Retry;
use crate::status::{State, Status};
use crate::task::{Task, Wish, stop_wished};

/// A pipeline that has run this long after a failure has recovered from it.
const STEADY: Duration = Duration::from_secs(60);

/// What looks after one pipeline.
pub(super) struct Supervisor {
    blueprint: Blueprint,
    wishes: watch::Receiver<Wish>,
    backoff: Option<Backoff>,
}

impl Supervisor {
    /// Without `recovery` the first failure is the last.
    pub(super) fn new(blueprint: Blueprint, wishes: watch::Receiver<Wish>, recovery: Option<&Retry>) -> Supervisor {
        let backoff = recovery.map(|retry| Backoff::new(retry, blueprint.random()));
        blueprint.status().starting(components(&blueprint.planned));
        Supervisor { blueprint, wishes, backoff }
    }

    /// Until the source has ended, a stop is wished, or a failure is final.
    pub(super) async fn run(mut self) -> Result<()> {
        loop {
            let Err(failure) = self.attempt().await else {
                let state = if self.is_stopping() { State::Stopped } else { State::Ended };
                self.status().settled(state);
                return Ok(());
            };
            if self.is_stopping() {
                self.status().settled(State::Stopped);
                return Err(failure);
            }
            let Some(delay) = self.backoff.as_mut().and_then(Backoff::failed) else {
                self.status().failed(failure.chain(), None);
                return Err(failure);
            };
            if self.is_stopped_within(delay, &failure).await {
                self.status().settled(State::Stopped);
                return Ok(());
            }
            self.status().starting(components(&self.blueprint.planned));
        }
    }

    /// Runs all tasks; when one fails, the others stop.
    async fn attempt(&mut self) -> Result<()> {
        let (wish, wishes) = watch::channel(self.wanted());
        let mut tasks = self.tasks(&wishes)?;
        let (mut outcome, mut is_steady, steady_at) = (Ok(()), false, Instant::now() + STEADY);
        loop {
            tokio::select! {
                ended = tasks.join_next() => {
                    let Some(ended) = ended else { return outcome };
                    let ended = ended.unwrap_or_else(|panic| Err(Error::bug("a task panicked").because(panic)));
                    if let Err(failure) = ended && outcome.is_ok() {
                        error!(error = %failure.chain(), "pipeline failed");
                        let _ = wish.send(stop(&self.blueprint.planned, true)); // tasks that have all ended need none
                        outcome = Err(failure);
                    }
                }
                Ok(()) = self.wishes.changed(), if outcome.is_ok() => {
                    let wanted = self.wanted();
                    self.answer_for_others(&wanted, tasks.len());
                    let _ = wish.send(wanted);
                }
                () = sleep_until(steady_at.into()), if !is_steady && outcome.is_ok() => {
                    is_steady = true;
                    self.recovered();
                }
            }
        }
    }

    /// What is wanted now. Tasks that begin again begin as the last order says.
    fn wanted(&mut self) -> Wish {
        let wanted = self.wishes.borrow_and_update().clone();
        if let Wish::Run(order) = &wanted {
            self.blueprint = order.blueprint.clone();
        }
        wanted
    }

    /// Tasks that have ended have nothing to change.
    fn answer_for_others(&self, wanted: &Wish, running: usize) {
        if let Wish::Run(order) = wanted {
            (running..usize::from(self.blueprint.planned.tasks)).for_each(|_| order.answer(Ok(())));
        }
    }

    fn tasks(&self, wishes: &watch::Receiver<Wish>) -> Result<JoinSet<Result<()>>> {
        let mut tasks = JoinSet::new();
        for number in 0..self.blueprint.planned.tasks {
            let task = Task::new(Blueprint { number, ..self.blueprint.clone() }, wishes.clone())?;
            tasks.spawn(task.run().instrument(info_span!("task", number)));
        }
        Ok(tasks)
    }

    /// Waits before the next attempt; answers whether a stop came first.
    async fn is_stopped_within(&mut self, delay: Duration, failure: &Error) -> bool {
        let delay_ms = delay.as_millis() as u64;
        let next_try = self.blueprint.host.clock.now_micros() + delay.as_micros() as i64;
        self.status().failed(failure.chain(), Some(next_try));
        warn!(attempts = self.status().condition().attempts, delay_ms, "pipeline will be tried again");
        tokio::select! {
            () = sleep(delay) => false,
            _ = stop_wished(&mut self.wishes) => true,
        }
    }

    fn recovered(&mut self) {
        self.backoff.iter_mut().for_each(Backoff::worked);
        self.status().recovered();
    }

    fn is_stopping(&self) -> bool {
        matches!(*self.wishes.borrow(), Wish::Stop { .. })
    }

    fn status(&self) -> &Status {
        self.blueprint.status()
    }
}

/// The wish to drain within the pipeline's time.
pub(super) fn stop(planned: &Planned, leave: bool) -> Wish {
    Wish::Stop { leave, deadline: Instant::now() + planned.spec.settings.drain_timeout.get() }
}

/// How many components connect: each task has a source and its sinks.
fn components(planned: &Planned) -> usize {
    let sinks = planned.spec.sinks.len() + usize::from(planned.spec.dead_letters.is_some());
    usize::from(planned.tasks) * (1 + sinks)
}
