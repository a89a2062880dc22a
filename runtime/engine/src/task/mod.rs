//! One running copy of a pipeline: reads, transforms, hands to the sinks, and commits what is durable.
//!
//! Everything a task does happens in one loop: a report of a sink, a tick of the clock, the next of the source. Errors
//! come out of that loop and meet in one place, [`Task::recover`], where their kind decides.
//!
//! Barriers travel with the data. When all sinks, and then the dead letters, are durable through a barrier, its positions
//! are committed upstream. (Invariant 1)

mod ahead;
mod barriers;
mod branch;
mod change;
mod checkpoint;
mod flow;
mod handover;
mod intake;
mod letters;
mod load;
mod outlet;
mod owned;
mod pace;
mod router;
mod stages;
mod upstream;
mod waiting;
mod wish;

use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::source::{Assignment, Polled};
use catchwater_sdk::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, sleep};
use tracing::{info, warn};

use self::ahead::{Ahead, connected};
use self::branch::Branch;
pub(crate) use self::branch::{Driver, Report};
use self::checkpoint::Checkpoints;
use self::flow::Flow;
use self::handover::{Handover, due};
use self::letters::Letters;
use self::outlet::report;
use self::owned::Owned;
use self::pace::Pace;
pub(crate) use self::router::{Routed, Router};
pub(crate) use self::stages::{Stage, Stages, StepRejected};
pub(crate) use self::upstream::Upstream;
use self::waiting::hand_on;
pub(crate) use self::wish::{Order, Wish, stop_wished};

use crate::backoff::Backoff;
use crate::blueprint::Blueprint;
use crate::plan::Planned;
use crate::states::States;

/// A running copy of a pipeline.
pub(crate) struct Task {
    blueprint: Blueprint,
    upstream: Upstream,
    stages: Stages,
    router: Router,
    branches: Vec<Branch>,
    dead_letters: Option<Branch>,
    /// How many branches were ever started: the number of the next.
    branches_started: usize,
    reporter: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
    checkpoints: Checkpoints,
    states: States,
    owned: Owned,
    wish: watch::Receiver<Wish>,
    /// What was last ordered.
    heard: Arc<Planned>,
    ahead: Option<Ahead>,
    handover: Option<Handover>,
    /// What is ordered is obeyed at a full stop, that long at the most: the handover was disturbed.
    full_stop: Option<Instant>,
    backoff: Backoff,
    letters: Letters,
    /// Partitions that are ours and not yet started.
    pending: Option<Vec<Assignment>>,
    pace: Pace,
    ticks: Interval,
    flow: Flow,
    read: u64,
    emitted: u64,
}

/// Whether a task goes on.
enum Next {
    Step,
    Done,
}

impl Task {
    /// A task over freshly built components; nothing is touched yet.
    pub(crate) fn new(blueprint: Blueprint, wish: watch::Receiver<Wish>) -> Result<Task> {
        let source = blueprint.build_source()?;
        let upstream = Upstream::new(source);
        let (stages, parts) = (Stages::new(blueprint.build_stages()?), blueprint.build_sinks()?);
        let sinks: Vec<_> = parts.iter().map(|part| part.sink.traits()).collect();
        let pace = Pace::new(upstream.traits(), &sinks, blueprint.checkpoint_interval());
        let letters = blueprint.has_dead_letters();
        let (reporter, reports) = outlet::reports();
        let mut task = Task {
            checkpoints: Checkpoints::new(parts.len() - usize::from(letters), letters),
            states: States::new(blueprint.states()),
            upstream,
            router: blueprint.router(),
            branches: Vec::new(),
            dead_letters: None,
            branches_started: 0,
            reporter,
            reports,
            owned: Owned::default(),
            wish,
            heard: Arc::clone(&blueprint.planned),
            ahead: None,
            handover: None,
            full_stop: None,
            backoff: Backoff::new(blueprint.retry(), blueprint.random()),
            letters: Letters::default(),
            pending: None,
            ticks: pace.ticks(),
            pace,
            flow: Flow::new(&stages),
            stages,
            read: 0,
            emitted: 0,
            blueprint,
        };
        task.start_branches(parts);
        Ok(task)
    }

    /// Runs until the source ends, a stop is wished, or an error that nothing but the operator can mend.
    pub(crate) async fn run(mut self) -> Result<()> {
        let ended = self.drive().await;
        let leave = !matches!(*self.wish.borrow(), Wish::Stop { leave: false, .. });
        for branch in self.branches.drain(..).chain(self.dead_letters.take()) {
            match ended {
                Ok(()) => branch.close().await,
                Err(_) => branch.abandon().await,
            }
        }
        if ended.is_ok() {
            self.answer_unheard();
        }
        let closed = self.upstream.close(leave).await;
        self.blueprint.status().set_lag(self.blueprint.number(), None);
        match ended {
            Err(error) if error.kind() == ErrorKind::Ended => {
                info!("stopped: {}", error.chain());
                closed
            }
            ended => ended.and(closed),
        }
    }

    async fn drive(&mut self) -> Result<()> {
        self.open_source().await?;
        loop {
            let step = match self.step().await {
                Ok(Next::Step) => self.advance(true).await.map(drop),
                Ok(Next::Done) => return Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                self.recover(error).await?;
            }
        }
    }

    async fn step(&mut self) -> Result<Next> {
        if self.is_stopping() {
            return self.finish().await;
        }
        if self.pending.is_some() {
            return self.assign().await.map(|()| Next::Step);
        }
        if let Some(order) = self.order().filter(|order| !self.is_preparing(order)) {
            return self.obey(order).await.map(|()| Next::Step);
        }
        let next_at = self.flow.next_at(Instant::now());
        let has_room = self.branches.iter().all(|branch| branch.waiting.has_room());
        let laden = self.branches.iter().find(|branch| branch.is_laden()).map(|branch| branch.load.clone());
        let may_read = next_at.is_none() && has_room && laden.is_none() && !self.letters.are_many();
        tokio::select! {
            biased;
            Ok(()) = self.wish.changed() => Ok(Next::Step),
            Some(report) = self.reports.recv() => self.note(report).map(|()| Next::Step),
            connected = connected(&mut self.ahead) => self.go_ahead(connected).await.map(|()| Next::Step),
            came = due(&mut self.handover, &self.checkpoints) => self.go_on(came).await.map(|()| Next::Step),
            _ = self.ticks.tick() => self.tick().await.map(|()| Next::Step),
            () = hand_on(&mut self.branches) => Ok(Next::Step),
            () = flow::pause(next_at), if next_at.is_some() => Ok(Next::Step),
            () = load::room(&laden), if laden.is_some() => Ok(Next::Step),
            polled = self.upstream.poll(self.flow.limit()), if may_read => match polled {
                Ok(Polled::End) => self.finish().await,
                polled => self.polled(polled).await.map(|()| Next::Step),
            },
        }
    }

    /// The one place where an error's kind decides what happens.
    async fn recover(&mut self, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::Unavailable => {
                self.wait(error).await?;
                self.open_source().await
            }
            ErrorKind::Stale => {
                warn!(error = %error.chain(), "what is not durable was abandoned, reading goes on from what is stored");
                self.wait(error).await?;
                self.abandon().await
            }
            _ => Err(error),
        }
    }

    /// Waits before the source's next attempt; sinks go on meanwhile.
    async fn wait(&mut self, error: Error) -> Result<()> {
        let attempt = self.backoff.attempts() + 1;
        let Some(delay) = self.backoff.failed() else {
            return Err(Error::refused(format!("gave up after {attempt} attempts")).because(error));
        };
        let source = self.blueprint.source_step();
        let delay_ms = delay.as_millis() as u64;
        warn!(source = %source, attempt, delay_ms, error = %error.chain(), "source unavailable, will retry");
        self.blueprint.status().set_trouble(&source, Some(error.chain()));
        let until = sleep(delay);
        tokio::pin!(until);
        loop {
            tokio::select! {
                _ = &mut until => return Ok(()),
                _ = stop_wished(&mut self.wish) => return Ok(()),
                Some(report) = report(&mut self.reports, &mut self.branches) => self.note(report)?,
            }
        }
    }

    async fn open_source(&mut self) -> Result<()> {
        loop {
            let opened = self.upstream.open(self.blueprint.data_dir(), self.blueprint.pipeline()).await;
            match opened {
                Err(error) if error.kind() == ErrorKind::Unavailable && !self.is_stopping() => self.wait(error).await?,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.blueprint.status().opened(self.blueprint.number(), &self.blueprint.source_step());
                    return Ok(());
                }
            }
        }
    }

    fn is_stopping(&self) -> bool {
        matches!(*self.wish.borrow(), Wish::Stop { .. })
    }
}
