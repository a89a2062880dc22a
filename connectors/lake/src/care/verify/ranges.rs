//! Whether the positions of each partition are accounted for: by the footers of files, or by commits that moved positions
//! without a row.

use std::collections::{BTreeMap, HashMap};

use catchwater_sdk::Partition;

use super::file::Checked;
use super::finding::{Finding, Findings};
use super::log::{Move, Steps, With};
use crate::care::shown;
use crate::read::Snapshot;
use crate::table::app_id;

const LOST: &str =
    "put the files back from a copy of the lake; without one, read the range again, if its source still has it";

/// What the footers of the files cover.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// By application id, in order of their end.
    by_id: BTreeMap<String, Vec<Range>>,
    commits: HashMap<String, Commit>,
}

/// From a position (none is the beginning) up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: Option<i64>,
    to: i64,
}

/// The files of a commit.
#[derive(Debug, Default)]
struct Commit {
    files: usize,
    live: usize,
}

impl Ranges {
    /// Gathers the footers; those of one commit say the same.
    pub(super) fn of(files: &[Checked]) -> Ranges {
        let mut ranges = Ranges::default();
        for footer in files.iter().filter_map(|file| file.footer.as_ref()) {
            let commit = ranges.commits.entry(footer.commit.clone()).or_default();
            (commit.files, commit.live) = (footer.files, commit.live + 1);
            if commit.live > 1 {
                continue;
            }
            for covered in &footer.positions {
                let app_id = app_id::format(&covered.capture, &covered.partition());
                ranges.by_id.entry(app_id).or_default().push(Range { from: covered.from, to: covered.to });
            }
        }
        ranges.by_id.values_mut().for_each(|list| list.sort_by_key(|range| range.to));
        ranges
    }

    /// Whether a file covers a range that ends there.
    pub(super) fn end_at(&self, app_id: &str, to: i64) -> bool {
        self.by_id.get(app_id).is_some_and(|list| list.binary_search_by_key(&to, |range| range.to).is_ok())
    }

    /// Whether a commit has fewer files than it had.
    pub(super) fn is_incomplete(&self, commit: &str) -> bool {
        self.commits.get(commit).is_some_and(|commit| commit.live < commit.files)
    }

    /// Follows the ranges of each partition up to the position that the table has.
    pub(super) fn check(&self, snapshot: &Snapshot, steps: &Steps, findings: &mut Findings) {
        let mut stored: BTreeMap<String, i64> = BTreeMap::new();
        for position in snapshot.positions() {
            stored.insert(app_id::format(&position.capture, &position.partition), position.position);
        }
        let without: Vec<&String> = stored.keys().filter(|id| !self.by_id.contains_key(*id)).collect();
        for id in self.by_id.keys().chain(without) {
            let ranges = self.by_id.get(id).map_or(&[][..], Vec::as_slice);
            let moves = steps.uncovered.get(id).map_or(&[][..], Vec::as_slice);
            if let Some((capture, partition)) = app_id::parse(id) {
                let chain = Chain { capture: &capture, partition: &partition, moves, findings };
                chain.follow(ranges, stored.get(id).copied());
            }
        }
        self.check_commits(snapshot, steps, findings);
    }

    fn check_commits(&self, snapshot: &Snapshot, steps: &Steps, findings: &mut Findings) {
        // A file that cannot be read is reported as such, and counts here.
        let mut listed: HashMap<&str, usize> = HashMap::new();
        for commit in snapshot.files().iter().filter_map(|file| file.tags.get("catchwater.commit")) {
            *listed.entry(commit).or_default() += 1;
        }
        let incomplete = |id: &str, commit: &Commit| listed.get(id).copied().unwrap_or(commit.live) < commit.files;
        let mut commits: Vec<_> = self.commits.iter().filter(|(id, commit)| incomplete(id, commit)).collect();
        commits.sort_by_key(|(id, _)| *id);
        for (id, Commit { files, live }) in commits {
            let (place, what) = (format!("commit {id}"), format!("{live} of its {files} files are in the table"));
            findings.push(match steps.added_by.get(id).is_some_and(|added| added >= files) {
                true => Finding::note(
                    place,
                    format!("{what}; the others were removed from it later"),
                    "nothing, if that was meant",
                ),
                false => Finding::damage(place, what, LOST),
            });
        }
    }
}

/// The ranges of one partition.
struct Chain<'a> {
    capture: &'a str,
    partition: &'a Partition,
    moves: &'a [Move],
    findings: &'a mut Findings,
}

impl Chain<'_> {
    fn follow(mut self, ranges: &[Range], stored: Option<i64>) {
        let mut at: Option<i64> = None;
        for (number, range) in ranges.iter().enumerate() {
            match (at, range.from) {
                (Some(at), from) if from.is_none_or(|from| from < at) => self.overlap(from, at.min(range.to)),
                (at, Some(from)) if at != Some(from) => self.hole(at, from),
                _ => debug_assert!(number == 0 || at == range.from),
            }
            at = at.max(Some(range.to));
        }
        match stored {
            Some(stored) if at.is_none_or(|at| at < stored) => self.hole(at, stored),
            Some(stored) if at > Some(stored) => {
                self.damage(format!("the table is at position {stored}, its files go up to {}", at.unwrap_or_default()))
            }
            None => self.damage("its files cover positions, and the table has none".to_owned()),
            _ => {}
        }
    }

    /// No file covers `from` up to `to`: says what became of it, move by move.
    fn hole(&mut self, from: Option<i64>, to: i64) {
        let mut within: Vec<Move> =
            self.moves.iter().copied().filter(|step| from.is_none_or(|from| from < step.to) && step.to < to).collect();
        within.sort_by_key(|step| step.to);
        let end = self.moves.iter().find(|step| step.to == to).map_or(With::LostFiles, |step| step.with);
        within.push(Move { to, with: end });
        let mut start = from;
        for same in within.chunk_by(|a, b| a.with == b.with) {
            let end = same.last().map_or(to, |step| step.to);
            self.tell(start, end, same[0].with);
            start = Some(end);
        }
    }

    fn tell(&mut self, from: Option<i64>, to: i64, with: With) {
        let start = from.map_or("the beginning".to_owned(), |from| from.to_string());
        match with {
            With::Nothing => {}
            With::LostFiles => self.damage(format!("positions {start} up to {to} are in no file")),
            With::RemovedFiles => {
                let what = format!("the files of positions {start} up to {to} were removed from the table");
                self.findings.push(Finding::note(
                    shown(self.capture, self.partition),
                    what,
                    "nothing, if that was meant",
                ));
            }
        }
    }

    fn overlap(&mut self, from: Option<i64>, to: i64) {
        let start = from.map_or("the beginning".to_owned(), |from| from.to_string());
        self.damage(format!("positions {start} up to {to} are covered by two commits"));
    }

    fn damage(&mut self, what: String) {
        self.findings.push(Finding::damage(shown(self.capture, self.partition), what, LOST));
    }
}
