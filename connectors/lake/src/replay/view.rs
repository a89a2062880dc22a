//! A collection at one version, as a replay looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, ErrorKind, Partition, Result};
use tracing::{info, warn};

use super::board::Tally;
use super::config::Config;
use super::prune::Prune;
use super::selection::Selection;
use super::survey::{Atlas, Sheet, Surveyed};
use crate::care::{Finding, Level};
use crate::read::{Collection, Lake, LiveFile, Snapshot};
use crate::salvage::{Salvaged, salvage};

/// A collection at one version.
#[derive(Clone)]
pub(super) struct View {
    /// None if only its files are read.
    collection: Option<Collection>,
    pub(super) snapshot: Arc<Snapshot>,
    /// What files alone do not prove.
    findings: Arc<[Finding]>,
    files_replaced: usize,
}

impl View {
    /// What a replay is to look at.
    pub(super) async fn of(config: &Config, format: &Arc<dyn Format>) -> Result<View> {
        let lake = Lake::open(&config.path, Arc::clone(format))?;
        if !config.files {
            return View::open(lake.collection(&config.collection).await?).await;
        }
        let salvaged = salvage(lake.folder(&config.collection), Arc::clone(format)).await?;
        let Salvaged { snapshot, findings, replaced } = salvaged;
        Ok(View { collection: None, snapshot: snapshot.into(), findings: findings.into(), files_replaced: replaced })
    }

    async fn open(collection: Collection) -> Result<View> {
        let snapshot = collection.snapshot().await?.into();
        Ok(View { collection: Some(collection), snapshot, findings: [].into(), files_replaced: 0 })
    }

    /// What it is of; none if only its files are read.
    pub(super) fn collection(&self) -> Option<&Collection> {
        self.collection.as_ref()
    }

    /// The same collection as it is now.
    pub(super) async fn newer(&self) -> Result<View> {
        match &self.collection {
            Some(collection) => View::open(collection.clone()).await,
            None => Err(Error::bug("follow files that no log tells of")),
        }
    }

    /// Says what files alone do not prove.
    pub(super) fn warn_of_findings(&self, tally: &Tally) {
        for Finding { level, place, what, advice } in self.findings.iter() {
            match level {
                Level::Damage => warn!("{place}: {what}; {advice}"),
                Level::Note => info!("{place}: {what}; {advice}"),
            }
        }
        let unproven = self.findings.iter().filter(|finding| finding.level == Level::Damage).count();
        tally.unproven.store(unproven as u64, Relaxed);
        tally.files_replaced.store(self.files_replaced as u64, Relaxed);
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
        let Some(collection) = &self.collection else { return left_to_the_user(error) };
        match (blamed, collection.snapshot().await) {
            (Some(file), Ok(now)) if !has(&now, &file.path) => {
                Error::unavailable(format!("{collection} was rewritten while it was read")).because(error)
            }
            _ => error,
        }
    }
}

/// Nothing is left out without a word: a file whose damage shows only when it is read stops the replay.
fn left_to_the_user(error: Error) -> Error {
    Error::refused("read files without a table's log: to send the rest, move the file out of the folder and go on")
        .because(error)
}
