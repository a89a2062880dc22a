//! What `lake ls` shows.

use catchwater_sdk::{ErrorKind, Result};
use serde::Serialize;
use url::Url;

use crate::read::{Collection, LiveFile, Snapshot};

/// A collection in numbers, from its log alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overview {
    /// Its name.
    pub collection: String,
    /// How many rows, if every file says so.
    pub rows: Option<u64>,
    /// The size of its files.
    pub bytes: u64,
    /// How many files it has.
    pub files: usize,
    /// The time of the first event, in ISO 8601.
    pub first_event: Option<String>,
    /// The time of the last event.
    pub last_event: Option<String>,
    /// The version of the table.
    pub version: Option<i64>,
    /// Why it cannot be read; all else is then missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Collections in numbers. One that cannot be read says why, and hides no other.
pub async fn overview(collections: &[Collection]) -> Result<Vec<Overview>> {
    let mut overviews = Vec::new();
    for collection in collections {
        overviews.push(Overview::read(collection).await?);
    }
    Ok(overviews)
}

/// The files of a table as readers of Parquet take them: paths where they are on local disk, else URLs.
pub fn files(snapshot: &Snapshot) -> Vec<String> {
    let folder = snapshot.store().url();
    let local = Url::parse(&folder).ok().and_then(|url| url.to_file_path().ok());
    let path = |file: &LiveFile| match &local {
        Some(folder) => folder.join(&file.path).display().to_string(),
        None => format!("{folder}/{}", file.path),
    };
    snapshot.files().iter().map(path).collect()
}

impl Overview {
    async fn read(collection: &Collection) -> Result<Overview> {
        match collection.snapshot().await {
            Ok(snapshot) => Ok(Overview::of(collection.name(), &snapshot)),
            Err(error) if error.kind() == ErrorKind::Refused => Ok(Overview {
                collection: collection.name().to_owned(),
                error: Some(error.chain()),
                ..Overview::default()
            }),
            Err(error) => Err(error),
        }
    }

    pub(super) fn of(name: &str, snapshot: &Snapshot) -> Overview {
        let files = snapshot.files();
        let (first, last) = span(files);
        Overview {
            collection: name.to_owned(),
            rows: files.iter().map(LiveFile::rows).sum(),
            bytes: files.iter().map(|file| file.size).sum(),
            files: files.len(),
            first_event: first,
            last_event: last,
            version: Some(snapshot.version()),
            error: None,
        }
    }
}

/// The times of the first and the last event. ISO 8601 of one form sorts as text.
fn span(files: &[LiveFile]) -> (Option<String>, Option<String>) {
    let (mut first, mut last): (Option<String>, Option<String>) = (None, None);
    for stats in files.iter().filter_map(LiveFile::stats) {
        let times = stats.column(&["_timestamp"]);
        let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_owned);
        first = [first, text(times.min)].into_iter().flatten().min();
        last = [last, text(times.max)].into_iter().flatten().max();
    }
    (first, last)
}
