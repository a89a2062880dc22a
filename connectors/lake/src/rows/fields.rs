//! Headers and properties as a column: for each row a list of name, value and type.
//!
//! Values are bytes because Kafka's are; the type says what the bytes are, so that AMQP's numbers survive as numbers.
//! Order, duplicates and missing values are kept.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use catchwater_sdk::record;

use super::bytes::BytesBuilder;

/// What a list's element is called in Delta's schemas.
const ELEMENT: &str = "element";

/// Builds the column of one row's fields after the other.
#[derive(Debug)]
pub(crate) struct FieldsBuilder {
    names: StringBuilder,
    values: BytesBuilder,
    kinds: StringBuilder,
    ends: Vec<i32>,
    count: i32,
}

/// The type of the column.
pub(crate) fn data_type() -> DataType {
    DataType::List(element())
}

impl FieldsBuilder {
    pub(crate) fn new() -> FieldsBuilder {
        FieldsBuilder {
            names: StringBuilder::new(),
            values: BytesBuilder::new(),
            kinds: StringBuilder::new(),
            ends: vec![0],
            count: 0,
        }
    }

    /// Appends a field to the row under construction.
    pub(crate) fn push(&mut self, field: record::Field<'_>) {
        self.names.append_value(field.name);
        self.values.push(field.value);
        self.kinds.append_value(field.kind.name());
        self.count += 1;
    }

    /// Ends the row.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.count);
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let bytes = self.names.values_slice().len() + self.values.size_bytes();
        bytes + self.ends.len() * 4 + self.count as usize * 20
    }

    /// The column; the builder is empty after it.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(self.names.finish()), self.values.finish(), Arc::new(self.kinds.finish())];
        let values = StructArray::new(struct_fields(), columns, None);
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        self.count = 0;
        Arc::new(ListArray::new(element(), OffsetBuffer::new(ScalarBuffer::from(ends)), Arc::new(values), None))
    }
}

fn element() -> FieldRef {
    Arc::new(Field::new(ELEMENT, DataType::Struct(struct_fields()), true))
}

fn struct_fields() -> Fields {
    Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("value", DataType::Binary, true),
        Field::new("type", DataType::Utf8, true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};

    #[test]
    fn keeps_order_duplicates_and_missing_values() {
        let mut builder = FieldsBuilder::new();
        builder.push(record::Field::text("a", "1"));
        builder.push(record::Field::bytes("a", None));
        builder.end_row();
        builder.end_row();
        let column = builder.finish();
        let lists = column.as_list::<i32>();
        assert_eq!((lists.len(), lists.value_length(0), lists.value_length(1)), (2, 2, 0));
        let first = lists.value(0);
        let values = first.as_struct().column(1);
        assert_eq!((values.as_binary::<i32>().value(0), values.is_null(1)), (&b"1"[..], true));
        assert_eq!(builder.finish().len(), 0);
    }
}
