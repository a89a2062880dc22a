//! A collection out of its files alone, for when the table's log is lost.
//!
//! ```text
//!  folder ─ list ─▶ files ─ footers ─▶ commit, file i of n, covered positions, replaced files (see `writer::footer`)
//!                                        │ proof: which positions whole commits cover, and what is left open
//!                                        ▼
//!                                      Snapshot without a log ─▶ the replay merges its rows by identity
//! ```
//!
//! No file is left out on a guess: an orphan, or half a commit, holds records that were read, and rows that are there twice
//! count once. Only what a whole rewrite replaces is left out, since that may have erased something on purpose. What footers
//! cannot prove is told.

mod files;
mod proof;

use std::sync::Arc;

use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;

use self::proof::Proof;
use crate::care::{Finding, Findings};
use crate::read::Snapshot;

/// What the files of a folder tell.
pub(crate) struct Salvaged {
    pub(crate) snapshot: Snapshot,
    /// Files that were left out, since others replace them.
    pub(crate) replaced: usize,
    /// What is damaged or not proven, the worst first.
    pub(crate) findings: Vec<Finding>,
}

/// Reads the footers of all files below a folder. `Refused` if there is none, or if they are of several collections.
pub(crate) async fn salvage(store: Store, format: Arc<dyn Format>) -> Result<Salvaged> {
    let mut findings = Findings::default();
    let found = files::look(&store, &format, &mut findings).await?;
    if found.is_empty() && findings.is_empty() {
        return Err(Error::refused(format!("read the files in {}: there are no Parquet files below it", store.url())));
    }
    let proof = Proof::of(found.iter().filter_map(|found| found.footer.as_ref()));
    proof.tell(&mut findings);
    let (all, gone) = (found.len(), proof.replaced());
    let kept: Vec<_> = found.into_iter().map(|found| found.file).filter(|file| !gone.contains(&file.path)).collect();
    let (replaced, findings) = (all - kept.len(), findings.into_parts().0);
    Ok(Salvaged { snapshot: Snapshot::of_files(store, format, kept), replaced, findings })
}
