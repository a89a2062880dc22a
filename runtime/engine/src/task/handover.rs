//! Sinks that change or go while the other sinks flow on.
//!
//! Those that leave get a last barrier. What is theirs behind it is held, while everybody else goes on. Once they are durable
//! through it they close, and who follows them connects, unless it did so ahead, and takes over what was held. Until the first of them closes there is
//! a way back: what was held goes to those who were to leave. Whatever comes between (a stop, partitions that move, a failure)
//! takes that way, or sees the handover through. An order that was disturbed so is obeyed at a full stop.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{BarrierKind, Error, Positions, Result};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout, timeout_at};
use tracing::info;

use super::Task;
use super::branch::{Branch, Item, Running};
use super::checkpoint::Checkpoints;
use super::outlet::report;
use super::waiting::Waiting;
use super::wish::{Order, overdue};
use crate::blueprint::{Blueprint, Parts};

/// A sink that has nothing left to store and is not gone by then is dropped.
pub(super) const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// A handover that is under way.
pub(super) struct Handover {
    order: Arc<Order>,
    /// The last barrier of those that leave, and its positions.
    last: u64,
    positions: Positions,
    phase: Phase,
    /// When the phase has taken too long.
    until: Instant,
    /// What those that follow have stored; whether one of them lacks what was read before the last barrier.
    questions: Vec<oneshot::Receiver<Option<Positions>>>,
    lacks: bool,
}

enum Phase {
    /// Those that leave store what they have, and could still stay.
    Storing(Change),
    /// They close, before those that follow begin.
    Closing(JoinSet<()>, Vec<(usize, Running)>),
    /// Those that follow connect, and say what they have.
    Connecting,
}

/// What a handover changes.
pub(super) struct Change {
    pub(super) after: Blueprint,
    /// The sinks in order; none for one that stays.
    pub(super) parts: Vec<Option<Parts>>,
    /// For each of them the place of the one that it is or follows.
    pub(super) places: Vec<usize>,
}

// === impl Change ===

impl Change {
    fn leaves(&self, branch: usize) -> bool {
        !self.places.iter().zip(&self.parts).any(|(place, part)| *place == branch && part.is_none())
    }
}

/// Waits until what a handover waits for has come, or is overdue: answers whether it came.
pub(super) async fn due(handover: &mut Option<Handover>, checkpoints: &Checkpoints) -> bool {
    let Some(Handover { last, positions, phase, until, questions, lacks, .. }) = handover else {
        return pending().await;
    };
    let come = async {
        match phase {
            Phase::Storing(change) => {
                if !checkpoints.have_answered(*last, |sink| change.leaves(sink)) {
                    pending::<()>().await;
                }
            }
            Phase::Closing(closing, _) => while closing.join_next().await.is_some() {},
            Phase::Connecting => {
                while let Some(question) = questions.last_mut() {
                    match question.await {
                        Ok(stored) => *lacks |= stored.is_some_and(|stored| is_behind(&stored, positions)),
                        // One that ended says why in a report.
                        Err(_) => pending().await,
                    }
                    questions.pop();
                }
            }
        }
    };
    timeout_at((*until).into(), come).await.is_ok()
}

/// A partition that is not known there begins where the source is.
fn is_behind(stored: &Positions, positions: &Positions) -> bool {
    positions.iter().any(|(partition, at)| stored.get(partition).is_some_and(|stored| stored < at))
}

impl Task {
    /// Begins; where that fails, what is ordered is obeyed at a full stop.
    pub(super) async fn begin_handover(&mut self, order: Arc<Order>, change: Change) -> Result<()> {
        let until = Instant::now() + self.blueprint.planned.spec.settings.drain_timeout.get();
        // The barrier is handed on as there is room: one that is slow keeps nobody from it.
        self.hold(&change);
        let sent = self.send_barrier(BarrierKind::Cut, true).await;
        self.hold(&change);
        let (last, positions) = (self.checkpoints.next() - 1, self.owned.read().clone());
        let phase = Phase::Storing(change);
        self.handover = Some(Handover { order, last, positions, phase, until, questions: Vec::new(), lacks: false });
        if sent.is_err() {
            self.call_off();
        }
        sent
    }

    fn hold(&mut self, change: &Change) {
        let leaving = self.branches.iter_mut().enumerate().filter(|(place, _)| change.leaves(*place));
        leaving.for_each(|(_, branch)| branch.waiting.hold());
    }

    /// Goes on with a handover after what [`due`] answered.
    pub(super) async fn go_on(&mut self, came: bool) -> Result<()> {
        let Some(mut handover) = self.handover.take() else { return Ok(()) };
        let patience = handover.order.patience;
        match std::mem::replace(&mut handover.phase, Phase::Connecting) {
            Phase::Storing(change) if came => {
                if self.checkpoints.are_durable(handover.last, |sink| change.leaves(sink)) {
                    return self.replace(handover, change).await;
                }
                // It has to be asked again.
                self.full_stop = Some(handover.until);
                self.let_go();
            }
            Phase::Storing(_) => {
                self.heard = Arc::clone(&handover.order.blueprint.planned);
                handover.order.answer(Err(Error::refused("the sinks were not done before `drain_timeout`")));
                self.let_go();
            }
            Phase::Closing(_, starting) => {
                starting.into_iter().for_each(|(place, running)| self.branches[place].run(running));
                handover.until = Instant::now() + patience;
                self.handover = Some(handover);
            }
            Phase::Connecting if !came => return Err(self.blueprint.status().not_connected_within(patience)),
            Phase::Connecting if handover.lacks => {
                let order = Arc::clone(&handover.order);
                self.handover = Some(handover);
                let back = timeout(patience, self.go_back()).await;
                back.unwrap_or_else(|_| Err(self.blueprint.status().not_connected_within(patience)))?;
                self.handover = None;
                order.answer(Ok(()));
            }
            Phase::Connecting => {
                self.let_go();
                handover.order.answer(Ok(()));
            }
        }
        Ok(())
    }

    /// From here on there is no way back: those that leave close, and those that follow stand in their places.
    async fn replace(&mut self, mut handover: Handover, change: Change) -> Result<()> {
        self.check_balance()?;
        self.heard = Arc::clone(&handover.order.blueprint.planned);
        let before = std::mem::replace(&mut self.blueprint, change.after);
        let partitions: Vec<_> = handover.positions.iter().map(|(partition, _)| Arc::clone(partition)).collect();
        let mut branches: Vec<_> = std::mem::take(&mut self.branches).into_iter().map(Some).collect();
        let (mut leaving, mut starting) = (Vec::new(), Vec::new());
        for (part, place) in change.parts.into_iter().zip(&change.places) {
            let mut branch = branches[*place].take().expect("each follows another, or is itself");
            if let Some(part) = part {
                let (mut next, running) = Branch::new(self.driver(part));
                next.waiting = std::mem::take(&mut branch.waiting);
                let (reply, answer) = oneshot::channel();
                let question = next.load.add(Item::Stored(partitions.clone(), reply));
                next.items.try_send(question).expect("it was told nothing yet");
                handover.questions.push(answer);
                starting.push((self.branches.len(), running));
                leaving.push(std::mem::replace(&mut branch, next));
            }
            self.branches.push(branch);
        }
        let mut closing = JoinSet::new();
        for branch in leaving.into_iter().chain(branches.into_iter().flatten()) {
            info!(sink = %branch.step, "closing, all that it was given is stored");
            self.blueprint.status().set_trouble(&branch.step, None);
            closing.spawn(branch.close_within(CLOSED_WITHIN));
        }
        handover.phase = Phase::Closing(closing, starting);
        handover.until = Instant::now() + 2 * CLOSED_WITHIN;
        self.handover = Some(handover);
        self.checkpoints.arrange(&change.places);
        self.count_anew();
        self.apply_settings(&before.planned).await
    }

    /// What was held goes to who stands in the place, and is stored soon.
    fn let_go(&mut self) {
        self.branches.iter_mut().for_each(|branch| branch.waiting.let_go());
        self.pace.full = true;
    }

    /// One that follows lacks what was read before: the source goes back, and what was held is read again. The others store
    /// first what they were given; nothing is committed that one lacks.
    async fn go_back(&mut self) -> Result<()> {
        let branches = &self.branches;
        self.checkpoints.excuse(|sink| branches[sink].waiting.is_held());
        self.drain(None, false).await?;
        let held = self.branches.iter_mut().filter(|branch| branch.waiting.is_held());
        held.for_each(|branch| branch.waiting = Waiting::default());
        self.checkpoints.restart(self.branches.len());
        self.resume().await
    }

    /// Something comes between: those that leave stay as long as they can, and what is ordered is obeyed at a full stop.
    pub(super) fn call_off(&mut self) {
        let can_stay = |handover: &mut Handover| matches!(handover.phase, Phase::Storing(_));
        if let Some(handover) = self.handover.take_if(can_stay) {
            self.full_stop = Some(handover.until);
            self.let_go();
        }
    }

    /// Calls a handover off or sees it through; answers whether none is left by then.
    pub(super) async fn see_through(&mut self, until: Instant) -> Result<bool> {
        self.call_off();
        while self.handover.is_some() {
            tokio::select! {
                biased;
                Some(report) = report(&mut self.reports, &mut self.branches) => self.note(report)?,
                came = due(&mut self.handover, &self.checkpoints) => self.go_on(came).await?,
                error = overdue(&mut self.wish) => return Err(error),
                () = sleep_until(until.into()) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// All sinks are dropped. What closes is waited for, so that what bears one user is free.
    pub(super) async fn abandon_handover(&mut self) {
        self.call_off();
        if let Some(handover) = self.handover.take() {
            handover.order.answer(Ok(()));
            if let Phase::Closing(closing, _) = handover.phase {
                closing.join_all().await;
            }
        }
    }

    /// Whether another barrier may go out. One that all others have answered waits for nobody but who is held back.
    pub(super) fn has_room(&mut self) -> bool {
        if !self.checkpoints.has_room()
            && let Some(Handover { last, lacks: false, .. }) = &self.handover
        {
            let seen = self.checkpoints.skip(*last, |sink| self.branches[sink].waiting.is_held());
            self.branches.iter_mut().for_each(|branch| branch.waiting.skip(&seen));
        }
        self.checkpoints.has_room()
    }
}
