//! Which file can hold which part of which partition.
//!
//! The footer of a file of ours says which positions its commit covers; that is read once, and forgotten but for this. Of
//! another tool's file the rows are looked at.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use catchwater_sdk::{Partition, Result};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::runs::{Run, runs};
use crate::read::{Covered, LiveFile, Snapshot};

/// So many footers are read at once.
const AT_ONCE: usize = 16;

/// A partition that a file can hold rows of: from the first position to before the end.
#[derive(Debug)]
struct Extent {
    partition: Arc<Partition>,
    first: i64,
    end: i64,
}

/// What a file can hold of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sheet {
    /// No position before this one.
    pub(super) first: i64,
    /// None from this one on.
    pub(super) end: i64,
    /// The number of the file.
    pub(super) file: usize,
}

/// What is known of the files seen so far, by path: a file never changes.
#[derive(Debug, Default)]
pub(super) struct Surveyed(Mutex<HashMap<String, Arc<[Extent]>>>);

/// For each partition its files, by the first position that they can hold.
pub(super) type Atlas = BTreeMap<Arc<Partition>, Vec<Sheet>>;

impl Surveyed {
    /// Surveys files of a snapshot; the numbers in the answer are those of `files`.
    pub(super) async fn survey(&self, snapshot: &Snapshot, files: &[LiveFile]) -> Result<Atlas> {
        // Boxed, since the compiler cannot tell that a future which borrows from its closure's argument is `Send`.
        let one = |(number, file)| self.one(snapshot, file, number).boxed();
        let extents = stream::iter(files.iter().enumerate().map(one).collect::<Vec<_>>());
        let extents: Vec<(usize, Arc<[Extent]>)> = extents.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut atlas = Atlas::new();
        for (number, extents) in extents {
            for Extent { partition, first, end } in extents.iter() {
                let sheet = Sheet { first: *first, end: *end, file: number };
                atlas.entry(Arc::clone(partition)).or_default().push(sheet);
            }
        }
        atlas.values_mut().for_each(|files| files.sort_unstable());
        Ok(atlas)
    }

    async fn one(&self, snapshot: &Snapshot, file: &LiveFile, number: usize) -> Result<(usize, Arc<[Extent]>)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file.path).cloned();
        if let Some(extents) = known {
            return Ok((number, extents));
        }
        let extents: Arc<[Extent]> = extents(snapshot, file).await?.into();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file.path.clone(), Arc::clone(&extents));
        Ok((number, extents))
    }

    /// Forgets files that are gone.
    pub(super) fn keep(&self, files: &[LiveFile]) {
        let live: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| live.contains(path.as_str()));
    }
}

async fn extents(snapshot: &Snapshot, file: &LiveFile) -> Result<Vec<Extent>> {
    let mut open = snapshot.open(file).await?;
    if let Some(footer) = open.footer() {
        let extent = |covered: Covered| Extent {
            partition: Arc::new(Partition {
                source: covered.source.into(),
                stream: covered.stream.into(),
                incarnation: covered.incarnation.into(),
                number: covered.partition,
            }),
            first: covered.from.unwrap_or(i64::MIN),
            end: covered.to,
        };
        return Ok(footer.positions.into_iter().map(extent).collect());
    }
    let by_partition = runs(&mut open, None).await?.into_iter();
    let extent = |(partition, runs): (Arc<Partition>, Vec<Run>)| {
        let first = runs.iter().map(|run| run.first.position).min()?;
        let last = runs.iter().map(|run| run.last.position).max()?;
        Some(Extent { partition, first, end: last.saturating_add(1) })
    };
    Ok(by_partition.filter_map(extent).collect())
}
