//! The payload's columns of a table: what a commit writes down and the next process starts from.

use std::borrow::Cow;
use std::fmt::{self, Write};

use arrow::datatypes::{Field, FieldRef, Fields};
use serde::Serialize;
use twox_hash::XxHash3_64;

use super::kind::{self, Kind, SUFFIXES};
use super::names::RESERVED;

/// In a field's metadata: the payload's name, where the column's differs.
const NAME: &str = "catchwater.name";

/// In a field's metadata: that the column is a sibling, and of which type.
const SIBLING: &str = "catchwater.sibling";

/// The columns of a table that come from payloads; the envelope and `date` are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LakeSchema {
    pub(super) columns: Vec<Column>,
}

/// A column: where its values come from and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The key in the payload.
    pub(super) original: Box<str>,
    /// The key's safe name, which its siblings share.
    pub(super) base: Box<str>,
    /// Whether it holds what does not fit the column called `base`.
    pub(super) sibling: bool,
    pub(super) kind: Kind,
}

/// A column in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// In the table.
    pub name: String,
    /// Such as `long`, or `struct<id: string>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The key in the payload, where the column's name is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The column whose values of another type it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

// === impl LakeSchema ===

impl LakeSchema {
    /// The schema of a table that does not exist yet.
    pub(crate) fn empty() -> LakeSchema {
        LakeSchema::default()
    }

    /// The columns as Arrow's, in the table's order.
    pub(crate) fn fields(&self) -> Fields {
        kind::fields(&self.columns)
    }

    /// Back from a table's schema; envelope and `date` may be among the fields and are left out.
    pub(crate) fn from_fields(fields: &Fields) -> LakeSchema {
        let payload = fields.iter().filter(|field| !is_envelope(field.name())).cloned().collect();
        LakeSchema { columns: Column::from_fields(&payload) }
    }

    /// A short name for exactly these columns, the same on every machine: a row's `_schema`.
    pub(crate) fn hash(&self) -> String {
        let mut text = String::new();
        for column in &self.columns {
            column.describe(&mut text);
        }
        format!("{:016x}", XxHash3_64::oneshot(text.as_bytes()))
    }

    /// The top-level columns in words.
    pub(crate) fn described(&self) -> Vec<Described> {
        self.columns.iter().map(Column::described).collect()
    }

    /// The columns, in the table's order.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many columns there are, those within others counted.
    pub(super) fn count(&self) -> usize {
        self.columns.iter().map(|column| column.kind.columns()).sum()
    }
}

/// Whether a column is none of the payload's: safe names begin with a letter and are never reserved.
fn is_envelope(name: &str) -> bool {
    name.starts_with('_') || RESERVED.contains(&name)
}

// === impl Column ===

impl Column {
    /// The key in the payload.
    pub(crate) fn original(&self) -> &str {
        &self.original
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The name in the table.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self.sibling {
            true => format!("{}__{}", self.base, self.kind.suffix()).into(),
            false => (&*self.base).into(),
        }
    }

    pub(super) fn field(&self) -> FieldRef {
        let name = self.name();
        let mut metadata = self.kind.metadata();
        if *self.original != *name {
            metadata.insert(NAME.into(), self.original.as_ref().into());
        }
        if self.sibling {
            metadata.insert(SIBLING.into(), self.kind.suffix().into());
        }
        Field::new(name, self.kind.data_type(), true).with_metadata(metadata).into()
    }

    pub(super) fn from_fields(fields: &Fields) -> Vec<Column> {
        fields.iter().map(|field| Column::from_field(field)).collect()
    }

    fn from_field(field: &Field) -> Column {
        let kind = Kind::from_field(field);
        let name = field.name().as_str();
        let base = field.metadata().get(SIBLING).and_then(|suffix| sibling_base(name, suffix));
        Column {
            original: field.metadata().get(NAME).map_or(name, String::as_str).into(),
            base: base.unwrap_or(name).into(),
            sibling: base.is_some(),
            kind,
        }
    }

    fn described(&self) -> Described {
        let name = self.name().into_owned();
        Described {
            key: (*self.original != *self.base).then(|| self.original.to_string()),
            beside: self.sibling.then(|| self.base.to_string()),
            kind: self.kind.to_string(),
            name,
        }
    }

    /// Everything that makes the column what it is, for the hash.
    fn describe(&self, text: &mut String) {
        write!(text, "{:?} {} ", self.original, self.name()).expect("text takes whatever is written");
        describe_kind(&self.kind, text);
        text.push(';');
    }
}

fn describe_kind(kind: &Kind, text: &mut String) {
    match kind {
        Kind::Struct(columns) => {
            text.push('{');
            columns.iter().for_each(|column| column.describe(text));
            text.push('}');
        }
        Kind::List(inner) | Kind::Map(inner) => {
            text.push_str(kind.suffix());
            text.push(' ');
            describe_kind(inner, text);
        }
        scalar => write!(text, "{scalar}").expect("text takes whatever is written"),
    }
}

/// The part of `amount__double` before the suffix.
fn sibling_base<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let base = name.strip_suffix(suffix)?.strip_suffix("__")?;
    SUFFIXES.contains(&suffix).then_some(base)
}

impl fmt::Display for LakeSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for column in &self.columns {
            writeln!(f, "{}: {}", column.name(), column.kind)?;
        }
        Ok(())
    }
}
