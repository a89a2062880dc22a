//! The transforms of a task or of a sink's branch, one after the other, with their balance.

use std::sync::Arc;
use std::time::Duration;

use catchwater_query::Query;
use catchwater_sdk::sink::Rejected;
use catchwater_sdk::transform::{Balance, BoxTransform, Outcome, Output};
use catchwater_sdk::{Batch, Error, ErrorKind, Result};

use crate::spec::OnError;
use crate::states::Remembered;

/// Records that a step could not handle, and what the pipeline wants done about it.
#[derive(Debug)]
pub(crate) struct StepRejected {
    /// The step's name.
    pub(crate) step: Arc<str>,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// The records as they entered the step, and why.
    pub(crate) rejected: Rejected,
}

/// Transforms in order.
#[derive(Default)]
pub(crate) struct Stages {
    stages: Vec<Stage>,
}

/// One transform.
pub(crate) struct Stage {
    pub(super) step: Arc<str>,
    pub(super) transform: BoxTransform,
    pub(super) on_error: OnError,
    /// Which records it is for.
    when: Option<Query>,
    balance: Balance,
    dropped: u64,
    pause: Duration,
}

impl Stage {
    pub(crate) fn new(step: Arc<str>, transform: BoxTransform, on_error: OnError, when: Option<Query>) -> Stage {
        Stage { step, transform, on_error, when, balance: Balance::default(), dropped: 0, pause: Duration::ZERO }
    }

    /// Applies the transform; a batch that fails as a whole is halved until the records to blame stand alone.
    fn apply(&mut self, batch: Batch, rejected: &mut Vec<StepRejected>) -> Result<Vec<Batch>> {
        let (mut todo, mut done) = (vec![batch], Vec::new());
        while let Some(batch) = todo.pop() {
            match self.apply_once(&batch) {
                Ok(outcome) => done.push(self.settle(outcome, rejected)?),
                Err(error) if error.kind() != ErrorKind::Data => return Err(error),
                Err(error) if batch.len() > 1 => {
                    let (first, second) = halves(&batch);
                    todo.extend([second, first]);
                    drop(error);
                }
                Err(error) => done.push(self.settle(Outcome::rejecting(&batch, error.chain()), rejected)?),
            }
        }
        Ok(done)
    }

    fn apply_once(&mut self, batch: &Batch) -> Result<Outcome> {
        let chosen = self.chosen(batch);
        match chosen {
            Some(chosen) if chosen.len() < batch.len() => {
                let some = batch.select(&chosen);
                let mut output = Output::new(&some);
                if !some.is_empty() {
                    self.transform.apply(&some, &mut output)?;
                }
                output.among(batch, &chosen).finish()
            }
            _ => {
                let mut output = Output::new(batch);
                self.transform.apply(batch, &mut output)?;
                output.finish()
            }
        }
    }

    /// The numbers of the records that it is for; none where that is said of none.
    fn chosen(&self, batch: &Batch) -> Option<Vec<usize>> {
        let query = self.when.as_ref()?;
        Some((0..batch.len()).filter(|i| query.matches(&batch.get(*i))).collect())
    }

    fn settle(&mut self, outcome: Outcome, rejected: &mut Vec<StepRejected>) -> Result<Batch> {
        let mut balance = outcome.balance;
        for bad in outcome.rejected {
            match self.on_error {
                OnError::Fail => return Err(failure(&self.step, &bad)),
                OnError::Drop => {
                    balance.rejected -= bad.records.len() as u64;
                    balance.dropped += bad.records.len() as u64;
                }
                OnError::DeadLetter => {
                    rejected.push(StepRejected { step: Arc::clone(&self.step), attempts: 1, rejected: bad })
                }
            }
        }
        self.dropped += balance.dropped;
        self.balance.add(&balance);
        self.pause = self.pause.max(outcome.pause);
        Ok(outcome.emitted)
    }
}

impl Stages {
    pub(crate) fn new(stages: Vec<Stage>) -> Stages {
        Stages { stages }
    }

    /// The same with each rejected record handed out, also where that stops the pipeline.
    pub(crate) fn handing_out(mut self) -> Stages {
        let failing = self.stages.iter_mut().filter(|stage| stage.on_error == OnError::Fail);
        failing.for_each(|stage| stage.on_error = OnError::DeadLetter);
        self
    }

    /// The stages of these names in order: another where there is one, else the one that was here.
    pub(super) fn changed<'a>(mut self, stages: impl Iterator<Item = (&'a str, Option<Stage>)>) -> Stages {
        let mut before = |name: &str| {
            let at = self.stages.iter().position(|stage| *stage.step == *name);
            self.stages.swap_remove(at.expect("a step that stays the same was there"))
        };
        Stages { stages: stages.map(|(name, new)| new.unwrap_or_else(|| before(name))).collect() }
    }

    /// Their balance begins at nothing.
    pub(super) fn count_anew(&mut self) {
        self.stages.iter_mut().for_each(|stage| stage.balance = Balance::default());
    }

    /// What each remembers.
    pub(super) fn remembered(&self) -> Remembered {
        let remembered = |stage: &Stage| Some((Arc::clone(&stage.step), stage.transform.state()?));
        self.stages.iter().filter_map(remembered).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Sends a batch through all transforms. What cannot be processed is added to `rejected`.
    pub(crate) fn apply(&mut self, batch: Batch, rejected: &mut Vec<StepRejected>) -> Result<Vec<Batch>> {
        let mut batches = vec![batch];
        for stage in &mut self.stages {
            let mut next = Vec::with_capacity(batches.len());
            for batch in batches {
                next.extend(stage.apply(batch, rejected)?);
            }
            batches = next;
        }
        batches.retain(|batch| !batch.is_empty());
        Ok(batches)
    }

    /// Invariant 3, checked at each barrier: what `read` records became is all accounted for, up to the `emitted` ones.
    pub(super) fn check_balance(&self, read: u64, emitted: u64) -> Result<()> {
        let mut before = read;
        for stage in &self.stages {
            if !stage.balance.holds() || stage.balance.read != before {
                let text = format!("step {} took {before} records but accounts for {:?}", stage.step, stage.balance);
                return Err(Error::bug(text));
            }
            before = stage.balance.emitted;
        }
        if before == emitted {
            return Ok(());
        }
        Err(Error::bug(format!("{before} records left the transforms and {emitted} arrived behind them")))
    }

    /// How long no further record should come, as of what was applied since this was last asked.
    pub(super) fn take_pause(&mut self) -> Duration {
        let pauses = self.stages.iter_mut().map(|stage| std::mem::take(&mut stage.pause));
        pauses.max().unwrap_or_default()
    }

    /// How many records were dropped on purpose since this was last asked.
    pub(super) fn take_dropped(&mut self) -> u64 {
        self.stages.iter_mut().map(|stage| std::mem::take(&mut stage.dropped)).sum()
    }
}

/// The error that stops a pipeline whose step may not reject.
pub(super) fn failure(step: &str, rejected: &Rejected) -> Error {
    let place = rejected.records.iter().next().map(|record| format!("{} at {}", record.partition(), record.position()));
    let place = place.unwrap_or_default();
    Error::new(
        ErrorKind::Data,
        format!(
            "{step}: record {place}: {} (to go on without such records, add `dead_letters` or `on_error: drop`)",
            rejected.reason
        ),
    )
}

/// A batch of several records as two.
pub(super) fn halves(batch: &Batch) -> (Batch, Batch) {
    let numbers: Vec<usize> = (0..batch.len()).collect();
    let (first, second) = numbers.split_at(batch.len() / 2);
    (batch.select(first), batch.select(second))
}
