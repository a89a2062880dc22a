//! The types that a column can have, and how they look in Arrow.
//!
//! Each is read by every engine that reads the table. Texts of time are kept in microseconds, as nanoseconds are unreadable
//! in half of them; an integer past 64 bits is a decimal with 38 digits, the most that all of them know.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use super::schema::Column;

/// The digits of a decimal.
pub(super) const DIGITS: u8 = 38;

/// In a field's metadata: that a column without a sibling's name holds JSON, which Arrow cannot tell from text.
const TYPE: &str = "catchwater.type";

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Long,
    Double,
    /// Integers of up to [`DIGITS`] digits.
    Decimal,
    /// Microseconds since 1970, UTC; years 1 to 9999.
    Timestamp,
    Date,
    String,
    /// Any value, as JSON text.
    Json,
    Struct(Vec<Column>),
    List(Box<Kind>),
    /// Text to a value.
    Map(Box<Kind>),
    /// A column of another writer: it stays, and capture puts nothing into it.
    Foreign(DataType),
}

/// The names of the types as siblings carry them: `amount__double`.
pub(super) const SUFFIXES: [&str; 11] =
    ["boolean", "long", "double", "decimal", "timestamp", "date", "string", "json", "struct", "array", "map"];

impl Kind {
    /// The name of the type, without what is in it.
    pub(super) fn suffix(&self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Long => "long",
            Kind::Double => "double",
            Kind::Decimal => "decimal",
            Kind::Timestamp => "timestamp",
            Kind::Date => "date",
            Kind::String => "string",
            Kind::Json => "json",
            Kind::Struct(_) => "struct",
            Kind::List(_) => "array",
            Kind::Map(_) => "map",
            Kind::Foreign(_) => "foreign",
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Kind::Boolean => DataType::Boolean,
            Kind::Long => DataType::Int64,
            Kind::Double => DataType::Float64,
            Kind::Decimal => DataType::Decimal128(DIGITS, 0),
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Date => DataType::Date32,
            Kind::String | Kind::Json => DataType::Utf8,
            Kind::Struct(columns) => DataType::Struct(fields(columns)),
            Kind::List(element) => DataType::List(element_field(element.data_type())),
            Kind::Map(value) => DataType::Map(entries_field(value.data_type()), false),
            Kind::Foreign(data_type) => data_type.clone(),
        }
    }

    /// Reads a type back; what capture never writes is foreign.
    pub(super) fn from_field(field: &Field) -> Kind {
        match field.data_type() {
            _ if !field.is_nullable() => Kind::Foreign(field.data_type().clone()),
            DataType::Utf8 if field.metadata().get(TYPE).is_some_and(|name| name == Kind::Json.suffix()) => Kind::Json,
            data_type => Kind::from_data_type(data_type),
        }
    }

    fn from_data_type(data_type: &DataType) -> Kind {
        match data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int64 => Kind::Long,
            DataType::Float64 => Kind::Double,
            DataType::Decimal128(DIGITS, 0) => Kind::Decimal,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp,
            DataType::Date32 => Kind::Date,
            DataType::Utf8 => Kind::String,
            DataType::Struct(fields) => Kind::Struct(Column::from_fields(fields)),
            DataType::List(element) => Kind::List(Box::new(Kind::from_field(element))),
            DataType::Map(entries, _) => {
                Kind::from_entries(entries).unwrap_or_else(|| Kind::Foreign(data_type.clone()))
            }
            other => Kind::Foreign(other.clone()),
        }
    }

    fn from_entries(entries: &Field) -> Option<Kind> {
        let DataType::Struct(fields) = entries.data_type() else { return None };
        let [key, value] = &fields[..] else { return None };
        (*key.data_type() == DataType::Utf8).then(|| Kind::Map(Box::new(Kind::from_field(value))))
    }

    /// What a field of this type says of itself.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        match self {
            Kind::Json => [(TYPE.to_owned(), self.suffix().to_owned())].into(),
            _ => HashMap::new(),
        }
    }

    /// How many columns this type is: one, and those within.
    pub(super) fn columns(&self) -> usize {
        1 + match self {
            Kind::Struct(columns) => columns.iter().map(|column| column.kind.columns()).sum(),
            Kind::List(inner) | Kind::Map(inner) => inner.columns() - 1,
            _ => 0,
        }
    }
}

/// The Arrow fields of columns.
pub(super) fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(Column::field).collect()
}

/// The field of a list's elements, named as the table's log names it.
pub(super) fn element_field(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("element", data_type, true))
}

/// The field of a map's entries, named as the table's log names it.
pub(super) fn entries_field(value: DataType) -> FieldRef {
    let entry = vec![Field::new("key", DataType::Utf8, false), Field::new("value", value, true)];
    Arc::new(Field::new("key_value", DataType::Struct(entry.into()), false))
}

/// As the table's log and Spark write types.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Struct(columns) => {
                f.write_str("struct<")?;
                for (i, column) in columns.iter().enumerate() {
                    write!(f, "{}{}: {}", if i == 0 { "" } else { ", " }, column.name(), column.kind)?;
                }
                f.write_str(">")
            }
            Kind::List(element) => write!(f, "array<{element}>"),
            Kind::Map(value) => write!(f, "map<string, {value}>"),
            Kind::Foreign(data_type) => write!(f, "{data_type}"),
            scalar => f.write_str(scalar.suffix()),
        }
    }
}
