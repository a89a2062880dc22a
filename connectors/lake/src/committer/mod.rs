//! One committer for each table of the process: what several tasks staged at the same time becomes one commit.
//!
//! It runs by itself, so that a task that is dropped in the middle of a commit leaves none half done: what was handed in
//! is committed or not, and whoever asks afterwards is told which. A commit that takes long collects the next group.

mod group;
mod history;
mod news;
mod takers;

use std::collections::HashMap;
use std::sync::Arc;

use catchwater_sdk::clock::Clock;
use catchwater_sdk::{Context, Error, Result};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::warn;
use uuid::Uuid;

use self::group::{Plan, Wish, plan};
pub(crate) use self::news::News;
use self::takers::Takers;
use crate::heavy::Turns;
use crate::rows::envelope::table_schema;
use crate::shred::LakeSchema;
use crate::table::{AddFile, Commit, CommitOutcome, Move, Table};
use crate::writer::Covered;

/// How many requests may wait; each comes from a task that waits for its answer.
const REQUESTS_MAX: usize = 64;

/// What a task wants committed: all of it or nothing.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) files: Vec<AddFile>,
    pub(crate) moves: Vec<Move>,
    /// The schema of the files; none if there are none.
    pub(crate) schema: Option<Arc<LakeSchema>>,
    /// What the rows changed in the schema, in words.
    pub(crate) changes: Vec<String>,
    pub(crate) covered: Vec<Covered>,
}

/// What became of a part.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is in the table, which now has this schema; one of the parts of a commit also hears what that changed.
    Committed(Arc<LakeSchema>, News),
    /// Another process moved its positions.
    Fenced,
    /// The table has this schema now, which its files do not fit.
    Unfit(Arc<LakeSchema>),
}

/// The state of a table, read afresh.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) exists: bool,
    pub(crate) schema: Arc<LakeSchema>,
    pub(crate) positions: HashMap<String, i64>,
}

/// The committers of a process by table, and what else its sinks share.
#[derive(Debug, Default)]
pub(crate) struct Committers {
    pub(crate) turns: Arc<Turns>,
    tables: Mutex<HashMap<String, mpsc::WeakSender<Request>>>,
    takers: Takers,
}

/// A table's committer, as a task holds it. It ends when nobody holds it any more.
#[derive(Clone, Debug)]
pub(crate) struct Committer(mpsc::Sender<Request>);

#[derive(Debug)]
pub(crate) enum Request {
    View(oneshot::Sender<Result<View>>),
    Commit(Waiting),
}

#[derive(Debug)]
pub(crate) struct Waiting {
    part: Part,
    answer: oneshot::Sender<Result<Outcome>>,
}

// === impl Committers, Committer ===

impl Committers {
    /// The committer of a table; `open` opens the table if no task of the process has it yet.
    pub(crate) async fn get(
        &self,
        url: &str,
        clock: &Arc<dyn Clock>,
        open: impl AsyncFnOnce() -> Result<Table>,
    ) -> Result<Committer> {
        let mut known = self.tables.lock().await;
        if let Some(sender) = known.get(url).and_then(mpsc::WeakSender::upgrade)
            && !sender.is_closed()
        {
            return Ok(Committer(sender));
        }
        let work = Work { table: open().await?, clock: Arc::clone(clock) };
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        tokio::spawn(work.run(requests));
        known.retain(|_, sender| sender.strong_count() > 0);
        known.insert(url.to_owned(), sender.downgrade());
        Ok(Committer(sender))
    }

    /// Notes that a sink fills a table, as long as `alive` lives; refused while another sink of its pipeline does.
    pub(crate) fn take(&self, url: &str, context: &Context, alive: &Arc<()>) -> Result<()> {
        self.takers.take(url, context, alive)
    }
}

impl Committer {
    /// Reads the table afresh.
    pub(crate) async fn view(&self) -> Result<View> {
        self.ask(Request::View).await
    }

    /// Commits a part, together with what else waits.
    pub(crate) async fn commit(&self, part: Part) -> Result<Outcome> {
        self.ask(|answer| Request::Commit(Waiting { part, answer })).await
    }

    /// A committer that is gone may have committed before it went: only what is stored can tell.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let gone = || Error::stale("the table's committer ended before it answered");
        let (answer, answered) = oneshot::channel();
        self.0.send(request(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

// === the work ===

struct Work {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Work {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut received = Vec::new();
        while requests.recv_many(&mut received, REQUESTS_MAX).await > 0 {
            let (mut viewers, mut group) = (Vec::new(), Vec::new());
            for request in received.drain(..) {
                match request {
                    Request::View(answer) => viewers.push(answer),
                    // Who does not wait any more was abandoned: its positions are read again, its files are orphans.
                    Request::Commit(waiting) if waiting.answer.is_closed() => {}
                    Request::Commit(waiting) => group.push(waiting),
                }
            }
            self.commit(group).await;
            self.answer_views(viewers).await;
        }
    }

    async fn answer_views(&mut self, viewers: Vec<oneshot::Sender<Result<View>>>) {
        if viewers.is_empty() {
            return;
        }
        let view = self.table.refresh().await.map(|()| self.view());
        for answer in viewers {
            let _ = answer.send(view.as_ref().map_err(copy).cloned());
        }
    }

    fn view(&self) -> View {
        View {
            exists: self.table.exists(),
            schema: Arc::new(self.schema()),
            positions: self.table.positions().map(|(app_id, position)| (app_id.to_owned(), position)).collect(),
        }
    }

    fn schema(&self) -> LakeSchema {
        self.table.schema().map_or_else(LakeSchema::empty, |schema| LakeSchema::from_fields(schema.fields()))
    }

    /// Commits until every part of the group has its answer.
    async fn commit(&mut self, mut group: Vec<Waiting>) {
        while !group.is_empty() {
            match self.commit_once(group).await {
                Ok(rest) => group = rest,
                Err((rest, error)) => {
                    rest.into_iter().for_each(|waiting| waiting.fail(copy(&error)));
                    return;
                }
            }
        }
    }

    /// One try. What comes back has to be planned again.
    async fn commit_once(&mut self, group: Vec<Waiting>) -> Result<Vec<Waiting>, (Vec<Waiting>, Error)> {
        let before = self.schema();
        let plan = plan(&wishes(&group), &before, |app_id| self.table.position(app_id));
        let (chosen, unfit) = split(group, &plan);
        if chosen.is_empty() {
            let table = Arc::new(before);
            unfit.into_iter().for_each(|waiting| waiting.answer(Outcome::Unfit(Arc::clone(&table))));
            return Ok(Vec::new());
        }
        let commit = self.to_commit(&chosen, &plan.schema, &before);
        let news = match self.table.exists() {
            false => News::created(plan.schema.fields().len()),
            true if plan.schema == before => News::default(),
            true => News::of(&chosen),
        };
        match self.table.commit(commit).await {
            Ok(CommitOutcome::Committed(version)) => {
                self.committed(version, chosen, plan.schema, &before, news).await;
                // Those that do not fit the schema as it is now are told so in the next round.
                Ok(unfit)
            }
            Ok(CommitOutcome::Fenced(app_ids)) => {
                Ok(unfit.into_iter().chain(answer_fenced(chosen, &app_ids)).collect())
            }
            Ok(CommitOutcome::SchemaChanged) => Ok(unfit.into_iter().chain(chosen).collect()),
            Err(error) => Err((unfit.into_iter().chain(chosen).collect(), error)),
        }
    }

    fn to_commit(&self, chosen: &[Waiting], schema: &LakeSchema, before: &LakeSchema) -> Commit {
        let changes = !self.table.exists() || schema != before;
        Commit {
            id: Uuid::now_v7(),
            adds: chosen.iter().flat_map(|waiting| waiting.part.files.iter().cloned()).collect(),
            moves: chosen.iter().flat_map(|waiting| waiting.part.moves.iter().cloned()).collect(),
            schema: changes.then(|| table_schema(&schema.fields())),
        }
    }

    async fn committed(
        &mut self,
        version: i64,
        chosen: Vec<Waiting>,
        schema: LakeSchema,
        before: &LakeSchema,
        mut news: News,
    ) {
        // Before the answer, as a process may end after it. Without harm if it fails: the log itself has every schema.
        if schema != *before {
            let parts: Vec<&Part> = chosen.iter().map(|waiting| &waiting.part).collect();
            let entry = history::Entry::new(version, self.clock.now_micros(), &schema, &parts);
            if let Err(error) = entry.write(self.table.store()).await {
                warn!(version, %error, "schema history not written");
            }
        }
        let schema = Arc::new(schema);
        for waiting in chosen {
            waiting.answer(Outcome::Committed(Arc::clone(&schema), std::mem::take(&mut news)));
        }
    }
}

impl Waiting {
    /// A task that is gone needs no answer.
    fn answer(self, outcome: Outcome) {
        let _ = self.answer.send(Ok(outcome));
    }

    fn fail(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

fn wishes(group: &[Waiting]) -> Vec<Wish<'_>> {
    group.iter().map(|waiting| Wish { moves: &waiting.part.moves, schema: waiting.part.schema.as_deref() }).collect()
}

/// Those to commit and those that do not fit; the fenced are told so.
fn split(group: Vec<Waiting>, plan: &Plan) -> (Vec<Waiting>, Vec<Waiting>) {
    let (mut chosen, mut unfit) = (Vec::new(), Vec::new());
    for (number, waiting) in group.into_iter().enumerate() {
        if plan.chosen.contains(&number) {
            chosen.push(waiting);
        } else if plan.unfit.contains(&number) {
            unfit.push(waiting);
        } else {
            waiting.answer(Outcome::Fenced);
        }
    }
    (chosen, unfit)
}

/// Tells those whose positions moved, and returns the others.
fn answer_fenced(chosen: Vec<Waiting>, app_ids: &[String]) -> Vec<Waiting> {
    let is_fenced = |waiting: &Waiting| waiting.part.moves.iter().any(|wanted| app_ids.contains(&wanted.app_id));
    let (fenced, others): (Vec<_>, Vec<_>) = chosen.into_iter().partition(is_fenced);
    fenced.into_iter().for_each(|waiting| waiting.answer(Outcome::Fenced));
    others
}

/// The same error for each of several that wait.
fn copy(error: &Error) -> Error {
    Error::new(error.kind(), error.chain())
}
