//! One running copy of a pipeline: reads, transforms, hands to the sinks, and commits what is durable.
//!
//! Everything a task does happens in one loop: a report of a sink, a tick of the clock, the next of the source. Errors
//! come out of that loop and meet in one place, [`Task::recover`], where their kind decides.
//!
//! Barriers travel with the data. When all sinks, and then the dead letters, are durable through a barrier, its positions
//! are committed upstream. (Invariant 1)

mod branch;
mod checkpoint;
mod letters;
mod owned;
mod stages;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use catchwater_sdk::source::{Assignment, Polled};
use catchwater_sdk::{Barrier, BarrierKind, Batch, Error, ErrorKind, Limit, Partition, Positions, Result};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{debug, info, warn};

use self::branch::{Branch, Item, Said};
pub(crate) use self::branch::{Driver, Report};
use self::checkpoint::Checkpoints;
use self::letters::Letters;
use self::owned::Owned;
pub(crate) use self::stages::{Stage, Stages, StepRejected};
use self::upstream::Upstream;
use crate::backoff::Backoff;
use crate::blueprint::{Blueprint, Parts};
use crate::dead_letters::dead_letters;
use crate::spec::OnError;

/// Reports that wait for the task; a branch that has more waits itself. (Invariant 9)
const REPORTS_MAX: usize = 64;
/// How often a drain asks sinks again that answered an earlier barrier.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How long the last commit is tried.
const COMMIT_LAST: Duration = Duration::from_secs(10);
/// As good as no limit.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the one who runs a task wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Go on until the source ends.
    Run,
    /// Drain, commit, stop.
    Stop {
        /// No copy comes back soon: others may take over at once.
        leave: bool,
        /// What is not durable by then is abandoned.
        deadline: Instant,
    },
}

/// Waits for a stop to be wished; answers its deadline.
async fn stop_wished(wish: &mut watch::Receiver<Wish>) -> Instant {
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
async fn overdue(wish: &mut watch::Receiver<Wish>) -> Error {
    let deadline = stop_wished(wish).await;
    sleep_until(deadline.into()).await;
    Error::refused("the sinks were not done before `drain_timeout`; nothing is lost, what is not stored is read again")
}

/// A running copy of a pipeline.
pub(crate) struct Task {
    blueprint: Blueprint,
    upstream: Upstream,
    stages: Stages,
    branches: Vec<Branch>,
    dead_letters: Option<Branch>,
    reports: mpsc::Receiver<Report>,
    checkpoints: Checkpoints,
    owned: Owned,
    wish: watch::Receiver<Wish>,
    backoff: Backoff,
    letters: Letters,
    /// Partitions that are ours and not yet started.
    pending: Option<Vec<Assignment>>,
    pace: Pace,
    read: u64,
    emitted: u64,
}

/// Whether a task goes on.
enum Next {
    Step,
    Done,
}

/// What decides when the next barrier goes out.
struct Pace {
    cut_interval: Option<Duration>,
    last_cut: Instant,
    last_record: Instant,
    records_since_cut: u64,
    full: bool,
}

impl Task {
    /// A task over freshly built components; nothing is touched yet.
    pub(crate) fn new(blueprint: Blueprint, wish: watch::Receiver<Wish>) -> Result<Task> {
        let source = blueprint.build_source()?;
        let upstream = Upstream::new(source);
        let (stages, parts) = (blueprint.build_stages()?, blueprint.build_sinks()?);
        let cut_interval = parts.iter().filter_map(|part| part.sink.traits().cut_interval).min();
        let letters = blueprint.has_dead_letters();
        let mut task = Task {
            checkpoints: Checkpoints::new(parts.len() - usize::from(letters), letters),
            upstream,
            stages: Stages::new(stages),
            branches: Vec::new(),
            dead_letters: None,
            reports: mpsc::channel(1).1,
            owned: Owned::default(),
            wish,
            backoff: Backoff::new(blueprint.retry(), blueprint.random()),
            letters: Letters::default(),
            pending: None,
            pace: Pace::new(cut_interval),
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
        let closed = self.upstream.close(leave).await;
        self.blueprint.status().set_lag(self.blueprint.number(), None);
        ended.and(closed)
    }

    async fn drive(&mut self) -> Result<()> {
        self.open_source().await?;
        let mut ticks = interval(self.pace.tick(self.blueprint.checkpoint_interval()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = match self.step(&mut ticks).await {
                Ok(Next::Step) => self.advance(true).await.map(drop),
                Ok(Next::Done) => return Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                self.recover(error).await?;
            }
        }
    }

    async fn step(&mut self, ticks: &mut Interval) -> Result<Next> {
        if self.is_stopping() {
            return self.finish().await;
        }
        if self.pending.is_some() {
            return self.assign().await.map(|()| Next::Step);
        }
        tokio::select! {
            biased;
            _ = stop_wished(&mut self.wish) => Ok(Next::Step),
            Some(report) = self.reports.recv() => self.note(report).map(|()| Next::Step),
            _ = ticks.tick() => self.tick().await.map(|()| Next::Step),
            polled = self.upstream.poll(Limit::default()), if !self.letters.are_many() => match polled {
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
                Some(report) = self.reports.recv() => self.note(report)?,
            }
        }
    }

    async fn open_source(&mut self) -> Result<()> {
        loop {
            let opened = self.upstream.open(self.blueprint.data_dir(), self.blueprint.pipeline()).await;
            match opened {
                Err(error) if error.kind() == ErrorKind::Unavailable && !self.is_stopping() => self.wait(error).await?,
                other => return other,
            }
        }
    }

    fn is_stopping(&self) -> bool {
        *self.wish.borrow() != Wish::Run
    }
}

// === what comes from the source ===

impl Task {
    async fn polled(&mut self, polled: Result<Polled>) -> Result<()> {
        let polled = polled?;
        if self.backoff.attempts() > 0 {
            self.backoff.worked();
            self.blueprint.status().set_trouble(&self.blueprint.source_step(), None);
        }
        match polled {
            Polled::Records(batch) => self.take(batch).await,
            Polled::Assigned(assignments) => {
                self.pending = Some(assignments);
                self.assign().await
            }
            Polled::Revoking(partitions, deadline) => self.revoking(&partitions, deadline).await,
            Polled::Lost(partitions) => self.lost(&partitions).await,
            Polled::End => Err(Error::bug("the end of a source is for its loop")),
        }
    }

    async fn take(&mut self, batch: Batch) -> Result<()> {
        batch.set_format(self.blueprint.format());
        let positions = batch.positions();
        self.count(&batch);
        let mut rejected = Vec::new();
        let batch = self.split_rejected(batch, &mut rejected)?;
        self.read += batch.len() as u64;
        let batches = self.stages.apply(batch, &mut rejected)?;
        self.blueprint.status().dropped.fetch_add(self.stages.take_dropped(), Relaxed);
        self.add_letters(self.checkpoints.next(), rejected);
        for batch in batches {
            self.emitted += batch.len() as u64;
            for branch in 0..self.branches.len() {
                self.deliver(branch, Item::Batch(batch.clone())).await?;
            }
        }
        self.owned.advance(&positions);
        Ok(())
    }

    fn count(&mut self, batch: &Batch) {
        let status = self.blueprint.status();
        status.read.fetch_add(batch.len() as u64, Relaxed);
        status.read_bytes.fetch_add(batch.iter().map(|record| record.size_bytes() as u64).sum(), Relaxed);
        self.pace.records_since_cut += batch.len() as u64;
        self.pace.last_record = Instant::now();
    }

    /// Takes out the records that the source itself could not read.
    fn split_rejected(&mut self, batch: Batch, rejected: &mut Vec<StepRejected>) -> Result<Batch> {
        if !batch.has_rejected() {
            return Ok(batch);
        }
        let step = self.blueprint.source_step();
        for (i, record) in batch.iter().enumerate() {
            let Some(reason) = record.rejected() else { continue };
            let bad = catchwater_sdk::sink::Rejected { records: batch.select(&[i]), reason: reason.to_owned() };
            match self.blueprint.source_on_error() {
                OnError::Fail => return Err(stages::failure(&step, &bad)),
                OnError::Drop => drop(self.blueprint.status().dropped.fetch_add(1, Relaxed)),
                OnError::DeadLetter => {
                    rejected.push(StepRejected { step: Arc::clone(&step), attempts: 1, rejected: bad })
                }
            }
        }
        Ok(batch.filter(|record| record.rejected().is_none()))
    }

    /// Starts the partitions that are ours and not yet started; after an error they still are not.
    async fn assign(&mut self) -> Result<()> {
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
    async fn starts(&mut self, assignments: &[Assignment]) -> Result<Positions> {
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
        Ok(Owned::starts(assignments, &stored))
    }

    async fn answer<T>(&mut self, mut answer: oneshot::Receiver<T>) -> Result<T> {
        loop {
            tokio::select! {
                biased;
                Some(report) = self.reports.recv() => self.note(report)?,
                error = overdue(&mut self.wish) => return Err(error),
                answer = &mut answer => return answer.map_err(|_| Error::bug("a sink ended without saying why")),
            }
        }
    }

    /// Drains with a cut for at most half of the time that is left, commits, gives up. Past that: abandons.
    async fn revoking(&mut self, partitions: &[Arc<Partition>], deadline: Instant) -> Result<()> {
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        let drained = match partitions.is_empty() {
            true => Some(Positions::new()),
            false => self.drain(Some(Instant::now() + half), false).await?,
        };
        fail::fail_point!("engine::in_revocation", |_| std::process::abort());
        if let Some(positions) = &drained {
            let positions = self.owned.to_commit(&positions.of(partitions));
            self.commit(positions).await;
        }
        self.upstream.release(partitions).await?;
        self.owned.give_up(partitions);
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

    async fn lost(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.owned.give_up(partitions);
        if partitions.is_empty() {
            return Ok(());
        }
        warn!(partitions = partitions.len(), "partitions were taken away without notice");
        self.abandon().await
    }

    /// Drops all that is not durable, and reads on from what the sinks have stored.
    async fn abandon(&mut self) -> Result<()> {
        for branch in self.branches.drain(..).chain(self.dead_letters.take()) {
            branch.abandon().await;
        }
        self.letters.clear();
        self.checkpoints.abandon();
        self.stages = Stages::new(self.blueprint.build_stages()?);
        (self.read, self.emitted) = (0, 0);
        let parts = self.blueprint.build_sinks()?;
        self.start_branches(parts);
        self.pending = Some(self.owned.assignments()).filter(|owned| !owned.is_empty());
        Ok(())
    }
}

// === what comes from the sinks ===

impl Task {
    fn start_branches(&mut self, parts: Vec<Parts>) {
        let (reports, receiver) = mpsc::channel(REPORTS_MAX);
        self.reports = receiver;
        for (number, part) in parts.into_iter().enumerate() {
            let dead_letters = part.dead_letters;
            let branch = Branch::start(self.blueprint.driver(number, part, self.upstream.traits(), reports.clone()));
            match dead_letters {
                true => self.dead_letters = Some(branch),
                false => self.branches.push(branch),
            }
        }
    }

    /// Hands an item to a branch; hears reports while the branch is busy, so that neither waits for the other.
    async fn deliver(&mut self, number: usize, item: Item) -> Result<()> {
        let branch = self.branches.get(number).or(self.dead_letters.as_ref()).expect("the branch runs");
        let items = branch.items.clone();
        loop {
            tokio::select! {
                biased;
                permit = items.reserve() => match permit {
                    Ok(permit) => {
                        permit.send(item);
                        return Ok(());
                    }
                    Err(_) => return Err(self.why_ended().await),
                },
                Some(report) = self.reports.recv() => self.note(report)?,
                error = overdue(&mut self.wish) => return Err(error),
            }
        }
    }

    async fn why_ended(&mut self) -> Error {
        while let Some(report) = self.reports.recv().await {
            if let Err(error) = self.note(report) {
                return error;
            }
        }
        Error::bug("a sink ended without saying why")
    }

    fn note(&mut self, report: Report) -> Result<()> {
        match report.said {
            Said::Answered { barrier, through } if report.branch == self.branches.len() => {
                self.checkpoints.dead_letters_answered(barrier, through);
            }
            Said::Answered { barrier, through } => self.checkpoints.sink_answered(report.branch, barrier, through),
            Said::Rejected(rejected) => self.add_letters(self.checkpoints.next_answer(report.branch), rejected),
            Said::Full => self.pace.full = true,
            Said::Failed(error) => return Err(error),
        }
        Ok(())
    }

    fn add_letters(&mut self, before: u64, rejected: Vec<StepRejected>) {
        if rejected.is_empty() {
            return;
        }
        let letters = dead_letters(self.blueprint.pipeline(), &rejected);
        self.blueprint.status().dead_lettered.fetch_add(letters.len() as u64, Relaxed);
        self.letters.push(before, letters);
        self.pace.full |= self.letters.are_many();
    }

    /// Goes on with what is due: dead letters with their barrier, the commit of what is complete, a cut that was wanted.
    async fn advance(&mut self, commit: bool) -> Result<Option<Barrier>> {
        if let Some(barrier) = self.checkpoints.due_at_dead_letters() {
            let branch = self.branches.len();
            for letters in self.letters.take_before(barrier.number) {
                letters.set_format(self.blueprint.format());
                self.deliver(branch, Item::Batch(letters)).await?;
            }
            self.deliver(branch, Item::Barrier(barrier)).await?;
        }
        let complete = self.checkpoints.take_complete();
        if let (true, Some(barrier)) = (commit, &complete) {
            let positions = self.owned.to_commit(&barrier.positions);
            self.commit(positions).await;
        }
        if self.checkpoints.has_room() && std::mem::take(&mut self.pace.full) {
            self.send_barrier(BarrierKind::Cut, false).await?;
        }
        Ok(complete)
    }

    /// A commit that fails is not the end: the sinks have stored more, and the next checkpoint commits again.
    async fn commit(&mut self, positions: Positions) {
        if positions.is_empty() {
            return;
        }
        fail::fail_point!("engine::before_group_commit", |_| std::process::abort());
        match self.upstream.commit(&positions).await {
            Ok(()) => {
                self.owned.committed(&positions);
                self.blueprint.note_commit();
            }
            Err(error) => info!(error = %error.chain(), "positions not committed upstream, the next checkpoint will"),
        }
    }
}

// === barriers ===

impl Task {
    async fn tick(&mut self) -> Result<()> {
        let status = self.blueprint.status();
        status.set_lag(self.blueprint.number(), self.upstream.lag());
        if !self.checkpoints.has_room() {
            return Ok(());
        }
        let kind = self.pace.due(self.blueprint.idle());
        self.send_barrier(kind, false).await
    }

    async fn send_barrier(&mut self, kind: BarrierKind, last: bool) -> Result<()> {
        self.stages.check_balance(self.read, self.emitted)?;
        let positions = Arc::new(self.owned.read().clone());
        let barrier = self.checkpoints.issue(kind, positions, last);
        if kind == BarrierKind::Cut {
            self.pace.cut();
        }
        for branch in 0..self.branches.len() {
            self.deliver(branch, Item::Barrier(barrier.clone())).await?;
        }
        Ok(())
    }

    /// Waits until everything read so far is durable everywhere; answers its positions, or `None` when time ran out.
    async fn drain(&mut self, until: Option<Instant>, commit: bool) -> Result<Option<Positions>> {
        self.advance(commit).await?;
        self.send_barrier(BarrierKind::Cut, true).await?;
        let wanted = self.owned.read().clone();
        let until = until.unwrap_or_else(|| Instant::now() + FOREVER);
        loop {
            if let Some(complete) = self.advance(commit).await?
                && *complete.positions == wanted
            {
                return Ok(Some(wanted));
            }
            tokio::select! {
                Some(report) = self.reports.recv() => self.note(report)?,
                error = overdue(&mut self.wish) => return Err(error),
                _ = sleep_until(until.into()) => return Ok(None),
                _ = sleep(ASK_AGAIN), if self.checkpoints.all_answered() => self.send_barrier(BarrierKind::Cut, true).await?,
            }
        }
    }

    /// The end of the stream or of the task: what was read becomes durable and is committed.
    async fn finish(&mut self) -> Result<Next> {
        match self.drain(None, true).await {
            Ok(positions) => self.commit_last(&positions.unwrap_or_default()).await,
            // Fenced while stopping: whoever was faster has stored it, or reads it.
            Err(error) if error.kind() == ErrorKind::Stale && self.is_stopping() => {
                info!(error = %error.chain(), "what is not durable is left to the next owner");
            }
            Err(error) => return Err(error),
        }
        Ok(Next::Done)
    }

    /// Tries for a while: a sink that stores no positions would otherwise be sent the same records again.
    async fn commit_last(&mut self, positions: &Positions) {
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

// === impl Pace ===

impl Pace {
    fn new(cut_interval: Option<Duration>) -> Pace {
        let now = Instant::now();
        Pace { cut_interval, last_cut: now, last_record: now, records_since_cut: 0, full: false }
    }

    /// How often barriers go out.
    fn tick(&self, checkpoint_interval: Duration) -> Duration {
        self.cut_interval.map_or(checkpoint_interval, |cut| cut.min(checkpoint_interval))
    }

    /// What kind of barrier is due at this tick.
    fn due(&self, idle: Duration) -> BarrierKind {
        let Some(cut_interval) = self.cut_interval else { return BarrierKind::Mark };
        let waited = self.last_cut.elapsed() >= cut_interval || self.last_record.elapsed() >= idle;
        if self.records_since_cut > 0 && waited { BarrierKind::Cut } else { BarrierKind::Mark }
    }

    fn cut(&mut self) {
        self.last_cut = Instant::now();
        self.records_since_cut = 0;
    }
}
