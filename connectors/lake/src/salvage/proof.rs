//! What footers prove: which positions whole commits cover, and what is left open.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use catchwater_sdk::Partition;

use crate::care::{Finding, Findings};
use crate::read::FileFooter;

const LOST: &str = "put the files back from a copy; without one, read the range again, if its source still has it";

/// So many partitions are named where a word on each would be too much.
const SHOWN_MAX: usize = 3;

/// Ranges of positions that do not touch, in order. The beginning is the least number that there is.
type Spans = Vec<Range<i64>>;

/// The commits that files are of.
pub(super) struct Proof<'a>(BTreeMap<&'a str, Commit<'a>>);

/// A commit, as far as its files are there.
struct Commit<'a> {
    there: BTreeSet<usize>,
    footer: &'a FileFooter,
}

// === impl Proof ===

impl<'a> Proof<'a> {
    pub(super) fn of(footers: impl Iterator<Item = &'a FileFooter>) -> Proof<'a> {
        let mut commits = BTreeMap::new();
        for footer in footers {
            let commit =
                commits.entry(footer.commit.as_str()).or_insert_with(|| Commit { there: BTreeSet::new(), footer });
            commit.there.insert(footer.file);
        }
        Proof(commits)
    }

    /// The files that whole rewrites took in.
    pub(super) fn replaced(&self) -> HashSet<String> {
        self.0.values().filter(|commit| commit.is_whole()).flat_map(|commit| commit.footer.replaces.clone()).collect()
    }

    /// Says what is not proven.
    pub(super) fn tell(&self, findings: &mut Findings) {
        let whole = covered(self.0.values().filter(|commit| commit.is_whole()));
        for commit in self.0.values().filter(|commit| !commit.is_whole()) {
            commit.tell(&whole, findings);
        }
        let covered = covered(self.0.values());
        beginnings(&covered, findings);
        for (partition, spans) in covered {
            holes(&partition, &spans, findings);
        }
    }
}

// === impl Commit ===

impl Commit<'_> {
    fn is_whole(&self) -> bool {
        self.there.len() >= self.footer.files
    }

    fn spans(&self) -> impl Iterator<Item = (Partition, Range<i64>)> {
        self.footer.positions.iter().map(|covered| (covered.partition(), covered.from.unwrap_or(i64::MIN)..covered.to))
    }

    /// Half a commit is no loss where whole ones have its positions: then it was begun, and made again after a crash.
    fn tell(&self, whole: &BTreeMap<Partition, Spans>, findings: &mut Findings) {
        let open = |(partition, range): (Partition, Range<i64>)| {
            let left = without(range, whole.get(&partition).map_or(&[][..], Vec::as_slice));
            let shown = left.iter().map(|range| format!("{partition} {}", shown(range))).collect::<Vec<_>>();
            (!shown.is_empty()).then(|| shown.join(", "))
        };
        let open: Vec<String> = self.spans().filter_map(open).collect();
        let place = format!("commit {}", self.footer.commit);
        let there = format!("{} of its {} files are there", self.there.len(), self.footer.files);
        findings.push(match open.is_empty() {
            true => Finding::note(place, format!("{there}; whole commits have all its positions"), "nothing"),
            false => Finding::damage(place, format!("{there}; rows may be missing of {}", open.join(", ")), LOST),
        });
    }
}

/// The first commit of a partition says that there was none before it. Where others come first, one before them had no rows,
/// or its files are gone. Told once, as it is likely the same of all partitions.
fn beginnings(covered: &BTreeMap<Partition, Spans>, findings: &mut Findings) {
    let first = |(partition, spans): (&Partition, &Spans)| {
        let first = spans.first().filter(|first| first.start != i64::MIN)?;
        Some(format!("{partition} {}", shown(&(i64::MIN..first.start))))
    };
    let mut open: Vec<String> = covered.iter().filter_map(first).collect();
    if open.is_empty() {
        return;
    }
    let more = open.len().saturating_sub(SHOWN_MAX);
    open.truncate(SHOWN_MAX);
    open.extend((more > 0).then(|| format!("those of {more} more partitions")));
    let what =
        format!("no file covers {}, which were committed before the oldest files that are there", open.join(", "));
    let advice = format!("nothing, if a filter kept none of them, or their files were removed on purpose; else {LOST}");
    findings.push(Finding::damage("the oldest files", what, advice));
}

/// Between what is covered of a partition. In a hole a file may be missing; a commit without rows has none.
fn holes(partition: &Partition, spans: &[Range<i64>], findings: &mut Findings) {
    for pair in spans.windows(2) {
        let what = format!("no file covers {}", shown(&(pair[0].end..pair[1].start)));
        let advice = format!("nothing, if a filter kept none of them; else {LOST}");
        findings.push(Finding::damage(partition.to_string(), what, advice));
    }
}

fn shown(range: &Range<i64>) -> String {
    match range.start {
        i64::MIN => format!("positions before {}", range.end),
        start => format!("positions {start} up to {}", range.end),
    }
}

// === ranges ===

fn covered<'a>(commits: impl Iterator<Item = &'a Commit<'a>>) -> BTreeMap<Partition, Spans> {
    let mut all: BTreeMap<Partition, Spans> = BTreeMap::new();
    for (partition, range) in commits.flat_map(|commit| commit.spans()) {
        all.entry(partition).or_default().push(range);
    }
    all.values_mut().for_each(join);
    all
}

/// Puts ranges in order and joins those that touch.
fn join(ranges: &mut Spans) {
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges.dedup_by(|next, before| {
        let touch = next.start <= before.end;
        if touch {
            before.end = before.end.max(next.end);
        }
        touch
    });
}

/// What of a range none of `spans` has.
fn without(range: Range<i64>, spans: &[Range<i64>]) -> Spans {
    let (mut left, mut at) = (Spans::new(), range.start);
    for span in spans.iter().filter(|span| span.start < range.end && range.start < span.end) {
        left.push(at..span.start);
        at = span.end;
    }
    left.push(at..range.end);
    left.retain(|range| range.start < range.end);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::care::Level;

    /// A file of a commit: its number, of how many, and what the commit covers of one partition.
    fn footer(commit: &str, file: usize, files: usize, from: Option<i64>, to: i64) -> FileFooter {
        let partition = Partition { source: "s".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 };
        let positions = vec![crate::writer::Covered::new("archive", &partition, from, to)];
        FileFooter { version: 1, commit: commit.to_owned(), file, files, replaces: Vec::new(), positions }
    }

    fn check(footers: &[FileFooter], expected: &[(Level, &str)]) {
        let mut findings = Findings::default();
        Proof::of(footers.iter()).tell(&mut findings);
        let (findings, _) = findings.into_parts();
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, (level, words)) in findings.iter().zip(expected) {
            assert!(finding.level == *level && finding.what.contains(words), "{finding:?}: {words}");
        }
    }

    #[test]
    fn whole_commits_that_follow_each_other_leave_nothing_open() {
        check(&[footer("a", 1, 2, None, 10), footer("a", 2, 2, None, 10), footer("b", 1, 1, Some(10), 20)], &[]);
        check(&[footer("a", 1, 1, None, 10), footer("orphan", 1, 1, None, 15), footer("b", 1, 1, Some(10), 20)], &[]);
    }

    #[test]
    fn half_a_commit_is_told_and_whether_others_have_its_positions() {
        let half = footer("half", 2, 3, Some(10), 20);
        let damage =
            (Level::Damage, "1 of its 3 files are there; rows may be missing of orders[0] positions 10 up to 20");
        check(&[footer("a", 1, 1, None, 10), half.clone()], &[damage]);
        let note = (Level::Note, "whole commits have all its positions");
        check(&[footer("a", 1, 1, None, 15), half, footer("b", 1, 1, Some(15), 30)], &[note]);
    }

    #[test]
    fn holes_are_told() {
        let damage = (Level::Damage, "no file covers positions 10 up to 12");
        check(&[footer("a", 1, 1, None, 10), footer("b", 1, 1, Some(12), 20)], &[damage]);
    }

    #[test]
    fn that_the_oldest_files_are_gone_is_told_once() {
        let damage = |words| [(Level::Damage, words)];
        check(
            &[footer("b", 1, 1, Some(7), 10)],
            &damage("no file covers orders[0] positions before 7, which were committed"),
        );
        let many: Vec<_> = (0..5)
            .map(|number| {
                let mut footer = footer(&format!("b{number}"), 1, 1, Some(7), 10);
                footer.positions[0].partition = number;
                footer
            })
            .collect();
        check(&many, &damage("orders[2] positions before 7, those of 2 more partitions"));
    }

    #[test]
    fn a_range_is_cut_by_what_others_have() {
        let check = |range: Range<i64>, spans: &[(i64, i64)], expected: &[(i64, i64)]| {
            let spans: Spans = spans.iter().map(|(start, end)| *start..*end).collect();
            let left: Vec<_> = without(range, &spans).into_iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(left, expected);
        };
        check(0..10, &[], &[(0, 10)]);
        check(0..10, &[(2, 4), (6, 7), (9, 20)], &[(0, 2), (4, 6), (7, 9)]);
        check(3..10, &[(0, 5), (5, 10)], &[]);
    }
}
