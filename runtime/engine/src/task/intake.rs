//! What comes from the source: records, and partitions that come and go.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use catchwater_sdk::sink::Rejected;
use catchwater_sdk::source::{Assignment, Polled};
use catchwater_sdk::{Batch, Error, Partition, Positions, Result};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::Task;
use super::barriers::{forever, left_to_the_next};
use super::branch::Item;
use super::outlet::{report, reports};
use super::owned::Owned;
use super::router::Routed;
use super::stages::{Stages, StepRejected, failure};
use super::wish::given_up;
use crate::spec::OnError;

impl Task {
    pub(super) async fn polled(&mut self, polled: Result<Polled>) -> Result<()> {
        let polled = polled?;
        if self.backoff.attempts() > 0 {
            self.backoff.worked();
            self.blueprint.status().set_trouble(&self.blueprint.source_step(), None);
        }
        match polled {
            Polled::Records(batch) => self.take(batch).await,
            Polled::Assigned(assignments) => {
                self.pending = Some(assignments);
                self.see_through(forever()).await.map(drop)
            }
            Polled::Revoking(partitions, deadline) => self.revoking(&partitions, deadline).await,
            Polled::Lost(partitions) => self.lost(&partitions).await,
            Polled::End => Err(Error::bug("the end of a source is for its loop")),
        }
    }

    pub(super) async fn take(&mut self, batch: Batch) -> Result<()> {
        batch.set_format(self.blueprint.format());
        let positions = batch.positions();
        self.count(&batch);
        let mut rejected = Vec::new();
        let batch = self.split_rejected(batch, &mut rejected)?;
        let records = batch.len();
        self.read += records as u64;
        let batches = self.stages.apply(batch, &mut rejected)?;
        self.blueprint.status().dropped.fetch_add(self.stages.take_dropped(), Relaxed);
        self.add_letters(self.checkpoints.next(), rejected);
        for batch in batches {
            self.emitted += batch.len() as u64;
            let Routed { to, dropped, rejected } = self.router.route(&batch);
            self.blueprint.status().dropped.fetch_add(dropped, Relaxed);
            self.add_letters(self.checkpoints.next(), rejected);
            for (branch, batch) in to.into_iter().enumerate().filter(|(_, batch)| !batch.is_empty()) {
                self.deliver(branch, Item::Batch(batch)).await?;
            }
        }
        self.owned.advance(&positions);
        self.flow.note(records, self.stages.take_pause(), Instant::now());
        Ok(())
    }

    pub(super) fn count(&mut self, batch: &Batch) {
        let status = self.blueprint.status();
        status.read.fetch_add(batch.len() as u64, Relaxed);
        status.read_bytes.fetch_add(batch.iter().map(|record| record.size_bytes() as u64).sum(), Relaxed);
        self.pace.read(batch.len() as u64, self.upstream.unacknowledged_max());
    }

    /// Takes out the records that the source itself could not read.
    pub(super) fn split_rejected(&mut self, batch: Batch, rejected: &mut Vec<StepRejected>) -> Result<Batch> {
        if !batch.has_rejected() {
            return Ok(batch);
        }
        let step = self.blueprint.source_step();
        for (i, record) in batch.iter().enumerate() {
            let Some(reason) = record.rejected() else { continue };
            let bad = Rejected { records: batch.select(&[i]), reason: reason.to_owned() };
            match self.blueprint.source_on_error() {
                OnError::Fail => return Err(failure(&step, &bad)),
                OnError::Drop => drop(self.blueprint.status().dropped.fetch_add(1, Relaxed)),
                OnError::DeadLetter => {
                    rejected.push(StepRejected { step: Arc::clone(&step), attempts: 1, rejected: bad })
                }
            }
        }
        Ok(batch.filter(|record| record.rejected().is_none()))
    }

    /// Starts the partitions that are ours and not yet started; after an error they still are not.
    pub(super) async fn assign(&mut self) -> Result<()> {
        let assignments = self.pending.clone().unwrap_or_default();
        let starts = self.starts(&assignments).await?;
        // The start that a setting resolved to is committed before the first record: after a crash it is still the same.
        let resolved: Positions =
            assignments.iter().filter(|a| !a.committed).map(|a| (Arc::clone(&a.partition), a.at)).collect();
        if !resolved.is_empty() {
            self.upstream.commit(&resolved).await?;
        }
        self.upstream.start(&starts).await?;
        for (partition, position) in starts.iter() {
            debug!(%partition, position, "assigned");
        }
        self.owned.take(&assignments, &starts);
        self.pending = None;
        Ok(())
    }

    /// Asks every sink what it has stored, afresh.
    pub(super) async fn starts(&mut self, assignments: &[Assignment]) -> Result<Positions> {
        if assignments.is_empty() {
            return Ok(Positions::new());
        }
        let partitions: Vec<_> = assignments.iter().map(|assignment| Arc::clone(&assignment.partition)).collect();
        let mut stored = Vec::new();
        for branch in 0..self.branches.len() + usize::from(self.dead_letters.is_some()) {
            let (reply, answer) = oneshot::channel();
            self.deliver(branch, Item::Stored(partitions.clone(), reply)).await?;
            stored.push(self.answer(answer).await?);
        }
        Ok(match self.upstream.traits().rereadable {
            true => Owned::starts(assignments, &stored),
            false => Owned::starts_of_new_records(assignments, &stored),
        })
    }

    pub(super) async fn answer<T>(&mut self, mut answer: oneshot::Receiver<T>) -> Result<T> {
        loop {
            tokio::select! {
                biased;
                Some(report) = report(&mut self.reports, &mut self.branches) => self.note(report)?,
                error = given_up(&mut self.wish, self.owned.is_unread(), &self.blueprint) => return Err(error),
                answer = &mut answer => return match answer {
                    Ok(answer) => Ok(answer),
                    // It lets go of the question first, and then says why.
                    Err(_) => Err(self.why_ended().await),
                },
            }
        }
    }

    /// Drains with a cut for at most half of the time that is left, commits, gives up. Past that: abandons.
    pub(super) async fn revoking(&mut self, partitions: &[Arc<Partition>], deadline: Instant) -> Result<()> {
        let drained = match partitions.is_empty() {
            true => Some(Positions::new()),
            false => self.drain_before_release(deadline).await?,
        };
        fail::fail_point!("engine::in_revocation", |_| std::process::abort());
        if let Some(positions) = &drained {
            let positions = self.owned.to_commit(&positions.of(partitions));
            self.commit(positions).await;
        }
        self.upstream.release(partitions).await?;
        self.give_up(partitions);
        match drained {
            Some(_) => Ok(()),
            None => {
                warn!(
                    partitions = partitions.len(),
                    "the sinks were not done in time: records of partitions that move are left to their next owner"
                );
                self.abandon().await
            }
        }
    }

    /// Whatever becomes of the drain, the source waits for the release: a failure that abandoning mends is no answer.
    async fn drain_before_release(&mut self, deadline: Instant) -> Result<Option<Positions>> {
        let until = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let drained = match self.see_through(until).await {
            Ok(true) => self.drain(Some(until), false).await,
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        match drained {
            Err(error) if left_to_the_next(&error) => {
                warn!(error = %error.chain(), "what is read could not be stored before partitions move");
                Ok(None)
            }
            drained => drained,
        }
    }

    pub(super) async fn lost(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.give_up(partitions);
        if partitions.is_empty() {
            return Ok(());
        }
        warn!(partitions = partitions.len(), "partitions were taken away without notice");
        self.abandon().await
    }

    fn give_up(&mut self, partitions: &[Arc<Partition>]) {
        self.owned.give_up(partitions);
        if let Some(pending) = &mut self.pending {
            pending.retain(|assignment| !partitions.contains(&assignment.partition));
        }
    }

    /// Drops all that is not durable, and reads on from what the sinks have stored.
    pub(super) async fn abandon(&mut self) -> Result<()> {
        self.abandon_handover().await;
        for branch in self.branches.drain(..).chain(self.dead_letters.take()) {
            branch.abandon().await;
        }
        self.letters.clear();
        // What became complete last is stored, and is not read again.
        if let Some(complete) = self.checkpoints.take_complete() {
            self.keep_states(complete.number);
        }
        self.checkpoints.restart(self.blueprint.planned.spec.sinks.len());
        self.states.abandon();
        self.stages = Stages::new(self.blueprint.build_stages()?);
        self.count_anew();
        (self.reporter, self.reports) = reports();
        let parts = self.blueprint.build_sinks()?;
        self.start_branches(parts);
        let mut pending = self.pending.take().unwrap_or_default();
        pending.extend(self.owned.assignments());
        self.owned.unread();
        self.pending = Some(pending).filter(|pending| !pending.is_empty());
        Ok(())
    }
}
