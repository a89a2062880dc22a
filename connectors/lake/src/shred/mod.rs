//! From payloads to columns: infers the types in the same pass that builds the Arrow arrays.
//!
//! There is no sampling and no schema file. A [`Shredder`] starts from the columns that the table has, takes one decoded
//! payload after the other, and at a cut gives the arrays of its rows with the schema that they make: the table's columns
//! and the new ones. A column exists once a value gave it a type; nulls, `{}` and `[]` give none.
//!
//! | values so far | column |
//! |---|---|
//! | `true` | boolean |
//! | `1`; then `1.5` | long; double, if it holds all so far with every digit |
//! | `18446744073709551615`, up to 38 digits | decimal(38,0) |
//! | `"2026-11-22T10:30:00Z"`, `"2026-11-22"` | timestamp, date; string once one is not |
//! | any other text, UUIDs too | string |
//! | `{"a": 1}` | struct, or map if its keys are data: see [`keys`] |
//! | `[1, 2]`, `[{"a": 1}]` | array of what its elements are |
//!
//! **A column in the table never changes its type**, whatever comes. What does not fit goes, from then on together with all
//! that fits both, to a sibling named by type: `amount__double` beside `amount`. So it is too where types have nothing in common
//! (`1`, then `"x"`: a long and `__string`). Within lists and maps there are no siblings: when their elements fit no one type, the
//! whole list or map goes to `name__json` as text.
//!
//! **Nothing stalls.** Past [`Options::depth_max`] and [`Options::columns_max`] values are only in the payload, counted, and the row's
//! `_error` says so. Of keys that come twice the first counts, and `_error` says that too. A payload that is no object is taken as
//! `{"value": ...}`.

mod column;
mod data;
mod epoch;
mod event;
mod json;
mod keys;
mod kind;
mod list;
mod map;
mod merge;
mod moment;
mod names;
mod object;
mod pins;
mod report;
mod rows;
mod schema;
mod scope;
mod slot;
mod texts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::ArrayRef;
use catchwater_sdk::Value;
use catchwater_sdk::value::Decoded;

pub(crate) use event::SchemaEvent;
pub(crate) use kind::Kind;
pub(crate) use pins::Pins;
pub use schema::Described;
pub(crate) use schema::{Column, LakeSchema};

use object::ObjectBuilder;
use report::Report;
use scope::{Scope, Trouble, cut_events};

/// The key under which a payload that is no object stands.
pub(crate) const BARE_VALUE: &str = "value";

/// The bounds of a table, and what the configuration knows of it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How many containers may be around a value, the payload itself counted.
    pub(crate) depth_max: usize,
    /// How many columns a table may have, those within others counted.
    pub(crate) columns_max: usize,
    /// Types that are given.
    pub(crate) pins: Pins,
}

/// Builds the columns of one table. Belongs to one task.
#[derive(Debug)]
pub(crate) struct Shredder {
    options: Arc<Options>,
    /// Of the last cut.
    schema: Arc<LakeSchema>,
    columns: ObjectBuilder,
    columns_left: usize,
    order: u32,
    rows: usize,
    cut: [u64; 3],
}

/// The rows of one cut.
#[derive(Debug)]
pub(crate) struct Shredded {
    /// The columns of the table and the new ones.
    pub(crate) schema: Arc<LakeSchema>,
    /// One array for each of the schema's fields.
    pub(crate) columns: Vec<ArrayRef>,
    /// What the schema changes about the table.
    pub(crate) events: Vec<SchemaEvent>,
}

impl Default for Options {
    fn default() -> Options {
        Options { depth_max: 32, columns_max: 2_000, pins: Pins::default() }
    }
}

impl Shredder {
    /// Starts from the columns that the table has.
    pub(crate) fn new(committed: Arc<LakeSchema>, options: Arc<Options>) -> Shredder {
        let count = committed.count();
        Shredder {
            columns: ObjectBuilder::top_level(&committed.columns, options.pins.root()),
            columns_left: options.columns_max.saturating_sub(count),
            order: count as u32,
            schema: committed,
            rows: 0,
            cut: [0; 3],
            options,
        }
    }

    /// Takes the next row. The answer is its `_error`.
    pub(crate) fn push(&mut self, value: Decoded<'_>) -> Option<String> {
        let row = self.rows;
        self.rows += 1;
        match value {
            Decoded::Absent | Decoded::Value(Value::Null) => None,
            Decoded::Undecodable(reason) => Some(reason.to_owned()),
            Decoded::Value(value) => self.push_value(row, value).describe(&mut self.cut),
        }
    }

    fn push_value(&mut self, row: usize, value: Value<'_>) -> Trouble {
        let mut scope = Scope {
            options: &self.options,
            columns_left: &mut self.columns_left,
            depth: 0,
            siblings: true,
            trial: false,
            trouble: Trouble::default(),
        };
        match value {
            Value::Object(object) => {
                self.columns.push(row, object, &mut scope);
            }
            bare => self.columns.push_value(row, BARE_VALUE, bare, &mut scope),
        }
        scope.trouble
    }

    /// About how many bytes they take.
    pub(crate) fn size_bytes(&self) -> usize {
        self.columns.size_bytes(self.rows)
    }

    /// Ends a cut: gives its rows and begins anew. Its columns stay as they are from now on, since files will have them.
    pub(crate) fn finish(&mut self) -> Shredded {
        let mut report = Report::new(self.order);
        let (columns, arrays) = self.columns.finish_columns(std::mem::take(&mut self.rows), &mut report);
        self.order = report.order();
        self.columns_left = self.options.columns_max.saturating_sub(self.columns.columns());
        let cut = cut_events(std::mem::take(&mut self.cut));
        if self.schema.columns != columns {
            self.schema = Arc::new(LakeSchema { columns });
        }
        Shredded {
            schema: Arc::clone(&self.schema),
            columns: arrays,
            events: report.into_events().into_iter().chain(cut).collect(),
        }
    }
}
