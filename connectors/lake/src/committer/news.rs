//! What a commit changed in a table, for the operator: told once, however many tasks took part.

use super::{Part, Waiting};

/// So many changes are told one by one.
const EVENTS_MAX: usize = 20;
/// A change is told in so many characters at most.
const EVENT_CHARS_MAX: usize = 160;

/// What a commit changed in the schema of its table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// With how many columns from payloads the table was created, if it was.
    created: Option<usize>,
    changes: Vec<String>,
}

impl News {
    pub(super) fn created(columns: usize) -> News {
        News { created: Some(columns), changes: Vec::new() }
    }

    /// What the parts of a commit changed; tasks that found the same found one thing.
    pub(super) fn of(chosen: &[Waiting]) -> News {
        let mut changes: Vec<String> = Vec::new();
        for Waiting { part: Part { changes: found, .. }, .. } in chosen {
            changes.extend(found.iter().filter(|change| !changes.contains(change)).cloned().collect::<Vec<_>>());
        }
        News { created: None, changes }
    }

    /// In words.
    pub(crate) fn tell(self, collection: &str) -> Vec<String> {
        if let Some(columns) = self.created {
            return vec![format!("{collection}: table created with {columns} columns from payloads")];
        }
        let more = self.changes.len().saturating_sub(EVENTS_MAX);
        let told = self.changes.iter().take(EVENTS_MAX).map(|change| format!("{collection}: {}", shorten(change)));
        let mut events: Vec<String> = told.collect();
        if more > 0 {
            events.push(format!("{collection}: {more} more schema changes"));
        }
        events
    }
}

/// The type of a wide object fills a screen; the schema history has it whole.
fn shorten(change: &str) -> String {
    match change.char_indices().nth(EVENT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &change[..end]),
        None => change.to_owned(),
    }
}
