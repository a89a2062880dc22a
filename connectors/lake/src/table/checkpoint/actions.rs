//! All that counts as of a version: what a checkpoint is to say. ("Action Reconciliation" of the Delta protocol.)

use std::collections::BTreeMap;
use std::time::Duration;

use catchwater_sdk::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::table::entry::{Entry, Position};
use crate::table::files::{Copied, CopiedChange, Files, removals_first};
use crate::table::metadata::Metadata;
use crate::table::protocol::Protocol;
use crate::table::replay::Sum;
use crate::table::state::State;

/// How long a checkpoint repeats that a file was removed, unless the table says otherwise: readers of older versions still want
/// the file itself.
const REMOVAL_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// With the files word for word, so that nothing is lost of what another tool said of them.
#[derive(Debug, Default)]
pub(in crate::table) struct Actions {
    state: State,
    protocol: Option<Protocol>,
    files: BTreeMap<String, CopiedChange>,
}

/// One row of a checkpoint, and a line of JSON on the way there: exactly one of these.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::table) struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'a Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta_data: Option<&'a Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remove: Option<&'a RawValue>,
}

impl Sum for Actions {
    const FILES: Files = Files::Copy;

    fn next_version(&self) -> i64 {
        self.state.next_version()
    }

    fn apply(&mut self, version: i64, mut entry: Entry) -> Result<()> {
        let copied = std::mem::take(&mut entry.copied);
        self.protocol = entry.protocol.clone().or(self.protocol.take());
        self.state.apply(version, entry)?;
        let copied = removals_first(copied, |file| matches!(file.what, CopiedChange::Added(_)));
        self.files.extend(copied.map(|Copied { path, what }| (path, what)));
        Ok(())
    }
}

impl Actions {
    /// The rows of the checkpoint.
    pub(in crate::table) fn rows(&self, now_millis: i64) -> Result<impl Iterator<Item = Row<'_>>> {
        let (Some(protocol), Some((metadata, _))) = (&self.protocol, &self.state.metadata) else {
            return Err(Error::refused("the log does not say what the table is"));
        };
        let kept_from = match metadata.sets("delta.deletedFileRetentionDuration") {
            true => i64::MIN,
            false => now_millis.saturating_sub_unsigned(REMOVAL_KEPT.as_secs() * 1000),
        };
        let table =
            [Row { protocol: Some(protocol), ..Row::default() }, Row { meta_data: Some(metadata), ..Row::default() }];
        let positions = self.state.positions.iter().map(|(app_id, version)| Row {
            txn: Some(Position { app_id: app_id.clone(), version: *version }),
            ..Row::default()
        });
        let files = self.files.values().filter_map(move |file| file_row(file, kept_from));
        Ok(table.into_iter().chain(positions).chain(files))
    }

    pub(super) fn version(&self) -> Option<i64> {
        self.state.version
    }
}

fn file_row(file: &CopiedChange, removals_from_millis: i64) -> Option<Row<'_>> {
    match file {
        CopiedChange::Added(add) => Some(Row { add: Some(add), ..Row::default() }),
        CopiedChange::Removed(remove) => {
            (removed_at(remove) >= removals_from_millis).then(|| Row { remove: Some(remove), ..Row::default() })
        }
    }
}

/// Milliseconds since 1970. A removal that does not say when was long ago, by the protocol.
fn removed_at(remove: &RawValue) -> i64 {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Removed {
        deletion_timestamp: Option<i64>,
    }
    serde_json::from_str::<Removed>(remove.get()).unwrap_or_default().deletion_timestamp.unwrap_or_default()
}
