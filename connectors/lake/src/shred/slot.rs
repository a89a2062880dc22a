//! One key of an object: its column, and the siblings that hold what the column cannot.

use std::sync::Arc;

use arrow::array::ArrayRef;
use catchwater_sdk::Value;
use catchwater_sdk::value::ValueWriter;

use super::column::{ColumnBuilder, SiblingKind};
use super::event::Bound;
use super::keys::Class;
use super::pins::PinNode;
use super::report::Report;
use super::schema::Column;
use super::scope::{Pushed, Scope};

/// The columns of one key.
#[derive(Debug)]
pub(super) struct Slot {
    original: Box<str>,
    base: Box<str>,
    /// How many rows it has seen, so that a key that comes twice is noticed.
    rows: usize,
    first: ColumnBuilder,
    siblings: Vec<ColumnBuilder>,
    pins: Option<Arc<PinNode>>,
}

/// A finished column with its place among those around it.
pub(super) type Placed = (u32, Column, ArrayRef);

impl Slot {
    /// A key that the table does not know.
    pub(super) fn new(original: &str, base: Box<str>, pins: Option<Arc<PinNode>>) -> Slot {
        let first = ColumnBuilder::new(pins.clone());
        Slot { original: original.into(), base, rows: 0, first, siblings: Vec::new(), pins }
    }

    /// Adds a column of the table for this key.
    pub(super) fn add_committed(&mut self, column: &Column, order: u32) {
        let builder = ColumnBuilder::committed(&column.kind, self.pins.clone(), order);
        match column.sibling {
            true => self.siblings.push(builder),
            false => self.first = builder,
        }
    }

    /// Once all columns of the table are there: a pin of another type becomes a sibling.
    pub(super) fn heed_pin(&mut self) {
        let Some(pin) = self.pins.as_ref().and_then(|node| node.pin) else { return };
        if self.first.is_committed() && !self.columns().any(|column| column.heed(pin)) {
            self.siblings.push(ColumnBuilder::new(self.pins.clone()));
        }
    }

    #[inline]
    pub(super) fn is(&self, key: &str) -> bool {
        *self.original == *key
    }

    /// The class of its values; none while it has no values, or values of two types.
    pub(super) fn class(&self) -> Option<Class> {
        self.first.class()
    }

    pub(super) fn has_siblings(&self) -> bool {
        !self.siblings.is_empty()
    }

    /// Takes the key's value in row `row`.
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        if self.rows > row {
            scope.duplicate(&self.original);
            return Pushed::Stored;
        }
        self.rows = row + 1;
        if matches!(value, Value::Null) {
            return Pushed::Stored;
        }
        if self.siblings.is_empty() {
            match self.first.push(row, value, scope) {
                Pushed::Misfit => {}
                pushed => return pushed,
            }
        }
        self.push_beside(row, value, scope)
    }

    /// Takes a value into each column that it fits; else widens one; else adds a sibling.
    #[cold]
    fn push_beside(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        let mut pushed = Pushed::Misfit;
        for column in self.columns() {
            match column.push(row, value, scope) {
                Pushed::Misfit => {}
                taken => pushed = taken,
            }
        }
        if pushed != Pushed::Misfit {
            return pushed;
        }
        for column in self.columns() {
            if column.widen(value, scope) {
                return column.push(row, value, scope);
            }
        }
        if scope.siblings { self.add_sibling(row, value, scope) } else { Pushed::Misfit }
    }

    fn add_sibling(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        if *scope.columns_left == 0 {
            return scope.cut(Bound::Columns);
        }
        let special =
            self.columns().map(|column| column.kind_of_sibling(value)).find(|kind| *kind != SiblingKind::OfValue);
        let kind = special.unwrap_or(SiblingKind::OfValue);
        let mut sibling = ColumnBuilder::sibling(kind, row, self.pins.clone());
        let mut pushed = sibling.push(row, value, scope);
        if pushed == Pushed::Misfit {
            // A list or map whose elements fit no one type.
            sibling = ColumnBuilder::sibling(SiblingKind::Json, row, None);
            pushed = sibling.push(row, value, scope);
        }
        if pushed == Pushed::Stored && scope.take_column() {
            self.siblings.push(sibling);
        }
        pushed
    }

    /// Writes a row's key and value back, if it has one.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<bool, String> {
        if self.has_siblings() {
            return Err("values of several types".into());
        }
        let set = self.first.is_set(row);
        if set {
            writer.text(&self.original);
            self.first.write(row, writer)?;
        }
        Ok(set)
    }

    pub(super) fn count(&self) -> usize {
        self.siblings.iter().chain([&self.first]).map(ColumnBuilder::columns).sum()
    }

    /// Forgets the rows from `len` on, and the siblings that they needed.
    pub(super) fn truncate(&mut self, len: usize) {
        self.rows = self.rows.min(len);
        self.columns().for_each(|column| column.truncate(len));
        self.siblings.retain(|sibling| !sibling.is_unknown());
    }

    pub(super) fn size_bytes(&self, rows: usize) -> usize {
        self.siblings.iter().chain([&self.first]).map(|column| column.size_bytes(rows)).sum()
    }

    /// Gives the columns that have a type, and begins anew.
    pub(super) fn finish(&mut self, rows: usize, report: &mut Report, finished: &mut Vec<Placed>) {
        self.rows = 0;
        for (i, builder) in [&mut self.first].into_iter().chain(&mut self.siblings).enumerate() {
            let entered = report.enter(&self.original, !builder.is_committed());
            let Some((kind, array)) = builder.finish(rows, report) else {
                report.leave(entered, None);
                continue;
            };
            let column = Column { original: self.original.clone(), base: self.base.clone(), sibling: i > 0, kind };
            report.leave(entered, Some(&column));
            finished.push((builder.order(), column, array));
        }
        self.siblings.retain(|sibling| !sibling.is_unknown());
    }

    fn columns(&mut self) -> impl Iterator<Item = &mut ColumnBuilder> {
        [&mut self.first].into_iter().chain(&mut self.siblings)
    }
}
