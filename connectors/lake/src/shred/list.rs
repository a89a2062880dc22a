//! Lists: all elements of all rows in one column, which has no siblings.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use catchwater_sdk::Value;
use catchwater_sdk::value::{List, ValueWriter};

use super::column::ColumnBuilder;
use super::event::Bound;
use super::kind::{Kind, element_field};
use super::pins::PinNode;
use super::report::Report;
use super::scope::{Pushed, Scope};

/// A column of lists.
#[derive(Debug)]
pub(super) struct ListBuilder {
    ends: Vec<i32>,
    elements: ColumnBuilder,
}

impl ListBuilder {
    pub(super) fn new(pins: Option<Arc<PinNode>>) -> ListBuilder {
        ListBuilder { ends: vec![0], elements: ColumnBuilder::new(PinNode::within(pins)) }
    }

    pub(super) fn committed(element: &Kind, pins: Option<Arc<PinNode>>) -> ListBuilder {
        ListBuilder { ends: vec![0], elements: ColumnBuilder::committed(element, pins, 0) }
    }

    pub(super) fn push(&mut self, list: List<'_>, scope: &mut Scope<'_>) -> Pushed {
        if scope.depth >= scope.options.depth_max {
            return scope.cut(Bound::Depth);
        }
        let start = self.len();
        let outside = scope.enter(false);
        let fits = self.push_elements(start, list, scope);
        scope.leave(outside);
        if !fits {
            self.elements.truncate(start);
            return Pushed::Misfit;
        }
        self.elements.pad(start + list.len());
        self.ends.push((start + list.len()) as i32);
        Pushed::Stored
    }

    fn push_elements(&mut self, start: usize, list: List<'_>, scope: &mut Scope<'_>) -> bool {
        for (i, element) in list.iter().enumerate() {
            if matches!(element, Value::Null) {
                continue;
            }
            if self.elements.push_or_widen(start + i, element, scope) == Pushed::Misfit {
                return false;
            }
        }
        true
    }

    /// How many elements there are.
    fn len(&self) -> usize {
        self.ends[self.ends.len() - 1] as usize
    }

    pub(super) fn pad(&mut self, len: usize) {
        let end = self.len() as i32;
        self.ends.resize(len + 1, end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        let len = self.len();
        self.elements.truncate(len);
    }

    /// Writes a list back.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<(), String> {
        let (start, end) = (self.ends[row] as usize, self.ends[row + 1] as usize);
        let begun = writer.begin();
        (start..end).try_for_each(|element| self.elements.write(element, writer))?;
        writer.end_list(begun, end - start);
        Ok(())
    }

    pub(super) fn columns_within(&self) -> usize {
        self.elements.columns() - 1
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.elements.size_bytes(self.len())
    }

    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>, report: &mut Report) -> Option<(Kind, ArrayRef)> {
        let elements = self.len();
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let (kind, elements) = self.elements.finish(elements, report)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let array = ListArray::new(element_field(kind.data_type()), offsets, elements, nulls);
        Some((Kind::List(Box::new(kind)), Arc::new(array)))
    }
}
