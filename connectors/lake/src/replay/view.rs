//! A collection at one version, as a replay looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_sdk::{Error, ErrorKind, Partition, Result};

use super::board::Tally;
use super::prune::Prune;
use super::selection::Selection;
use super::survey::{Atlas, Sheet, Surveyed};
use crate::read::{Collection, LiveFile, Snapshot};

/// A collection at one version.
#[derive(Clone)]
pub(super) struct View {
    collection: Collection,
    pub(super) snapshot: Arc<Snapshot>,
}

impl View {
    pub(super) async fn open(collection: Collection) -> Result<View> {
        let snapshot = collection.snapshot().await?.into();
        Ok(View { collection, snapshot })
    }

    /// What it is of.
    pub(super) fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The same collection as it is now.
    pub(super) async fn newer(&self) -> Result<View> {
        View::open(self.collection.clone()).await
    }

    /// For each partition the position before which its rows end: what the table has stored of it, or else what its files
    /// can hold.
    pub(super) fn ends(&self, atlas: &Atlas) -> BTreeMap<Arc<Partition>, i64> {
        let of_files = |(partition, sheets): (&Arc<Partition>, &Vec<Sheet>)| {
            Some((Arc::clone(partition), sheets.iter().map(|sheet| sheet.end).max()?))
        };
        let mut ends: BTreeMap<_, _> = atlas.iter().filter_map(of_files).collect();
        let mut stored: BTreeMap<Arc<Partition>, i64> = BTreeMap::new();
        for position in self.snapshot.positions() {
            let end = stored.entry(Arc::new(position.partition.clone())).or_insert(position.position);
            *end = position.position.max(*end);
        }
        ends.extend(stored);
        ends
    }

    /// The files that can hold what is asked for.
    pub(super) fn candidates(&self, selection: &Selection) -> impl Iterator<Item = &LiveFile> {
        let prune = Prune::new(selection, &self.snapshot);
        self.snapshot.files().iter().filter(move |file| prune.can_hold(file))
    }

    /// The files that can hold what is asked for, and what of which partition.
    pub(super) async fn survey(
        &self,
        surveyed: &Surveyed,
        selection: &Selection,
        tally: &Tally,
    ) -> Result<(Arc<[LiveFile]>, Atlas)> {
        let all = self.snapshot.files();
        let files: Arc<[LiveFile]> = self.candidates(selection).cloned().collect();
        tally.files.store(all.len() as u64, Relaxed);
        tally.files_ruled_out.store((all.len() - files.len()) as u64, Relaxed);
        let atlas = surveyed.survey(&self.snapshot, &files).await?;
        surveyed.keep(all);
        Ok((files, atlas))
    }

    /// A file that is not there any more since the table was rewritten meanwhile is no damage: what it held is in another.
    pub(super) async fn explain(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Refused {
            return error;
        }
        let has = |snapshot: &Snapshot, path: &str| snapshot.files().iter().any(|file| file.path == path);
        let chain = error.chain();
        let blamed = self.snapshot.files().iter().find(|file| chain.contains(&file.path));
        match (blamed, self.collection.snapshot().await) {
            (Some(file), Ok(now)) if !has(&now, &file.path) => {
                Error::unavailable(format!("{} was rewritten while it was read", self.collection)).because(error)
            }
            _ => error,
        }
    }
}
