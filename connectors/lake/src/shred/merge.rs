//! What a commit of files gives with a table that another writer has changed meanwhile.

use std::fmt;

use super::kind::Kind;
use super::schema::{Column, LakeSchema};

/// A column that file and table disagree about: the file's rows must be shredded again, from their payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    path: String,
    table: String,
    file: String,
}

impl LakeSchema {
    /// The schema of this table once files with the columns of `newer` are in it: its own columns, then those it lacks.
    pub(crate) fn merge(&self, newer: &LakeSchema) -> Result<LakeSchema, Conflict> {
        let columns = merge_columns(&self.columns, &newer.columns, "")?;
        Ok(LakeSchema { columns })
    }
}

fn merge_columns(table: &[Column], file: &[Column], path: &str) -> Result<Vec<Column>, Conflict> {
    let mut merged = table.to_vec();
    for column in file {
        let path = if path.is_empty() { column.name().into_owned() } else { format!("{path}.{}", column.name()) };
        if let Some(other) = table.iter().find(|other| other.contradicts(column)) {
            return Err(conflict(
                path,
                format!("of key `{}`", other.original),
                format!("of key `{}`", column.original),
            ));
        }
        match merged.iter_mut().find(|old| old.is_for_the_same(column)) {
            Some(old) => old.kind = merge_kinds(&old.kind, &column.kind, &path)?,
            None => merged.push(column.clone()),
        }
    }
    Ok(merged)
}

fn merge_kinds(table: &Kind, file: &Kind, path: &str) -> Result<Kind, Conflict> {
    match (table, file) {
        (Kind::Struct(a), Kind::Struct(b)) => merge_columns(a, b, path).map(Kind::Struct),
        (Kind::List(a), Kind::List(b)) => merge_kinds(a, b, path).map(|kind| Kind::List(Box::new(kind))),
        (Kind::Map(a), Kind::Map(b)) => merge_kinds(a, b, path).map(|kind| Kind::Map(Box::new(kind))),
        (a, b) if a == b => Ok(a.clone()),
        (a, b) => Err(conflict(path.to_owned(), a.suffix(), b.suffix())),
    }
}

impl Column {
    /// Whether one name stands for two keys, or two names for one key. Engines fold case.
    fn contradicts(&self, other: &Column) -> bool {
        (self.original == other.original) != self.base.eq_ignore_ascii_case(&other.base)
    }

    /// Whether both hold the same key's values in the same role. Of siblings there is one for each type.
    fn is_for_the_same(&self, other: &Column) -> bool {
        let same_role = match (self.sibling, other.sibling) {
            (true, true) => self.kind.suffix() == other.kind.suffix(),
            (a, b) => a == b,
        };
        same_role && self.original == other.original
    }
}

fn conflict(path: String, table: impl Into<String>, file: impl Into<String>) -> Conflict {
    Conflict { path, table: table.into(), file: file.into() }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}` is {} in the table and {} in the file", self.path, self.table, self.file)
    }
}

impl std::error::Error for Conflict {}
