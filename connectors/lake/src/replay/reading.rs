//! Reads ahead of what is sent, in a task of its own: as many batches as fit into a bounded room.

use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::{Error, Limit, Partition, Result};
use object_store::ObjectStoreExt;
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::board::Tally;
use super::merge::{Manner, Merge, Part, Portion};
use super::selection::Selection;
use super::survey::Surveyed;
use super::view::View;

/// So much is read ahead, in KiB, and in so many batches. (Invariant 9)
const ROOM_KIB: u32 = 16 << 10;
const BATCHES_MAX: usize = 256;

/// How often a replay that follows looks for new commits.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What comes out of the reading.
#[derive(Debug)]
pub(super) enum Said {
    Portion(Portion),
    /// Partitions that the collection did not have before; reading has ended to take them on.
    New(Vec<Arc<Partition>>),
    End,
}

/// What is to be read.
pub(super) struct Order {
    pub(super) view: View,
    pub(super) parts: Vec<Part>,
    pub(super) selection: Arc<Selection>,
    pub(super) manner: Manner,
    /// Go on with what is committed later.
    pub(super) follow: bool,
    pub(super) tally: Arc<Tally>,
    pub(super) surveyed: Arc<Surveyed>,
    pub(super) limit: Limit,
}

/// Reading at work.
pub(super) struct Reading {
    said: mpsc::Receiver<(Result<Said>, Option<OwnedSemaphorePermit>)>,
    task: JoinHandle<()>,
}

impl Reading {
    pub(super) fn start(order: Order) -> Reading {
        let (sender, said) = mpsc::channel(BATCHES_MAX);
        let outbox = Outbox { sender, room: Arc::new(Semaphore::new(ROOM_KIB as usize)) };
        let task = tokio::spawn(async move {
            let end = match read(order, &outbox).await {
                Ok(end) => Ok(end),
                Err(Stopped::Failed(error)) => Err(error),
                Err(Stopped::NobodyListens) => return,
            };
            let _ = outbox.sender.send((end, None)).await; // whoever gave up listening has no use for it
        });
        Reading { said, task }
    }

    /// What comes next. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Said> {
        match self.said.recv().await {
            Some((said, _room)) => said,
            None => Err(Error::bug("the reading of a replay ended without a word")),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why reading stopped before its end.
enum Stopped {
    NobodyListens,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Failed(error)
    }
}

struct Outbox {
    sender: mpsc::Sender<(Result<Said>, Option<OwnedSemaphorePermit>)>,
    room: Arc<Semaphore>,
}

impl Outbox {
    async fn put(&self, portion: Portion) -> Result<(), Stopped> {
        let kib = u32::try_from(portion.batch.size_bytes() >> 10).unwrap_or(u32::MAX).clamp(1, ROOM_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| Stopped::NobodyListens)?;
        self.sender.send((Ok(Said::Portion(portion)), Some(room))).await.map_err(|_| Stopped::NobodyListens)
    }
}

async fn read(mut order: Order, outbox: &Outbox) -> Result<Said, Stopped> {
    loop {
        let (files, atlas) = order.view.survey(&order.surveyed, &order.selection, &order.tally).await?;
        let ends = order.view.ends(&atlas);
        let is_new = |partition: &&Arc<Partition>| order.parts.iter().all(|part| part.partition != **partition);
        let new: Vec<_> = ends.keys().filter(is_new).cloned().collect();
        if order.follow && !new.is_empty() {
            return Ok(Said::New(new));
        }
        if order.follow {
            order.parts.iter_mut().for_each(|part| part.end_at(ends.get(&part.partition)));
        }
        let merge = Merge::new(
            Arc::clone(&order.view.snapshot),
            files,
            &atlas,
            order.parts.clone(),
            Arc::clone(&order.selection),
            order.manner.clone(),
            Arc::clone(&order.tally),
        );
        (order.parts, order.manner) = read_all(merge, &order, outbox).await?;
        if !order.follow || order.manner.limit == Some(0) {
            return Ok(Said::End);
        }
        order.view = next_view(&order.view).await?;
    }
}

/// Reads one view of the collection to its end; answers what is left for the next.
async fn read_all(mut merge: Merge, order: &Order, outbox: &Outbox) -> Result<(Vec<Part>, Manner), Stopped> {
    loop {
        match merge.next(order.limit).await {
            Ok(Some(portion)) => outbox.put(portion).await?,
            Ok(None) => return Ok(merge.finish()),
            Err(error) => return Err(order.view.explain(error).await.into()),
        }
    }
}

/// Waits for a commit.
async fn next_view(view: &View) -> Result<View> {
    let store = view.snapshot.store();
    let next = store.path(&format!("_delta_log/{:020}.json", view.snapshot.version() + 1));
    loop {
        match store.objects().head(&next).await {
            Ok(_) => return view.newer().await,
            Err(object_store::Error::NotFound { .. }) => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => {
                let doing = format!("look for commits to {}", store.url());
                return Err(Error::new(catchwater_storage::kind(&error), doing).because(error));
            }
        }
    }
}
