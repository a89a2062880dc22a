//! Whether any row is there twice.
//!
//! Within a file that is in order two rows of one identity stand side by side, so only files whose positions overlap have
//! to be compared: mostly those of one commit, which spread a range over dates. They are compared window by window: the
//! places of a window are gathered from one file after the other and sorted. So memory is bounded, however many overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_sdk::{Error, ErrorKind, Partition, Result};

use super::file::Checked;
use super::finding::{Finding, Findings};
use super::order::{COLUMNS, Identities, Place, Span};
use crate::care::shown;
use crate::read::{Rows, Snapshot};

/// How many places are held at a time.
#[cfg(not(test))]
const PLACES_MAX: usize = 2 << 20;
#[cfg(test)]
const PLACES_MAX: usize = 8;

/// Rows of one partition in one file.
#[derive(Clone, Copy)]
struct Part<'a> {
    file: usize,
    span: &'a Span,
}

/// Parts whose places overlap.
struct Cluster<'a> {
    capture: &'a str,
    partition: &'a Arc<Partition>,
    parts: Vec<Part<'a>>,
}

/// Compares what overlaps.
pub(super) async fn check(snapshot: &Snapshot, files: &[Checked], findings: &mut Findings) -> Result<()> {
    for ((capture, partition), parts) in by_partition(files) {
        for parts in clusters(parts) {
            let cluster = Cluster { capture, partition, parts };
            findings.extend(cluster.check(snapshot, files).await?);
        }
    }
    Ok(())
}

/// The rows of each partition, apart for each capture: two of them may store the same records, each once.
fn by_partition(files: &[Checked]) -> BTreeMap<(&str, &Arc<Partition>), Vec<Part<'_>>> {
    let mut parts: BTreeMap<(&str, &Arc<Partition>), Vec<Part<'_>>> = BTreeMap::new();
    for (file, checked) in files.iter().enumerate() {
        for span in &checked.spans {
            let positions = checked.footer.as_ref().map_or(&[][..], |footer| footer.positions.as_slice());
            let capture = positions.iter().find(|covered| covered.is_of(&span.partition));
            let capture = capture.map_or("", |covered| covered.capture.as_str());
            parts.entry((capture, &span.partition)).or_default().push(Part { file, span });
        }
    }
    parts
}

/// Those that have to be compared with each other, or with themselves.
fn clusters(mut parts: Vec<Part<'_>>) -> Vec<Vec<Part<'_>>> {
    parts.sort_by_key(|part| part.span.first);
    let mut clusters: Vec<Vec<Part<'_>>> = Vec::new();
    let mut end: Option<Place> = None;
    for part in parts {
        match (clusters.last_mut(), end) {
            (Some(cluster), Some(end)) if part.span.first <= end => cluster.push(part),
            _ => clusters.push(vec![part]),
        }
        end = end.max(Some(part.span.last));
    }
    clusters.retain(|cluster| cluster.len() > 1 || !cluster[0].span.ascends);
    clusters
}

impl Cluster<'_> {
    /// By windows of positions; one that turns out to hold too much is halved.
    async fn check(&self, snapshot: &Snapshot, files: &[Checked]) -> Result<Option<Finding>> {
        let first = self.parts.iter().map(|part| part.span.first.0).min().unwrap_or_default();
        let last = self.parts.iter().map(|part| part.span.last.0).max().unwrap_or_default();
        let (mut twice, mut example) = (0, None);
        let mut windows = vec![(first, last)];
        while let Some((start, end)) = windows.pop() {
            let Some(mut places) = self.gather(snapshot, files, start, end).await? else {
                let middle = start + (end - start) / 2;
                windows.extend([(middle + 1, end), (start, middle)]);
                continue;
            };
            places.sort_unstable();
            let found: Vec<_> = places.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            twice += found.len();
            example = example.or(found.first().copied());
        }
        Ok(example.map(|place| self.finding(files, twice, place)))
    }

    fn finding(&self, files: &[Checked], twice: usize, (position, index): Place) -> Finding {
        let mut names: Vec<&str> = self.parts.iter().map(|part| files[part.file].path.as_str()).collect();
        names.dedup();
        let shown_files = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        let within = if index == 0 { String::new() } else { format!(", index {index}") };
        Finding::damage(
            shown(self.capture, self.partition),
            format!("{twice} rows are there twice, the first at position {position}{within}; in {shown_files}"),
            "please report it; readers that count `_id` once see the right numbers",
        )
    }

    /// The places from one position to another, both included; none if they are too many and can be fewer.
    async fn gather(&self, snapshot: &Snapshot, files: &[Checked], start: i64, end: i64) -> Result<Option<Vec<Place>>> {
        let mut places = Vec::new();
        for part in &self.parts {
            if part.span.last.0 < start || end < part.span.first.0 {
                continue;
            }
            let read = self.read(snapshot, &files[part.file].path, start..=end, &mut places).await;
            match read {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // It was reported when the file was read as a whole.
                Err(error) if error.kind() == ErrorKind::Refused => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(places))
    }

    /// False when the window holds too much and can be halved.
    async fn read(
        &self,
        snapshot: &Snapshot,
        path: &str,
        window: std::ops::RangeInclusive<i64>,
        places: &mut Vec<Place>,
    ) -> Result<bool> {
        let at = snapshot.files().binary_search_by(|file| file.path.as_str().cmp(path));
        let file = &snapshot.files()[at.map_err(|_| Error::bug(format!("file {path} left the snapshot")))?];
        let mut open = snapshot.open(file).await?;
        let mut rows = open.rows_of(Rows::All, |path| COLUMNS.contains(&path[0].as_str())).await?;
        while let Some(batch) = rows.next().await? {
            let Ok(identities) = Identities::of(&batch) else { return Ok(true) };
            let wanted = |row: &usize| {
                identities.is_whole(*row)
                    && window.contains(&identities.place(*row).0)
                    && identities.is_of(*row, self.partition)
            };
            places.extend((0..identities.rows()).filter(wanted).map(|row| identities.place(row)));
            if places.len() > PLACES_MAX && window.start() < window.end() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
