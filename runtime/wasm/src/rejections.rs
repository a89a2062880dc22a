//! Records that a plugin rejects, by their number.

use std::collections::BTreeMap;

use crate::bindings::types::Rejection;
use crate::journal::plain;

/// The reason for each; every one is there, and is named once.
pub(crate) fn read(rejections: &[Rejection], records: usize) -> Result<BTreeMap<usize, String>, String> {
    let mut reasons = BTreeMap::new();
    for Rejection { record, reason: text } in rejections {
        if *record as usize >= records {
            return Err(format!("it names record {record}, and there are {records}"));
        }
        if reasons.insert(*record as usize, reason(text)).is_some() {
            return Err(format!("record {record} is rejected twice"));
        }
    }
    Ok(reasons)
}

/// What is shown of a plugin's reason.
pub(crate) fn reason(text: &str) -> String {
    match text.trim() {
        "" => "the plugin gives no reason".to_owned(),
        text => plain(text),
    }
}
