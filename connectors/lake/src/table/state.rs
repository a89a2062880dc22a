//! What is known of a table: where its log is at, its positions and its schema. The files are not: a commit costs the same
//! however many there are.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::SchemaRef;
use catchwater_sdk::{Error, Result};

use super::commit::{Commit, Move};
use super::entry::{Entry, Position};
use super::metadata::Metadata;
use super::protocol::Protocol;

/// A table as of a version of its log; before the first there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) version: Option<i64>,
    pub(super) positions: HashMap<String, i64>,
    /// With the schema that it describes.
    pub(super) metadata: Option<(Metadata, SchemaRef)>,
}

/// Whether an entry changed the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaChange {
    Same,
    Changed,
}

impl State {
    /// The version of the next entry.
    pub(super) fn next_version(&self) -> i64 {
        self.version.map_or(0, |version| version + 1)
    }

    /// Takes an entry in, of a table that is to be written. On an error nothing has changed.
    pub(super) fn apply(&mut self, version: i64, entry: Entry) -> Result<SchemaChange> {
        let refusal = entry.protocol.as_ref().and_then(Protocol::refusal);
        if let Some(refusal) = refusal.or_else(|| entry.metadata.as_ref().and_then(Metadata::refusal)) {
            return Err(Error::refused(format!(
                "{refusal}; choose another collection, or give the table another name"
            )));
        }
        self.take(version, entry)
    }

    /// Takes an entry in, whatever the table asks of its writers. On an error nothing has changed.
    pub(super) fn take(&mut self, version: i64, entry: Entry) -> Result<SchemaChange> {
        let mut change = SchemaChange::Same;
        if let Some(metadata) = entry.metadata {
            let schema = metadata.schema()?;
            if !self.metadata.as_ref().is_some_and(|(before, _)| before.has_schema_of(&metadata)) {
                change = SchemaChange::Changed;
            }
            self.metadata = Some((metadata, schema));
        }
        self.positions.extend(entry.positions.into_iter().map(|position| (position.app_id, position.version)));
        self.version = Some(version);
        Ok(change)
    }

    /// The ids whose position is not where the commit expects it. Invariants 2 and 8: this comparison, with an entry that
    /// only the very next version can have, is what fences a writer that was overtaken.
    pub(super) fn fenced(&self, moves: &[Move]) -> Vec<String> {
        let mut moved: HashMap<&str, i64> = HashMap::new();
        let mut fenced = Vec::new();
        for Move { app_id, from, to } in moves {
            let at = moved.get(app_id.as_str()).or_else(|| self.positions.get(app_id)).copied();
            if at != *from && !fenced.contains(app_id) {
                fenced.push(app_id.clone());
            }
            moved.insert(app_id, *to);
        }
        fenced
    }

    /// The entry that a commit makes, planned onto this state.
    pub(super) fn plan(&self, commit: &Commit, now_millis: i64) -> Result<Entry> {
        if let Some(back) = commit.moves.iter().find(|step| step.from.is_some_and(|from| step.to < from)) {
            return Err(Error::bug(format!("move {} back to {}", back.app_id, back.to)));
        }
        let metadata = match (&self.metadata, &commit.schema) {
            (Some((metadata, _)), Some(schema)) => Some(metadata.with_schema(schema)?),
            (None, Some(schema)) => Some(Metadata::new(schema, now_millis)?),
            (Some(_), None) => None,
            (None, None) => return Err(Error::bug("create a table without a schema")),
        };
        let last: BTreeMap<&str, i64> = commit.moves.iter().map(|step| (step.app_id.as_str(), step.to)).collect();
        let position = |(app_id, version): (&str, i64)| Position { app_id: app_id.to_owned(), version };
        Ok(Entry {
            commit: Some(commit.id),
            positions: last.into_iter().map(position).collect(),
            metadata,
            protocol: self.version.is_none().then_some(Protocol::NEW),
            ..Entry::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_fenced(moves: &[(&str, Option<i64>, i64)], expected: &[&str]) {
        let state = State { positions: HashMap::from([("a".to_owned(), 5)]), ..State::default() };
        let moves: Vec<Move> =
            moves.iter().map(|(app_id, from, to)| Move { app_id: (*app_id).into(), from: *from, to: *to }).collect();
        assert_eq!(state.fenced(&moves), expected);
    }

    #[test]
    fn only_exactly_the_expected_position_may_move() {
        check_fenced(&[("a", Some(5), 9), ("b", None, 9)], &[]);
        check_fenced(&[("a", Some(4), 9)], &["a"]);
        check_fenced(&[("a", Some(6), 9), ("b", Some(0), 9)], &["a", "b"]);
        check_fenced(&[("a", None, 9)], &["a"]);
    }

    #[test]
    fn moves_of_one_id_follow_each_other() {
        check_fenced(&[("a", Some(5), 7), ("a", Some(7), 9)], &[]);
        check_fenced(&[("a", Some(5), 7), ("a", Some(5), 9)], &["a"]);
    }
}
