//! One collection as one task sees it: the rows it holds, and how they get into the table at a `Cut`.
//!
//! 1. The rows so far become a [`Staged`] part, with the barrier's positions of their partitions.
//! 2. Its files are written, one open at a time, under names that nothing had before.
//! 3. The committer adds files and positions to the table in one commit.
//!
//! A part stays staged until its fate is known, so that a `Cut` that failed goes on where it was. What a part turns out not
//! to fit, it is written anew from its payloads; what is fenced is given up as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_sdk::{Barrier, Batch, Error, Partition, RecordRef, Result};
use catchwater_storage::Store;
use tracing::debug;

use crate::committer::{Committer, Outcome, View};
use crate::heavy::Heavy;
use crate::rows::{Arrival, Rows};
use crate::shred::{LakeSchema, Options};
use crate::staged::{Place, Staged};
use crate::table::{Move, app_id};

/// Positions that moved without any row are committed this often, and at the last barrier.
const POSITIONS_INTERVAL_MICROS: i64 = 60_000_000;

/// What all collections of a sink have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Arc<Options>,
    /// Whose positions these are: the consumer group, else the pipeline.
    pub(crate) capture: Arc<str>,
    pub(crate) allow_other_captures: bool,
    pub(crate) heavy: Heavy,
}

/// One collection of one task.
pub(crate) struct Collection {
    name: String,
    settings: Arc<Settings>,
    store: Store,
    committer: Committer,
    /// What the next rows are shredded under.
    schema: Arc<LakeSchema>,
    rows: Rows,
    staged: Option<Staged>,
    /// Whether a commit of what is staged was asked for and nobody waited for the answer: it may be in the table.
    unanswered: bool,
    places: BTreeMap<Arc<Partition>, Place>,
    logged: Option<Logged>,
    /// Whether the table is there: positions alone do not create it.
    exists: bool,
    committed_at_micros: i64,
}

/// How far the hot log is in the table, by the numbers of its records.
struct Logged {
    app_id: String,
    stored: Option<i64>,
    /// Behind the last record of it that is held.
    to: Option<i64>,
}

// === impl Collection ===

impl Collection {
    /// A collection whose table looks like `view`.
    pub(crate) fn new(
        name: String,
        settings: Arc<Settings>,
        store: Store,
        committer: Committer,
        view: &View,
        now_micros: i64,
    ) -> Collection {
        let schema = Arc::clone(&view.schema);
        Collection {
            rows: Rows::new(Arc::clone(&schema), Arc::clone(&settings.options)),
            name,
            settings,
            store,
            committer,
            schema,
            staged: None,
            unanswered: false,
            places: BTreeMap::new(),
            logged: None,
            exists: view.exists,
            committed_at_micros: now_micros,
        }
    }

    /// From now on records come by way of the hot log with that name.
    pub(crate) fn follow(&mut self, hot_log: &str, view: &View) {
        let stored = view.positions.get(hot_log).copied();
        self.logged = Some(Logged { app_id: hot_log.to_owned(), stored, to: None });
    }

    /// Whether the table lacks the record of the hot log with that number.
    pub(crate) fn lacks(&self, number: u64) -> bool {
        self.logged.as_ref().and_then(|logged| logged.stored).is_none_or(|stored| stored <= number as i64)
    }

    /// The record that was pushed last has that number in the hot log.
    pub(crate) fn logged(&mut self, number: u64) {
        if let Some(logged) = &mut self.logged {
            logged.to = Some(number as i64 + 1);
        }
    }

    /// The table's state, read afresh.
    pub(crate) async fn view(&self) -> Result<View> {
        self.committer.view().await
    }

    /// Takes a partition on and answers its position in the table. Rows below it are there already.
    pub(crate) fn assign(&mut self, partition: &Arc<Partition>, view: &View) -> Result<Option<i64>> {
        self.refuse_other_captures(partition, view)?;
        let app_id = app_id::format(&self.settings.capture, partition);
        let stored = view.positions.get(&app_id).copied();
        self.places.insert(Arc::clone(partition), Place::new(app_id, stored));
        Ok(stored)
    }

    /// Two captures of one stream would store each record twice, each of them exactly once.
    fn refuse_other_captures(&self, partition: &Partition, view: &View) -> Result<()> {
        let ours = &*self.settings.capture;
        let theirs = |text: &String| app_id::parse(text).filter(|(capture, of)| of == partition && capture != ours);
        match view.positions.keys().find_map(theirs) {
            Some((capture, _)) if !self.settings.allow_other_captures => Err(Error::refused(format!(
                "store {partition} in collection {}: `{capture}` has stored it there before, and `{ours}` would store every \
                 record a second time; go on as `{capture}`, choose another collection, or set allow_other_captures: true",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a partition was taken on.
    pub(crate) fn has(&self, partition: &Partition) -> bool {
        self.places.contains_key(partition)
    }

    /// How many bytes of rows it holds.
    pub(crate) fn size_bytes(&self) -> usize {
        self.rows.size_bytes()
    }

    /// Whether all that was written is in the table.
    pub(crate) fn is_settled(&self) -> bool {
        self.rows.is_empty() && self.staged.is_none()
    }

    /// Announces records of a partition that come in a batch; answers the number under which they are pushed.
    pub(crate) fn expect(&mut self, partition: &Arc<Partition>, batch: &Batch) -> u32 {
        self.rows.set_format(batch);
        self.rows.origin(partition)
    }

    /// The position below which rows of a partition are in the table already: that at its assignment. It does not move on
    /// with commits, as a transform may make several records out of one.
    pub(crate) fn floor(&self, partition: &Partition) -> i64 {
        self.places.get(partition).and_then(|place| place.floor).unwrap_or(i64::MIN)
    }

    /// Appends a record of an assigned partition.
    #[inline]
    pub(crate) fn push(&mut self, record: RecordRef<'_>, origin: u32, arrival: Arrival) {
        self.rows.push(record, origin, arrival);
    }

    /// Stores all rows with the barrier's positions. Answers what the operator may want to know.
    pub(crate) async fn cut(&mut self, barrier: &Barrier, now_micros: i64) -> Result<Vec<String>> {
        let mut events = Vec::new();
        while self.stage(barrier, now_micros)? {
            events.extend(self.settle(now_micros).await?);
        }
        Ok(events)
    }

    /// Whether positions that moved without any row are to be committed now.
    fn positions_are_due(&self, barrier: &Barrier, now_micros: i64) -> bool {
        self.exists && (barrier.last || now_micros - self.committed_at_micros >= POSITIONS_INTERVAL_MICROS)
    }

    /// Makes the next part, unless one is waiting. False when there is none to make.
    fn stage(&mut self, barrier: &Barrier, now_micros: i64) -> Result<bool> {
        if self.staged.is_some() {
            return Ok(true);
        }
        let steps = self.steps(barrier);
        if !self.rows.is_empty() {
            self.refuse_rows_past(barrier)?;
            let cut = self.rows.finish();
            self.schema = Arc::clone(cut.schema());
            self.staged = Some(Staged::new(Some(cut), steps, self.logged_step()));
        } else if !steps.is_empty() && self.positions_are_due(barrier, now_micros) {
            self.staged = Some(Staged::new(None, steps, None));
        }
        Ok(self.staged.is_some())
    }

    /// A row that no position covers would come again after a restart, so it must not get into the table.
    fn refuse_rows_past(&self, barrier: &Barrier) -> Result<()> {
        let uncovered =
            |(partition, last): &(&Arc<Partition>, i64)| barrier.positions.get(partition).is_none_or(|at| at <= *last);
        match self.rows.reached().into_iter().find(uncovered) {
            Some((partition, last)) => Err(Error::bug(format!(
                "barrier {} covers {partition} up to {:?}, yet its record at {last} came before",
                barrier.number,
                barrier.positions.get(partition)
            ))),
            None => Ok(()),
        }
    }

    /// How the barrier moves our partitions on. One that is below what is stored moves nothing (Invariant 2).
    fn steps(&self, barrier: &Barrier) -> Vec<(Arc<Partition>, Place, i64)> {
        let step = |(partition, to): (&Arc<Partition>, i64)| {
            let place = self.places.get(partition)?;
            (place.stored.is_none_or(|stored| stored < to)).then(|| (Arc::clone(partition), place.clone(), to))
        };
        barrier.positions.iter().filter_map(step).collect()
    }

    /// How the rows that are held move the hot log on.
    fn logged_step(&self) -> Option<Move> {
        let logged = self.logged.as_ref()?;
        Some(Move { app_id: logged.app_id.clone(), from: logged.stored, to: logged.to? })
    }

    /// Brings the staged part into the table.
    async fn settle(&mut self, now_micros: i64) -> Result<Vec<String>> {
        let Some(staged) = &mut self.staged else { return Ok(Vec::new()) };
        loop {
            let Settings { capture, heavy, .. } = &*self.settings;
            staged.store_files(&self.store, capture, heavy).await?;
            // It is then fenced by its own first attempt, and its files are the table's.
            let may_be_there = std::mem::replace(&mut self.unanswered, true);
            let outcome = self.committer.commit(staged.to_part(&self.settings.capture)).await?;
            self.unanswered = false;
            match outcome {
                Outcome::Committed(schema, news) => {
                    self.committed(schema, now_micros);
                    return Ok(news.tell(&self.name));
                }
                Outcome::Fenced => {
                    match may_be_there {
                        true => self.unanswered = true,
                        false => staged.discard_files(&self.store).await,
                    }
                    return Err(Error::stale(format!(
                        "commit to collection {}: another process stored its positions",
                        self.name
                    )));
                }
                Outcome::Unfit(schema) => {
                    debug!(collection = %self.name, "rows are shredded again: the table's schema changed");
                    staged.discard_files(&self.store).await;
                    staged.shred_again(schema, &self.settings.options);
                }
            }
        }
    }

    fn committed(&mut self, schema: Arc<LakeSchema>, now_micros: i64) {
        let staged = self.staged.take().expect("only what is staged is committed");
        for (partition, _, to) in &staged.steps {
            if let Some(place) = self.places.get_mut(partition) {
                place.stored = Some(*to);
            }
        }
        if let (Some(logged), Some(step)) = (&mut self.logged, &staged.logged) {
            logged.stored = Some(step.to);
        }
        self.exists = true;
        self.committed_at_micros = now_micros;
        if self.rows.is_empty() && schema != self.schema {
            self.rows.set_schema(Arc::clone(&schema));
            self.schema = schema;
        }
    }
}
