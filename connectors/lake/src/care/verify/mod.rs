//! Whether a table is whole: reads everything, changes nothing.
//!
//! | What is checked | Where |
//! |---|---|
//! | every entry and checkpoint of the log can be read, none is missing | `log` |
//! | every file is there, decodes to the last page, has its rows in order, each with the identity and the date that its place says | `file` |
//! | what the log says of a file (rows, bounds of columns, commit) is what stands in it | `file`, `measure` |
//! | all files of a commit are there, and their ranges of positions follow each other up to the table's position | `ranges` |
//! | no row is there twice | `identity` |
//! | files that nobody counts | `strays` |
//!
//! What is held grows with the number of files, never with that of rows: identities are compared by ranges of positions, and
//! only where ranges of files overlap.

mod file;
mod finding;
mod identity;
mod log;
mod measure;
mod order;
mod ranges;
mod strays;

use std::sync::Arc;

use catchwater_sdk::{Error, ErrorKind, Result};
use futures::{StreamExt, stream};
use serde::Serialize;

use self::file::{Checked, Depth, check};
pub(crate) use self::finding::Findings;
pub use self::finding::{Finding, Level};
use self::ranges::Ranges;
use crate::read::{Collection, Snapshot};

/// How many files are read at the same time.
const FILES_MAX: usize = 4;

/// What the check of a collection came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// The collection.
    pub collection: String,
    /// The version that was checked.
    pub version: Option<i64>,
    /// Entries of the log that were read.
    pub entries: usize,
    /// Checkpoints that were read.
    pub checkpoints: usize,
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// Findings that are not listed, as there are too many.
    pub more_findings: usize,
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Files that were read.
    pub files: usize,
    /// Of so many.
    pub files_all: usize,
    /// Bytes that were read.
    pub bytes: u64,
    /// Of so many.
    pub bytes_all: u64,
}

impl Verification {
    /// Whether nothing is missing or damaged.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.level == Level::Note)
    }
}

/// Checks a collection. An error means that it could not be checked; what is wrong with it is in the answer.
pub async fn verify(collection: &Collection, mut progress: impl FnMut(Progress)) -> Result<Verification> {
    let mut findings = Findings::default();
    let mut verification = Verification { collection: collection.name().to_owned(), ..Verification::default() };
    match collection.snapshot().await {
        Ok(snapshot) => {
            let snapshot = Arc::new(snapshot);
            verification.version = Some(snapshot.version());
            let files = check_files(&snapshot, Depth::Pages, &mut verification, &mut findings, &mut progress).await?;
            let ranges = Ranges::of(&files);
            let steps = log::check(&snapshot, &files, &ranges, &mut verification, &mut findings).await?;
            ranges.check(&snapshot, &steps, &mut findings);
            identity::check(&snapshot, &files, &mut findings).await?;
            strays::check(&snapshot, &steps, &mut findings).await?;
        }
        Err(error) if error.kind() == ErrorKind::Refused => {
            log::check_alone(collection, &error, &mut verification, &mut findings).await?;
        }
        Err(error) => return Err(error),
    }
    (verification.findings, verification.more_findings) = findings.into_parts();
    Ok(verification)
}

/// What the files do not cover of the positions that the table has, and files that cannot be opened: read from the log and the
/// footers of the files alone.
pub async fn gaps(collection: &Collection) -> Result<Vec<Finding>> {
    let snapshot = Arc::new(collection.snapshot().await?);
    let (mut verification, mut findings) = (Verification::default(), Findings::default());
    let files = check_files(&snapshot, Depth::Footer, &mut verification, &mut findings, &mut |_| {}).await?;
    let ranges = Ranges::of(&files);
    let steps = log::check(&snapshot, &files, &ranges, &mut verification, &mut findings).await?;
    ranges.check(&snapshot, &steps, &mut findings);
    Ok(findings.into_parts().0)
}

/// The first file that turns out to be damaged, for whoever was told by a library that one is, and not which.
pub async fn first_damage(snapshot: &Snapshot) -> Result<Option<Finding>> {
    for file in snapshot.files() {
        let findings = check(snapshot, file, Depth::Pages).await?.findings;
        if let Some(damage) = findings.into_iter().find(|finding| finding.level == Level::Damage) {
            return Ok(Some(damage));
        }
    }
    Ok(None)
}

/// Reads every file of the table, several at a time; in their order.
async fn check_files(
    snapshot: &Arc<Snapshot>,
    depth: Depth,
    verification: &mut Verification,
    findings: &mut Findings,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<Checked>> {
    let files = snapshot.files();
    let mut at =
        Progress { files_all: files.len(), bytes_all: files.iter().map(|file| file.size).sum(), ..Progress::default() };
    let task = |file: &crate::read::LiveFile| {
        let (snapshot, file) = (Arc::clone(snapshot), file.clone());
        tokio::spawn(async move { check(&snapshot, &file, depth).await })
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(FILES_MAX);
    let mut tasks = stream::iter(files).map(task).buffered(cores);
    let mut all = Vec::with_capacity(files.len());
    while let Some(checked) = tasks.next().await {
        let mut checked = checked.map_err(|panic| Error::bug("a check of a file died").because(panic))??;
        findings.extend(std::mem::take(&mut checked.findings));
        at.files += 1;
        at.bytes += files[all.len()].size;
        verification.rows += checked.rows;
        progress(at);
        all.push(checked);
    }
    (verification.files, verification.bytes) = (at.files, at.bytes);
    Ok(all)
}
