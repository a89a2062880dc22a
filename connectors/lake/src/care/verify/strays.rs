//! Files in the table's folder that the table does not count.

use catchwater_sdk::Result;

use super::finding::{Finding, Findings};
use super::log::Steps;
use crate::read::Snapshot;

/// Folders with files that are not data, below the table.
const NOT_DATA: [&str; 2] = ["_delta_log/", "_catchwater/"];

/// Names them, and touches none.
pub(super) async fn check(snapshot: &Snapshot, steps: &Steps, findings: &mut Findings) -> Result<()> {
    let is_live = |path: &str| snapshot.files().binary_search_by(|file| file.path.as_str().cmp(path)).is_ok();
    let mut removed = 0;
    for listed in snapshot.store().list("", "").await? {
        let path = listed.path;
        if is_live(&path) || NOT_DATA.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        if steps.removed.contains(&path) {
            removed += 1;
            continue;
        }
        let advice = "nothing: the table does not count it. It may be part of a commit that is under way; once it is a day old it may be deleted";
        findings.push(Finding::note(path, format!("it is no file of the table ({} bytes)", listed.size), advice));
    }
    if removed > 0 {
        let what = format!("{removed} files that were removed from the table are still in its folder");
        findings.push(Finding::note("the table", what, "nothing: older versions need them"));
    }
    Ok(())
}
