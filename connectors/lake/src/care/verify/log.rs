//! The log: every entry and every checkpoint, and what of it the files do not tell.

use std::collections::{BTreeSet, HashMap};

use catchwater_sdk::{Error, Result};

use super::Verification;
use super::file::{COMMIT_TAG, Checked};
use super::finding::{Finding, Findings};
use super::ranges::Ranges;
use crate::read::{Collection, Snapshot};
use crate::table::{Added, Step, app_id, inspect};

const FROM_COPY: &str = "put the file back from a copy of the lake";

/// What the log says beside the files that are there.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Positions that moved without a file that is there saying so.
    pub(super) uncovered: HashMap<String, Vec<Move>>,
    /// Files that were removed from the table.
    pub(super) removed: BTreeSet<String>,
    /// How many files each commit added that has fewer now.
    pub(super) added_by: HashMap<String, usize>,
}

/// A position that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) to: i64,
    pub(super) with: With,
}

/// What a position moved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// No row: all was dropped on the way.
    Nothing,
    /// Files that the table does not have any more.
    RemovedFiles,
    /// Files that are missing, or say otherwise.
    LostFiles,
}

/// Reads the log of a table that can be opened.
pub(super) async fn check(
    snapshot: &Snapshot,
    files: &[Checked],
    ranges: &Ranges,
    verification: &mut Verification,
    findings: &mut Findings,
) -> Result<Steps> {
    let mut steps = Steps::default();
    let version = snapshot.version();
    let inspection = inspect(snapshot.store(), |step| {
        // What was committed meanwhile is not in the snapshot.
        if step.version <= version {
            steps.take(step, files, ranges);
        }
    })
    .await?;
    (verification.entries, verification.checkpoints) = (inspection.entries, inspection.checkpoints);
    findings.extend(damages(inspection.damage));
    Ok(steps)
}

/// Reads the log of a table that cannot be opened, for `error`.
pub(super) async fn check_alone(
    collection: &Collection,
    error: &Error,
    verification: &mut Verification,
    findings: &mut Findings,
) -> Result<()> {
    let inspection = inspect(collection.store(), drop).await?;
    (verification.entries, verification.checkpoints) = (inspection.entries, inspection.checkpoints);
    let advice = "see above; the files were not checked, as the log says which of them count";
    findings.push(Finding::damage("the table", error.chain(), advice));
    findings.extend(damages(inspection.damage));
    Ok(())
}

fn damages(damage: Vec<(String, String)>) -> impl Iterator<Item = Finding> {
    damage.into_iter().map(|(place, what)| Finding::damage(place, what, FROM_COPY))
}

impl Steps {
    fn take(&mut self, step: Step, files: &[Checked], ranges: &Ranges) {
        for (app_id, to) in &step.moves {
            if !ranges.end_at(app_id, *to) {
                let moved = Move { to: *to, with: with(&step.added, app_id, files) };
                self.uncovered.entry(app_id.clone()).or_default().push(moved);
            }
        }
        for mut file in step.added {
            if let Some(commit) = file.tags().get(COMMIT_TAG).filter(|commit| ranges.is_incomplete(commit)) {
                *self.added_by.entry(commit.clone()).or_default() += 1;
            }
        }
        self.removed.extend(step.removed.into_iter().filter(|path| find(files, path).is_none()));
    }
}

/// What a position moved with, given that no file covers a range that ends there.
fn with(added: &[Added], app_id: &str, files: &[Checked]) -> With {
    let found: Vec<_> = added.iter().map(|file| find(files, &file.path)).collect();
    let says_otherwise = |checked: &&Checked| match (&checked.footer, app_id::parse(app_id)) {
        (Some(footer), Some((capture, partition))) => {
            footer.positions.iter().any(|covered| covered.capture == capture && covered.is_of(&partition))
        }
        _ => true,
    };
    if found.iter().flatten().any(says_otherwise) {
        With::LostFiles
    } else if found.iter().any(Option::is_none) {
        With::RemovedFiles
    } else {
        With::Nothing
    }
}

/// A file of the table, if it still is one.
fn find<'a>(files: &'a [Checked], path: &str) -> Option<&'a Checked> {
    files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &files[at])
}
