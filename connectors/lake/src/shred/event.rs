//! What a commit changes about a table's schema, in words.

use std::fmt;

use super::epoch::Unit;

/// One change, or something that whoever reads the table should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SchemaEvent {
    /// A column appeared. `kind` is its type as [`super::LakeSchema`] writes it.
    Added { path: String, kind: String },
    /// Values came that the columns so far cannot hold.
    Sibling { path: String, sibling: String },
    /// The numbers of a column count something else.
    Unit { path: String, from: Unit, to: Unit },
    /// Values were left in the payload.
    Cut { values: u64, bound: Bound },
}

/// Past which bound a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Depth,
    Columns,
    Size,
}

impl fmt::Display for SchemaEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaEvent::Added { path, kind } => write!(f, "added `{path}`: {kind}"),
            SchemaEvent::Sibling { path, sibling } => {
                write!(f, "values came that `{path}` cannot hold: they are in `{sibling}` from now on")
            }
            SchemaEvent::Unit { path, from, to } => write!(f, "the numbers of `{path}`: {from} became {to}"),
            SchemaEvent::Cut { values: 1, bound } => write!(f, "1 value is only in the payload: {bound}"),
            SchemaEvent::Cut { values, bound } => write!(f, "{values} values are only in the payload: {bound}"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::Depth => "past `depth_max`",
            Bound::Columns => "the table has `columns_max` columns",
            Bound::Size => "the column is full until the next commit",
        })
    }
}
