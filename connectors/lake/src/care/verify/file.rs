//! One file, from its first page to its last.

use catchwater_sdk::{Error, ErrorKind, Result};
use jiff::civil::Date;

use super::finding::Finding;
use super::measure::Measure;
use super::order::{Identities, Order, Span};
use crate::read::{DataFile, FileFooter, LiveFile, Rows, Snapshot};

const FROM_COPY: &str = "put the file back from a copy of the lake";

/// What the log notes of the commit that a file is of.
pub(super) const COMMIT_TAG: &str = "catchwater.commit";

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) footer: Option<FileFooter>,
    /// The rows of each partition.
    pub(super) spans: Vec<Span>,
    pub(super) findings: Vec<Finding>,
}

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Its footer alone.
    Footer,
    /// Its footer and every page.
    Pages,
}

/// Reads a file. What is wrong with it is among the findings; an error is of the store.
pub(super) async fn check(snapshot: &Snapshot, file: &LiveFile, depth: Depth) -> Result<Checked> {
    let mut checked = Checked { path: file.path.clone(), ..Checked::default() };
    match checked.read(snapshot, file, depth).await {
        Err(error) if error.kind() == ErrorKind::Refused => {
            checked.damage(what(&error), FROM_COPY);
            Ok(checked)
        }
        read => read.map(|()| checked),
    }
}

/// The cause without the place, which the finding has already.
fn what(error: &Error) -> String {
    let text = error.chain();
    let text = text.split_once(".parquet: ").map_or(text.as_str(), |(_, rest)| rest);
    text.replace(&format!("; {FROM_COPY}"), "").replace("the table's log lists the file, and it", "it")
}

impl Checked {
    async fn read(&mut self, snapshot: &Snapshot, file: &LiveFile, depth: Depth) -> Result<()> {
        let open = snapshot.open(file).await?;
        self.footer = open.footer();
        self.check_footer(file, open.rows());
        match depth {
            Depth::Footer => Ok(()),
            Depth::Pages => self.read_pages(file, open).await,
        }
    }

    async fn read_pages(&mut self, file: &LiveFile, mut open: DataFile) -> Result<()> {
        let (mut order, mut measure) = (Order::default(), Measure::default());
        let mut rows = open.rows_of(Rows::All, |_| true).await?;
        while let Some(batch) = rows.next().await? {
            self.rows += batch.num_rows() as u64;
            measure.push(&batch);
            match Identities::of(&batch) {
                Ok(identities) => order.push(&identities),
                Err(error) => {
                    self.damage(format!("the rows have no identity: {error}"), FROM_COPY);
                    return Ok(());
                }
            }
        }
        self.check_order(&order);
        self.check_stats(file, &measure);
        self.spans = order.spans;
        self.check_positions();
        Ok(())
    }

    fn check_footer(&mut self, file: &LiveFile, rows: u64) {
        match file.rows() {
            Some(said) if said != rows => {
                self.damage(format!("it has {rows} rows, the log says {said}"), FROM_COPY);
            }
            None => self.note("the log does not say how many rows it has", "nothing; another tool has written it"),
            _ => {}
        }
        let Some(footer) = &self.footer else {
            self.note(
                "it has no footer of Catchwater's, so the table could not be rebuilt from its files alone",
                "nothing; another tool has written it",
            );
            return;
        };
        let commit = footer.commit.clone();
        if let Some(said) = file.tags.get(COMMIT_TAG).filter(|said| **said != commit) {
            self.damage(format!("it is a file of commit {commit}, the log says {said}"), FROM_COPY);
        }
    }

    fn check_order(&mut self, order: &Order) {
        if let Some(row) = order.first_out_of_order {
            // A tool that merged files may have mixed them; then it took our footer with it.
            match self.footer.is_some() {
                true => self.damage(format!("row {row} is not behind the row before it"), FROM_COPY),
                false => {
                    self.note("its rows are not in order of their positions", "nothing; another tool has written it")
                }
            }
        }
        if order.strange_ids > 0 {
            self.damage(
                format!("{} rows have an `_id` that their other columns contradict", order.strange_ids),
                FROM_COPY,
            );
        }
        if order.without_identity > 0 {
            self.damage(format!("{} rows lack a part of their identity", order.without_identity), FROM_COPY);
        }
    }

    fn check_stats(&mut self, file: &LiveFile, measure: &Measure) {
        for contradiction in file.stats().map(|stats| measure.contradictions(&stats)).unwrap_or_default() {
            self.damage(contradiction, "put the file back from a copy of the lake: a search may skip it wrongly");
        }
        let Some((date, (first, last))) = file.date.zip(measure.days()) else { return };
        let day = date.since(Date::constant(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
        if first != day || last != day {
            self.damage(
                format!("it has events of other days than {date}"),
                "put the file back from a copy of the lake: a search may skip it wrongly",
            );
        }
    }

    /// Each row within the range that the commit covers of its partition.
    fn check_positions(&mut self) {
        let Some(footer) = &self.footer else { return };
        let outside = |span: &&Span| {
            let covers = |covered: &crate::read::Covered| {
                covered.is_of(&span.partition)
                    && covered.from.is_none_or(|from| from <= span.first.0)
                    && span.last.0 < covered.to
            };
            !footer.positions.iter().any(covers)
        };
        let found: Vec<String> = self
            .spans
            .iter()
            .filter(outside)
            .map(|span| {
                format!(
                    "rows of {} from {} to {} are outside of what its commit covers",
                    span.partition, span.first.0, span.last.0
                )
            })
            .collect();
        found.into_iter().for_each(|what| self.damage(what, FROM_COPY));
    }

    fn damage(&mut self, what: impl Into<String>, advice: &str) {
        self.findings.push(Finding::damage(&self.path, what, advice));
    }

    fn note(&mut self, what: &str, advice: &str) {
        self.findings.push(Finding::note(&self.path, what, advice));
    }
}
