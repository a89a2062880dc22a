//! What goes to the sinks, and what they say.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_sdk::{Barrier, Error, Positions, Result};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::info;

use super::Task;
use super::branch::{Branch, Driver, Item, Report, Said};
use super::stages::StepRejected;
use super::waiting::hand_on;
use super::wish::overdue;
use crate::blueprint::Parts;
use crate::dead_letters::dead_letters;

/// One that has not said by then why it ended will not.
const SAID_WITHIN: Duration = Duration::from_secs(10);

/// Reports that wait for the task; a branch that has more waits itself. (Invariant 9)
const REPORTS_MAX: usize = 64;

/// What branches tell their task through.
pub(super) fn reports() -> (mpsc::Sender<Report>, mpsc::Receiver<Report>) {
    mpsc::channel(REPORTS_MAX)
}

/// The next report. What waits for branches is handed on meanwhile.
pub(super) async fn report(reports: &mut mpsc::Receiver<Report>, branches: &mut [Branch]) -> Option<Report> {
    loop {
        tokio::select! {
            biased;
            report = reports.recv() => return report,
            () = hand_on(branches) => {}
        }
    }
}

impl Task {
    pub(super) fn start_branches(&mut self, parts: Vec<Parts>) {
        for part in parts {
            let dead_letters = part.dead_letters;
            let branch = self.start_branch(part);
            match dead_letters {
                true => self.dead_letters = Some(branch),
                false => self.branches.push(branch),
            }
        }
    }

    pub(super) fn start_branch(&mut self, part: Parts) -> Branch {
        let (mut branch, running) = Branch::new(self.driver(part));
        branch.run(running);
        branch
    }

    pub(super) fn driver(&mut self, part: Parts) -> Driver {
        let number = self.branches_started;
        self.branches_started += 1;
        self.blueprint.driver(number, part, self.upstream.traits(), self.reporter.clone())
    }

    /// Hands an item to a branch; hears reports while the branch is busy, so that neither waits for the other.
    pub(super) async fn deliver(&mut self, number: usize, item: Item) -> Result<()> {
        let branch = self.branches.get_mut(number).or(self.dead_letters.as_mut()).expect("the branch runs");
        if !branch.waiting.is_over() {
            branch.waiting.push(item);
            return Ok(());
        }
        let (items, load) = (branch.items.clone(), branch.load.clone());
        loop {
            tokio::select! {
                biased;
                permit = items.reserve() => match permit {
                    Ok(permit) => {
                        permit.send(load.add(item));
                        return Ok(());
                    }
                    Err(_) => return Err(self.why_ended().await),
                },
                Some(report) = report(&mut self.reports, &mut self.branches) => self.note(report)?,
                error = overdue(&mut self.wish) => return Err(error),
            }
        }
    }

    /// What a branch that ended says of it, which comes right behind its end.
    pub(super) async fn why_ended(&mut self) -> Error {
        let why = async {
            while let Some(report) = self.reports.recv().await {
                self.note(report)?;
            }
            Ok(())
        };
        match timeout(SAID_WITHIN, why).await {
            Ok(Err(error)) => error,
            _ => Error::bug("a sink ended without saying why"),
        }
    }

    pub(super) fn note(&mut self, report: Report) -> Result<()> {
        let letters = self.dead_letters.as_ref().map(|branch| branch.number);
        let sink = self.branches.iter().position(|branch| branch.number == report.branch);
        match (report.said, sink) {
            (Said::Answered { barrier, through }, Some(sink)) => {
                self.checkpoints.sink_answered(sink, barrier, through);
            }
            (Said::Answered { barrier, through }, None) if letters == Some(report.branch) => {
                self.checkpoints.dead_letters_answered(barrier, through);
            }
            (Said::Rejected(rejected), Some(sink)) => self.add_letters(self.checkpoints.next_answer(sink), rejected),
            (Said::Full, _) => self.pace.full = true,
            (Said::Failed(error), sink) if sink.is_some() || letters == Some(report.branch) => return Err(error),
            // One that was closed had nothing left to say that matters.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn add_letters(&mut self, before: u64, rejected: Vec<StepRejected>) {
        if rejected.is_empty() {
            return;
        }
        let letters = dead_letters(self.blueprint.pipeline(), &rejected);
        self.blueprint.status().dead_lettered.fetch_add(letters.len() as u64, Relaxed);
        self.letters.push(before, letters);
        self.pace.full |= self.letters.are_many();
    }

    /// Goes on with what is due: dead letters with their barrier, the commit of what is complete, a cut that was wanted.
    pub(super) async fn advance(&mut self, commit: bool) -> Result<Option<Barrier>> {
        if let Some(barrier) = self.checkpoints.due_at_dead_letters() {
            let branch = self.branches.len();
            for letters in self.letters.take_before(barrier.number) {
                letters.set_format(self.blueprint.format());
                self.deliver(branch, Item::Batch(letters)).await?;
            }
            self.deliver(branch, Item::Barrier(barrier)).await?;
        }
        let complete = self.checkpoints.take_complete();
        let kept = complete.as_ref().is_none_or(|barrier| self.keep_states(barrier.number));
        if let (true, Some(barrier)) = (commit && kept, &complete) {
            let positions = self.owned.to_commit(&barrier.positions);
            self.commit(positions).await;
        }
        if let (true, Some(kind)) = (self.has_room(), self.pace.pressing()) {
            self.send_barrier(kind, false).await?;
        }
        Ok(complete)
    }

    /// Whether it is on disk what transforms remember: positions behind it may be committed then.
    pub(super) fn keep_states(&mut self, complete: u64) -> bool {
        let kept = self.states.keep(complete);
        if let Err(error) = &kept {
            info!(error = %error.chain(), "what transforms remember is not kept, the next checkpoint will keep it and commit");
        }
        kept.is_ok()
    }

    /// A commit that fails is not the end: the sinks have stored more, and the next checkpoint commits again.
    pub(super) async fn commit(&mut self, positions: Positions) {
        if positions.is_empty() {
            return;
        }
        fail::fail_point!("engine::before_group_commit", |_| std::process::abort());
        match self.upstream.commit(&positions).await {
            Ok(()) => {
                self.owned.committed(&positions);
                self.blueprint.note_commit(&positions);
            }
            Err(error) => info!(error = %error.chain(), "positions not committed upstream, the next checkpoint will"),
        }
    }
}
