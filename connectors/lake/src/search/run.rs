//! Looking at the row groups that may match, several at a time, the newest first.

use std::sync::Arc;

use catchwater_sdk::Result;
use futures::{StreamExt, TryStreamExt, stream};

use super::effort::Meter;
use super::evidence::time_span;
use super::group::Group;
use super::plan::Plan;
use crate::read::{DataFile, LiveFile, Snapshot, Stats};
use crate::task::Task;

/// At most so many row groups are looked at together: each takes the memory of what is read of it.
const GROUPS_MAX: usize = 4;

/// A row group to look at.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) file: DataFile,
    /// The number of the file in the snapshot.
    pub(super) file_number: usize,
    pub(super) group: usize,
    /// No row is newer; none if that is not known.
    pub(super) newest: Option<i64>,
    pub(super) plan: Arc<Plan>,
    pub(super) meter: Arc<Meter>,
}

/// What is done with each row group.
pub(super) trait Look: Send + Sync + 'static {
    /// Whether rows that are no newer than this still matter.
    fn wants(&self, newest: Option<i64>) -> bool;
    /// Takes files whose rows all match, so that they need not be read. False if they must be.
    fn takes_whole(&self, rows: u64) -> bool;
    /// Looks at a group.
    fn look(&self, unit: Unit) -> impl Future<Output = Result<()>> + Send;
}

/// A file that may have rows that match.
struct Hopeful<'a> {
    number: usize,
    file: &'a LiveFile,
    newest: Option<i64>,
}

/// Looks at every row group of the snapshot that may match.
pub(super) async fn run<L: Look>(snapshot: &Snapshot, plan: Arc<Plan>, meter: Arc<Meter>, look: Arc<L>) -> Result<()> {
    let groups_max = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(GROUPS_MAX));
    let files = hopeful(snapshot, &plan, &*look);
    let opened = files.into_iter().map(|file| open(snapshot, file, Arc::clone(&plan), Arc::clone(&meter), &*look));
    let units = stream::iter(opened).buffered(2);
    let units = units.map_ok(|units| stream::iter(units.into_iter().map(Ok))).try_flatten();
    let started = units.map_ok(|unit| {
        let look = Arc::clone(&look);
        Task::begin("look at a row group", async move {
            if look.wants(unit.newest) { look.look(unit).await } else { Ok(()) }
        })
    });
    started.try_for_each_concurrent(groups_max, Task::done).await
}

/// The files that the log does not rule out, the newest first.
fn hopeful<'a, L: Look>(snapshot: &'a Snapshot, plan: &Plan, look: &L) -> Vec<Hopeful<'a>> {
    let mut files = Vec::new();
    for (number, file) in snapshot.files().iter().enumerate() {
        let stats = file.stats();
        let bounds = plan.file(stats.as_ref());
        let is_taken = |stats: &Stats| bounds.must && look.takes_whole(stats.rows);
        if bounds.may && !stats.as_ref().is_some_and(is_taken) {
            files.push(Hopeful { number, file, newest: stats.and_then(|stats| time_span(&stats).1) });
        }
    }
    files.sort_by_key(|file| std::cmp::Reverse((file.newest.unwrap_or(i64::MAX), file.number)));
    files
}

async fn open<L: Look>(
    snapshot: &Snapshot,
    hopeful: Hopeful<'_>,
    plan: Arc<Plan>,
    meter: Arc<Meter>,
    look: &L,
) -> Result<Vec<Unit>> {
    if !look.wants(hopeful.newest) {
        return Ok(Vec::new());
    }
    let file = snapshot.open(hopeful.file).await?;
    meter.opened(file.row_groups().len(), file.bytes_read());
    let mut units: Vec<Unit> = (0..file.row_groups().len())
        .map(|group| Unit {
            newest: time_span(&file.row_groups()[group]).1,
            file: file.clone(),
            file_number: hopeful.number,
            group,
            plan: Arc::clone(&plan),
            meter: Arc::clone(&meter),
        })
        .collect();
    units.sort_by_key(|unit| std::cmp::Reverse((unit.newest.unwrap_or(i64::MAX), unit.group)));
    Ok(units)
}

impl Unit {
    pub(super) fn group(&mut self) -> Group<'_> {
        Group { file: &mut self.file, number: self.group, plan: &self.plan, meter: &self.meter }
    }
}
