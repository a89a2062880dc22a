//! What changes while a task runs: transforms between two batches, sinks once what they have is stored, settings at once. The
//! source reads on over the same connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use tokio::time::timeout;
use tracing::info;

use super::Task;
use super::ahead::Ahead;
use super::barriers::left_to_the_next;
use super::branch::{Branch, Item};
use super::flow::Flow;
use super::handover::{CLOSED_WITHIN, Change};
use super::pace::Pace;
use super::stages::{Stage, Stages};
use super::wish::{Order, Wish};
use crate::backoff::Backoff;
use crate::blueprint::{Blueprint, Parts};
use crate::plan::Planned;

/// What is new, built, and open where it could be; none in the place of what stays.
struct Built {
    /// The transforms in order, where any of them changes.
    stages: Option<Vec<Option<Stage>>>,
    /// The sinks in order, where any of them changes.
    sinks: Option<Vec<Option<Parts>>>,
}

impl Task {
    /// An order to become another that was not heard yet. It waits for what is handed over.
    pub(super) fn order(&self) -> Option<Arc<Order>> {
        match &*self.wish.borrow() {
            Wish::Run(order) if self.handover.is_none() && !Arc::ptr_eq(&order.blueprint.planned, &self.heard) => {
                Some(Arc::clone(order))
            }
            _ => None,
        }
    }

    /// Whether its sinks connect already.
    pub(super) fn is_preparing(&self, order: &Arc<Order>) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| Arc::ptr_eq(&ahead.order, order))
    }

    /// Has those sinks connect that are new and can, and then becomes what was ordered; or stays as it is and says why. At a full
    /// stop they had their chance.
    pub(super) async fn obey(&mut self, order: Arc<Order>) -> Result<()> {
        let (after, before) = (self.ordered(&order), &self.blueprint.planned);
        let changed = || after.build_changed_sinks(before);
        let sinks = (!after.planned.has_same_sinks(before)).then(changed).transpose();
        match sinks {
            Ok(Some(sinks)) if self.full_stop.is_none() => {
                self.ahead = Some(Ahead::new(order, sinks, self.upstream.traits()));
                Ok(())
            }
            sinks => self.change(order, sinks).await,
        }
    }

    /// Those that could connect have, or one of them cannot.
    pub(super) async fn go_ahead(&mut self, connected: Result<()>) -> Result<()> {
        match self.ahead.take() {
            Some(ahead) => self.change(ahead.order, connected.map(|()| Some(ahead.sinks))).await,
            None => Ok(()),
        }
    }

    /// What this copy is to become.
    fn ordered(&self, order: &Order) -> Blueprint {
        Blueprint { number: self.blueprint.number, ..order.blueprint.clone() }
    }

    async fn change(&mut self, order: Arc<Order>, sinks: Result<Option<Vec<Option<Parts>>>>) -> Result<()> {
        let after = self.ordered(&order);
        let built = sinks.and_then(|sinks| Ok(Built { stages: self.changed_stages(&after)?, sinks }));
        let turned = match (built, self.places(&after)) {
            (Ok(Built { stages: None, sinks: Some(parts) }), Some(places)) => {
                return self.begin_handover(order, Change { after, parts, places }).await;
            }
            (built, _) => {
                self.heard = Arc::clone(&order.blueprint.planned);
                match built {
                    Ok(built) => self.turn_into(after, built, order.patience).await,
                    Err(error) => Ok(Some(error)),
                }
            }
        };
        self.full_stop = None;
        match turned {
            // What stops it is the answer: the failure of another task, or somebody's wish.
            Ok(Some(_)) if self.is_stopping() => {}
            Ok(why_not) => order.answer(why_not.map_or(Ok(()), Err)),
            Err(error) => {
                // Any other failure is the pipeline's, and says more than an answer.
                if left_to_the_next(&error) {
                    order.answer(Ok(()));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Answers an order that came too late to be heard.
    pub(super) fn answer_unheard(&self) {
        self.order().iter().for_each(|order| order.answer(Ok(())));
    }

    /// Where the sinks stand, if those that change can hand over while the others flow on. What is held may have to be read
    /// again, which transforms that remember would not take for the first time.
    fn places(&self, after: &Blueprint) -> Option<Vec<usize>> {
        let can_go_back = self.upstream.traits().rereadable && self.stages.remembered().is_empty();
        let places = || after.planned.places(&self.blueprint.planned);
        (self.full_stop.is_none() && can_go_back).then(places).flatten()
    }

    /// Everything is built, and has connected if it could, before anything is touched. Answers why nothing was.
    async fn turn_into(&mut self, after: Blueprint, built: Built, patience: Duration) -> Result<Option<Error>> {
        if built.sinks.is_some()
            && let Some(why_not) = self.settle().await?
        {
            return Ok(Some(why_not));
        }
        self.check_balance()?;
        let before = std::mem::replace(&mut self.blueprint, after);
        if let Some(stages) = built.stages {
            self.swap_stages(stages);
        }
        let has_other_sinks = built.sinks.is_some();
        if let Some(sinks) = built.sinks {
            self.swap_sinks(sinks).await;
        }
        self.count_anew();
        self.apply_settings(&before.planned).await?;
        if has_other_sinks {
            let resumed = timeout(patience, self.resume()).await;
            resumed.unwrap_or_else(|_| Err(self.blueprint.status().not_connected_within(patience)))?;
        }
        Ok(None)
    }

    /// The transforms, where any of them changes.
    fn changed_stages(&self, after: &Blueprint) -> Result<Option<Vec<Option<Stage>>>> {
        let before = &self.blueprint.planned;
        let changed = || after.build_changed_stages(before, &self.stages.remembered());
        (!after.planned.has_same_transforms(before)).then(changed).transpose()
    }

    /// Nothing is on its way through them: it is between two batches.
    fn swap_stages(&mut self, new: Vec<Option<Stage>>) {
        let names = self.blueprint.planned.spec.transforms.iter().map(|transform| transform.name.as_str());
        let before = std::mem::take(&mut self.stages);
        self.stages = before.changed(names.zip(new));
        self.flow = Flow::new(&self.stages);
    }

    /// Waits until everything that was read is stored and committed; answers why it is not.
    async fn settle(&mut self) -> Result<Option<Error>> {
        let within = self.blueprint.planned.spec.settings.drain_timeout.get();
        let until = self.full_stop.take().filter(|until| *until > Instant::now());
        let positions = match self.drain(until.or(Some(Instant::now() + within)), true).await {
            Ok(Some(positions)) => positions,
            Ok(None) => return Ok(Some(Error::refused("the sinks were not done before `drain_timeout`"))),
            Err(error) if left_to_the_next(&error) => {
                let why_not = Error::new(error.kind(), error.chain());
                self.recover(error).await?;
                return Ok(Some(why_not));
            }
            Err(error) => return Err(error),
        };
        self.commit_last(&positions).await;
        if self.is_stopping() {
            return Ok(Some(Error::refused("it is being stopped")));
        }
        let is_committed = self.owned.to_commit(&positions).is_empty();
        Ok((!is_committed).then(|| Error::unavailable("what is stored could not be committed upstream")))
    }

    /// Everything that was read is stored and committed.
    async fn swap_sinks(&mut self, parts: Vec<Option<Parts>>) {
        let mut before = std::mem::take(&mut self.branches);
        let names = self.blueprint.planned.spec.sinks.iter().map(|sink| &sink.component.name);
        let stays = |(name, part): (&String, Option<Parts>)| match part {
            Some(part) => Err(part),
            None => {
                let at = before.iter().position(|branch| *branch.step == **name);
                Ok(before.remove(at.expect("a sink that stays the same runs")))
            }
        };
        let after: Vec<Result<Branch, Parts>> = names.zip(parts).map(stays).collect();
        // What bears one user is free before another comes.
        for branch in before {
            info!(sink = %branch.step, "closing, all that it was given is stored");
            self.blueprint.status().set_trouble(&branch.step, None);
            branch.close_within(CLOSED_WITHIN).await;
        }
        self.branches = after.into_iter().map(|branch| branch.unwrap_or_else(|part| self.start_branch(part))).collect();
        self.checkpoints.restart(self.branches.len());
    }

    /// Where to go on is asked afresh, of all sinks, as at an assignment: one that lacks what was read takes the source back,
    /// and those that have it skip it. A source that is where it should be is left alone; otherwise transforms begin anew with
    /// what is kept of them, since what they took before comes again.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let assignments = self.owned.assignments();
        if self.starts(&assignments).await? == *self.owned.read() {
            return Ok(());
        }
        self.pending.get_or_insert_default().extend(assignments);
        self.owned.unread();
        self.stages = Stages::new(self.blueprint.build_stages()?);
        self.count_anew();
        self.assign().await
    }

    pub(super) async fn apply_settings(&mut self, before: &Planned) -> Result<()> {
        let settings = &self.blueprint.planned.spec.settings;
        let has_other_retry = settings.retry != before.spec.settings.retry;
        let branches = self.branches.iter().chain(&self.dead_letters);
        let sinks: Vec<_> = branches.map(|branch| branch.traits).collect();
        let pace = Pace::new(self.upstream.traits(), &sinks, settings.checkpoint_interval.get());
        self.pace.renew(pace);
        self.ticks = self.pace.ticks();
        if has_other_retry {
            self.backoff = self.new_backoff();
            for branch in 0..sinks.len() {
                self.deliver(branch, Item::Retry(self.new_backoff())).await?;
            }
        }
        Ok(())
    }

    fn new_backoff(&self) -> Backoff {
        Backoff::new(self.blueprint.retry(), self.blueprint.random())
    }
}
