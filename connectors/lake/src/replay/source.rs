//! The role: partitions and positions towards the engine, and the pace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_sdk::clock::Clock;
use catchwater_sdk::format::Format;
use catchwater_sdk::source::{Assignment, Polled, Source, SourceTraits};
use catchwater_sdk::{Context, Error, Limit, Partition, Positions, Result, async_trait};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use super::board::{Board, Tally};
use super::config::Config;
use super::job::{self, Job};
use super::ledger::Ledger;
use super::merge::{Manner, Part, Portion};
use super::pace::Pace;
use super::reading::{Order, Reading, Said};
use super::selection::{Selection, range_of};
use super::settle::{selection, sent_as, settle, warn_of_unknown_fields};
use super::survey::Surveyed;
use super::view::View;

/// As good as no deadline: what one round sent is made durable before the next begins.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A position that means the start, also where there are positions below zero.
const START: i64 = 0;

/// A replay as a source of records.
pub(crate) struct Replay {
    config: Config,
    name: Arc<str>,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    format: Arc<dyn Format>,
    tally: Arc<Tally>,
    surveyed: Arc<Surveyed>,
    /// Known once opened.
    settled: Option<Settled>,
    /// How many rounds are done.
    round: u32,
    /// Partitions that the engine has yet to be told of.
    to_assign: Option<Vec<Arc<Partition>>>,
    /// Where each partition goes on, by the name under which it is sent.
    at: Positions,
    reading: Option<(Reading, Limit)>,
    /// Records that wait for their time.
    held: Option<Portion>,
    /// When the first record was sent.
    began: Option<Instant>,
    has_ended: bool,
    committed: Positions,
    unconfirmed: Ledger,
}

/// What stays as it is until the end.
struct Settled {
    view: View,
    selection: Arc<Selection>,
    /// For each partition where it ends.
    ends: BTreeMap<Arc<Partition>, i64>,
}

// === impl Replay ===

impl Replay {
    /// Touches nothing (Invariant 6).
    pub(crate) fn new(config: Config, context: &Context, format: Arc<dyn Format>, board: &Board) -> Result<Replay> {
        config.check()?;
        Ok(Replay {
            config,
            name: Arc::clone(&context.pipeline),
            data_dir: context.data_dir.clone(),
            clock: Arc::clone(&context.clock),
            format,
            tally: board.tally(&context.pipeline),
            surveyed: Arc::default(),
            settled: None,
            round: 0,
            to_assign: None,
            at: Positions::new(),
            reading: None,
            held: None,
            began: None,
            has_ended: false,
            committed: Positions::new(),
            unconfirmed: Ledger::default(),
        })
    }

    async fn look(&self) -> Result<View> {
        let view = View::of(&self.config, &self.format).await?;
        view.warn_of_findings(&self.tally);
        Ok(view)
    }

    /// What was settled before an interruption, or else now.
    async fn settle(&self, view: View) -> Result<Settled> {
        let mut selection = selection(&self.config, self.clock.now_micros())?;
        // One that loops begins anew, and so does what it settles.
        let known = match self.config.rounds {
            None => Job::load(&self.data_dir, &self.name, &self.config.fingerprint())?,
            Some(_) => None,
        };
        let job = match known {
            Some(job) => {
                info!(replay = %self.name, "goes on where it was interrupted");
                job
            }
            None => {
                let job = settle(&self.config, &selection, &view, &self.surveyed, &self.tally).await?;
                if self.config.rounds.is_none() {
                    job.save(&self.data_dir, &self.name)?;
                }
                job
            }
        };
        warn_of_unknown_fields(&selection, &view);
        let ends = job.ends();
        (selection.since, selection.until, selection.oldest) = (job.since, job.until, job.oldest);
        debug!(version = view.snapshot.version(), partitions = ends.len(), "settled");
        Ok(Settled { view, selection: selection.into(), ends })
    }

    /// The partitions under the names of this round.
    fn sent(&self) -> impl Iterator<Item = (Arc<Partition>, &Arc<Partition>, i64)> {
        let ends = self.settled.iter().flat_map(|settled| &settled.ends);
        ends.map(|(partition, end)| (sent_as(partition, self.round), partition, *end))
    }

    fn parts(&self) -> Vec<Part> {
        let part = |(sent_as, partition, end): (Arc<Partition>, &Arc<Partition>, i64)| {
            let wanted = range_of(partition, self.config.partitions.as_deref(), self.config.positions.as_deref());
            let at = self.at.get(&sent_as).filter(|at| *at != START).unwrap_or(i64::MIN);
            let end = end.min(wanted.end);
            // With a limit, what was sent counts: it is gone through again, and not sent.
            let (start, sent_before) = match self.config.limit {
                Some(_) => (wanted.start, at),
                None => (wanted.start.max(at), i64::MIN),
            };
            Part { partition: Arc::clone(partition), sent_as, wanted, range: start..end, sent_before }
        };
        self.sent().map(part).collect()
    }

    fn start_reading(&mut self, limit: Limit) -> Result<()> {
        let Some(Settled { view, selection, .. }) = &self.settled else {
            return Err(Error::bug("read a replay that is not open"));
        };
        let Config { rate, speed, gap_max, limit: count, provenance, allow_loop, follow, .. } = &self.config;
        let order = Order {
            view: view.clone(),
            parts: self.parts(),
            selection: Arc::clone(selection),
            manner: Manner {
                pace: Pace::new(*rate, *speed, gap_max.map(|gap| gap.get())),
                limit: *count,
                provenance: (*provenance || *allow_loop).then(|| Arc::clone(&self.name)),
            },
            follow: *follow,
            tally: Arc::clone(&self.tally),
            surveyed: Arc::clone(&self.surveyed),
            limit,
        };
        (self.held, self.began, self.has_ended) = (None, None, false);
        self.reading = Some((Reading::start(order), limit));
        Ok(())
    }

    /// The next records in time, or what else is to be said. Cancel safe: they are held until then.
    async fn next(&mut self, limit: Limit) -> Result<Option<Said>> {
        if self.held.is_none() {
            if self.reading.as_ref().is_none_or(|(_, given)| *given != limit) {
                self.start_reading(limit)?;
            }
            let (reading, _) = self.reading.as_mut().expect("it was started above");
            match reading.next().await {
                Ok(Said::Portion(portion)) => self.held = Some(portion),
                Ok(other) => return Ok(Some(other)),
                Err(error) => {
                    self.reading = None;
                    return Err(error);
                }
            }
        }
        if let Some(held) = &self.held {
            let began = *self.began.get_or_insert_with(Instant::now);
            if !held.due.is_zero()
                && let Some(due) = began.checked_add(held.due)
            {
                sleep_until(due).await;
            }
        }
        Ok(self.held.take().map(Said::Portion))
    }

    fn end(&mut self) -> Polled {
        let done = self.round + 1;
        if self.config.rounds.is_some_and(|rounds| rounds.has_more_than(done)) {
            let partitions = self.sent().map(|(sent_as, ..)| sent_as).collect();
            return Polled::Revoking(partitions, (Instant::now() + FOREVER).into_std());
        }
        self.has_ended = true;
        Polled::End
    }

    fn is_paced(&self) -> bool {
        self.config.rate.is_some() || self.config.speed.is_some()
    }

    /// Whether everything that was sent is confirmed.
    fn is_done(&self) -> bool {
        let confirmed =
            |(partition, at): (&Arc<Partition>, i64)| self.committed.get(partition).is_some_and(|done| done >= at);
        self.has_ended && self.at.iter().all(confirmed)
    }
}

#[async_trait]
impl Source for Replay {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: true,
            // A round of many has no position that would mean anything to the next process.
            keeps_positions: self.config.rounds.is_some(),
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: self.config.allow_loop,
        }
    }

    async fn open(&mut self) -> Result<()> {
        let view = self.look().await?;
        self.reading = None;
        match &mut self.settled {
            // As after `Unavailable`: what was settled holds, whatever files the rows are in by now.
            Some(settled) => settled.view = view,
            None => {
                self.settled = Some(self.settle(view).await?);
                self.to_assign = Some(self.sent().map(|(sent_as, ..)| sent_as).collect());
            }
        }
        Ok(())
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        if let Some(partitions) = self.to_assign.take() {
            let assignment = |partition| Assignment { partition, at: START, committed: false, name: None };
            return Ok(Polled::Assigned(partitions.into_iter().map(assignment).collect()));
        }
        match self.next(limit).await? {
            Some(Said::Portion(portion)) => {
                let due = self.began.and_then(|began| began.checked_add(portion.due)).filter(|_| self.is_paced());
                let (records, positions) = (portion.batch.len() as u64, portion.batch.positions());
                self.tally.passed(records, due);
                self.unconfirmed.sent(records, &positions, Instant::now());
                self.at.advance_all(&positions);
                Ok(Polled::Records(portion.batch))
            }
            Some(Said::New(partitions)) => {
                self.reading = None;
                let settled = self.settled.as_mut().ok_or_else(|| Error::bug("read a replay that is not open"))?;
                settled.ends.extend(partitions.iter().map(|partition| (Arc::clone(partition), i64::MIN)));
                self.to_assign = Some(partitions);
                Box::pin(self.poll(limit)).await
            }
            Some(Said::End) | None => Ok(self.end()),
        }
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        // Where the engine starts, everything before is durable.
        self.committed.advance_all(at);
        at.iter().for_each(|(partition, at)| self.at.set(Arc::clone(partition), at));
        self.reading = None;
        self.held = None;
        self.unconfirmed.forget();
        Ok(())
    }

    /// The end of a round: everything of it is durable.
    async fn release(&mut self, _: &[Arc<Partition>]) -> Result<()> {
        self.round += 1;
        self.tally.confirmed.fetch_add(self.unconfirmed.confirm_all(), Relaxed);
        (self.at, self.reading, self.held) = (Positions::new(), None, None);
        self.to_assign = Some(self.sent().map(|(sent_as, ..)| sent_as).collect());
        Ok(())
    }

    async fn confirm(&mut self) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.committed.advance_all(positions);
        self.tally.confirmed.fetch_add(self.unconfirmed.confirm(&self.committed), Relaxed);
        Ok(())
    }

    async fn close(self: Box<Self>, _leave: bool) -> Result<()> {
        if self.is_done() { job::forget(&self.data_dir, &self.name) } else { Ok(()) }
    }

    fn lag(&self) -> Option<u64> {
        None
    }
}
