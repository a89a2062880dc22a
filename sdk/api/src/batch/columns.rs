//! The flat buffers behind a batch.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::format::Format;
use crate::position::Partition;
use crate::record::{Field, FieldKind, Timestamp};
use crate::value::Values;

/// A partition that a batch's records came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The partition.
    pub partition: Arc<Partition>,
    /// Where reading goes on after this batch: past its last record, and past what the source skipped on its own.
    pub after: i64,
}

/// Byte strings back to back, each present or absent.
#[derive(Debug, Default)]
pub(crate) struct BytesColumn {
    data: Vec<u8>,
    ends: Vec<u32>,
    absent: Vec<bool>,
}

impl BytesColumn {
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        self.data.extend_from_slice(value.unwrap_or_default());
        self.ends.push(u32::try_from(self.data.len()).expect("the builder keeps a batch below 4 GiB"));
        self.absent.push(value.is_none());
    }

    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        if self.absent[row] {
            return None;
        }
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        Some(&self.data[start..self.ends[row] as usize])
    }

    fn size_bytes(&self) -> usize {
        self.data.len() + self.ends.len() * 5
    }
}

/// For each row a list of named values.
#[derive(Debug, Default)]
pub(crate) struct FieldsColumn {
    names: BytesColumn,
    values: BytesColumn,
    kinds: Vec<FieldKind>,
    /// Empty as long as no row has a field.
    ends: Vec<u32>,
    rows: usize,
}

impl FieldsColumn {
    pub(crate) fn push<'a>(&mut self, fields: impl Iterator<Item = Field<'a>>) {
        for field in fields {
            self.names.push(Some(field.name.as_bytes()));
            self.values.push(field.value);
            self.kinds.push(field.kind);
        }
        if !self.kinds.is_empty() {
            self.ends.resize(self.rows, 0);
            self.ends.push(self.kinds.len() as u32);
        }
        self.rows += 1;
    }

    /// The fields of a row, in order.
    pub(crate) fn get(&self, row: usize) -> impl ExactSizeIterator<Item = Field<'_>> {
        let end_of = |row: usize| self.ends.get(row).map_or(0, |end| *end as usize);
        let start = if row == 0 { 0 } else { end_of(row - 1) };
        (start..end_of(row).max(start)).map(|i| self.field(i))
    }

    fn field(&self, i: usize) -> Field<'_> {
        let name = self.names.get(i).expect("a field always has a name");
        let name = std::str::from_utf8(name).expect("names are pushed as text");
        Field { name, value: self.values.get(i), kind: self.kinds[i] }
    }

    fn size_bytes(&self) -> usize {
        self.names.size_bytes() + self.values.size_bytes() + self.ends.len() * 4
    }
}

/// What a batch and all views of it share.
#[derive(Debug, Default)]
pub struct Columns {
    pub(crate) payload: BytesColumn,
    pub(crate) key: BytesColumn,
    pub(crate) headers: FieldsColumn,
    pub(crate) properties: FieldsColumn,
    pub(crate) timestamp: Vec<Option<Timestamp>>,
    pub(crate) origin: Vec<u32>,
    pub(crate) position: Vec<i64>,
    pub(crate) index: Vec<i32>,
    pub(crate) redelivered: Vec<bool>,
    pub(crate) rejected: BTreeMap<u32, String>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) format: OnceLock<Arc<dyn Format>>,
    pub(crate) values: OnceLock<Values>,
}

impl Columns {
    pub(crate) fn rows(&self) -> usize {
        self.position.len()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let fields = self.headers.size_bytes() + self.properties.size_bytes();
        self.payload.size_bytes() + self.key.size_bytes() + fields + self.rows() * 50
    }

    /// Decodes all payloads at the first call.
    pub(crate) fn values(&self) -> &Values {
        self.values.get_or_init(|| match self.format.get() {
            Some(format) => Values::decode(format.as_ref(), (0..self.rows()).map(|row| self.payload.get(row))),
            None => Values::opaque(self.rows()),
        })
    }
}
