//! Maps: the entries of all rows in one column of keys and one of values, which has no siblings.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use catchwater_sdk::Value;
use catchwater_sdk::value::{Object, ValueWriter};

use super::column::ColumnBuilder;
use super::event::Bound;
use super::kind::{Kind, entries_field};
use super::pins::PinNode;
use super::report::Report;
use super::scope::{Pushed, Scope};
use super::texts::Texts;

/// A column of maps from text.
#[derive(Debug)]
pub(super) struct MapBuilder {
    ends: Vec<i32>,
    keys: Texts,
    values: ColumnBuilder,
}

impl MapBuilder {
    pub(super) fn new(pins: Option<Arc<PinNode>>) -> MapBuilder {
        MapBuilder::over(ColumnBuilder::new(PinNode::within(pins)))
    }

    pub(super) fn committed(value: &Kind, pins: Option<Arc<PinNode>>) -> MapBuilder {
        MapBuilder::over(ColumnBuilder::committed(value, pins, 0))
    }

    fn over(values: ColumnBuilder) -> MapBuilder {
        MapBuilder { ends: vec![0], keys: Texts::default(), values }
    }

    pub(super) fn push(&mut self, object: Object<'_>, scope: &mut Scope<'_>) -> Pushed {
        if scope.depth >= scope.options.depth_max {
            return scope.cut(Bound::Depth);
        }
        let start = self.keys.len();
        let outside = scope.enter(false);
        let fits = self.push_entries(object, scope);
        scope.leave(outside);
        if !fits {
            self.keys.truncate(start);
            self.values.truncate(start);
            return Pushed::Misfit;
        }
        self.values.pad(self.keys.len());
        self.ends.push(self.keys.len() as i32);
        Pushed::Stored
    }

    fn push_entries(&mut self, object: Object<'_>, scope: &mut Scope<'_>) -> bool {
        let mut seen = HashSet::with_capacity(object.len());
        for (key, value) in object.iter() {
            if !seen.insert(key) {
                scope.duplicate(key);
                continue;
            }
            let entry = self.keys.len();
            if !self.keys.push(key) {
                scope.cut(Bound::Size);
                continue;
            }
            let null = matches!(value, Value::Null);
            if !null && self.values.push_or_widen(entry, value, scope) == Pushed::Misfit {
                return false;
            }
        }
        true
    }

    pub(super) fn pad(&mut self, len: usize) {
        let end = self.keys.len() as i32;
        self.ends.resize(len + 1, end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        let entries = self.ends[self.ends.len() - 1] as usize;
        self.keys.truncate(entries);
        self.values.truncate(entries);
    }

    /// Writes a map back as an object.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<(), String> {
        let (start, end) = (self.ends[row] as usize, self.ends[row + 1] as usize);
        let begun = writer.begin();
        for entry in start..end {
            writer.text(self.keys.get(entry));
            self.values.write(entry, writer)?;
        }
        writer.end_object(begun, end - start);
        Ok(())
    }

    pub(super) fn columns_within(&self) -> usize {
        self.values.columns() - 1
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.keys.size_bytes() + self.values.size_bytes(self.keys.len())
    }

    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>, report: &mut Report) -> Option<(Kind, ArrayRef)> {
        let entries = self.keys.len();
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let keys: ArrayRef = Arc::new(self.keys.finish(None));
        let (kind, values) = self.values.finish(entries, report)?;
        let field = entries_field(values.data_type().clone());
        let DataType::Struct(fields) = field.data_type() else { unreachable!("a map's entries are structs") };
        let entries = StructArray::new(fields.clone(), vec![keys, values], None);
        let array = MapArray::new(field, OffsetBuffer::new(ScalarBuffer::from(ends)), entries, nulls, false);
        Some((Kind::Map(Box::new(kind)), Arc::new(array)))
    }
}
