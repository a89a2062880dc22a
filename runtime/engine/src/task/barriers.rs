//! Barriers on their way, up to the last one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{BarrierKind, Error, ErrorKind, Positions, Result};
use tokio::time::{sleep, sleep_until};
use tracing::info;

use super::branch::Item;
use super::outlet::report;
use super::wish::{given_up, overdue};
use super::{Next, Task};

/// How often a drain asks sinks again that answered an earlier barrier.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How long the last commit is tried.
const COMMIT_LAST: Duration = Duration::from_secs(10);
/// As good as no limit.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Task {
    pub(super) async fn tick(&mut self) -> Result<()> {
        let status = self.blueprint.status();
        status.set_lag(self.blueprint.number(), self.upstream.lag());
        if !self.has_room() {
            return Ok(());
        }
        match self.pace.due(self.blueprint.idle(), self.checkpoints.all_answered()) {
            Some(kind) => self.send_barrier(kind, false).await,
            None => Ok(()),
        }
    }

    pub(super) async fn send_barrier(&mut self, kind: BarrierKind, last: bool) -> Result<()> {
        self.check_balance()?;
        if kind == BarrierKind::Cut {
            self.confirm().await?;
        }
        let positions = Arc::new(self.owned.read().clone());
        let barrier = self.checkpoints.issue(kind, positions, last);
        self.states.note(barrier.number, self.stages.remembered());
        self.pace.sent(kind);
        for branch in 0..self.branches.len() {
            self.deliver(branch, Item::Barrier(barrier.clone())).await?;
        }
        Ok(())
    }

    /// Invariant 3
    pub(super) fn check_balance(&self) -> Result<()> {
        self.stages.check_balance(self.read, self.emitted)?;
        self.router.check_balance(self.emitted)
    }

    /// Begins a new balance, among the sinks that there are now.
    pub(super) fn count_anew(&mut self) {
        self.stages.count_anew();
        (self.read, self.emitted) = (0, 0);
        self.router = self.blueprint.router();
    }

    /// Whether what was read may be stored under its positions. Nothing is read or sent while the source finds out.
    async fn confirm(&mut self) -> Result<()> {
        tokio::select! {
            biased;
            confirmed = self.upstream.confirm() => confirmed,
            error = overdue(&mut self.wish) => Err(error),
        }
    }

    /// Waits until everything read so far is durable everywhere; answers its positions, or `None` when time ran out.
    pub(super) async fn drain(&mut self, until: Option<Instant>, commit: bool) -> Result<Option<Positions>> {
        self.advance(commit).await?;
        self.send_barrier(BarrierKind::Cut, true).await?;
        let wanted = self.owned.read().clone();
        let until = until.unwrap_or_else(forever);
        loop {
            if let Some(complete) = self.advance(commit).await?
                && *complete.positions == wanted
            {
                return Ok(Some(wanted));
            }
            tokio::select! {
                Some(report) = report(&mut self.reports, &mut self.branches) => self.note(report)?,
                error = given_up(&mut self.wish, self.owned.is_unread(), &self.blueprint) => return Err(error),
                _ = sleep_until(until.into()) => return Ok(None),
                _ = sleep(ASK_AGAIN), if self.checkpoints.all_answered() => self.send_barrier(BarrierKind::Cut, true).await?,
            }
        }
    }

    /// The end of the stream or of the task: what was read becomes durable and is committed.
    pub(super) async fn finish(&mut self) -> Result<Next> {
        let drained = match self.see_through(forever()).await {
            Ok(_) => self.drain(None, true).await,
            Err(error) => Err(error),
        };
        match drained {
            Ok(positions) => self.commit_last(&positions.unwrap_or_default()).await,
            // Fenced while stopping: whoever was faster has stored it, or reads it. What cannot be confirmed is read again.
            Err(error) if left_to_the_next(&error) && self.is_stopping() => {
                info!(error = %error.chain(), "what is not durable is left to the next owner");
            }
            Err(error) => return Err(error),
        }
        Ok(Next::Done)
    }

    /// Tries for a while: a sink that stores no positions would otherwise be sent the same records again.
    pub(super) async fn commit_last(&mut self, positions: &Positions) {
        let until = Instant::now() + COMMIT_LAST;
        loop {
            let left = self.owned.to_commit(positions);
            if left.is_empty() || Instant::now() >= until {
                return;
            }
            self.commit(left).await;
            sleep(ASK_AGAIN).await;
        }
    }
}

/// When nobody waits any more.
pub(super) fn forever() -> Instant {
    Instant::now() + FOREVER
}

/// Whether a drain that failed like this is no failure of the task: what is not durable is read again by whoever is next.
pub(super) fn left_to_the_next(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Stale | ErrorKind::Unavailable)
}
