//! The flat buffers behind a batch.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::format::Format;
use crate::position::Partition;
use crate::record::{Field, FieldKind, Timestamp, TimestampKind};
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
#[derive(Debug)]
pub(crate) struct BytesColumn {
    data: Vec<u8>,
    /// Where each value begins, and the end of the last.
    offsets: Vec<u32>,
    /// A bit for each value, lowest first; as long as the last absent value needs it.
    absent: Vec<u8>,
}

impl Default for BytesColumn {
    fn default() -> BytesColumn {
        BytesColumn { data: Vec::new(), offsets: vec![0], absent: Vec::new() }
    }
}

impl BytesColumn {
    #[inline]
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.data.extend_from_slice(value),
            None => {
                let row = self.len();
                self.absent.resize(row / 8 + 1, 0);
                self.absent[row / 8] |= 1 << (row % 8);
            }
        }
        self.offsets.push(u32::try_from(self.data.len()).expect("the builder keeps a batch below 4 GiB"));
    }

    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        let is_absent = self.absent.get(row / 8).is_some_and(|bits| bits >> (row % 8) & 1 == 1);
        (!is_absent).then(|| &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// A bitmap is whole or not there.
    fn finish(&mut self) {
        if !self.absent.is_empty() {
            self.absent.resize(self.len().div_ceil(8), 0);
        }
    }

    fn flat(&self) -> FlatBytes<'_> {
        FlatBytes { offsets: &self.offsets, data: &self.data, absent: &self.absent }
    }

    fn size_bytes(&self) -> usize {
        self.data.len() + self.offsets.len() * 4 + self.absent.len()
    }
}

/// For each row a list of named values.
#[derive(Debug, Default)]
pub(crate) struct FieldsColumn {
    names: BytesColumn,
    values: BytesColumn,
    /// Each a [`FieldKind`] as its number.
    kinds: Vec<u8>,
    /// Where the fields of each row begin, and the end of the last; empty as long as no row has a field.
    offsets: Vec<u32>,
    rows: usize,
}

impl FieldsColumn {
    pub(crate) fn push<'a>(&mut self, fields: impl Iterator<Item = Field<'a>>) {
        for field in fields {
            self.names.push(Some(field.name.as_bytes()));
            self.values.push(field.value);
            self.kinds.push(field.kind as u8);
        }
        if !self.kinds.is_empty() {
            self.offsets.resize(self.rows + 1, 0);
            self.offsets.push(self.kinds.len() as u32);
        }
        self.rows += 1;
    }

    /// The fields of a row, in order.
    pub(crate) fn get(&self, row: usize) -> impl ExactSizeIterator<Item = Field<'_>> {
        let fields = match self.offsets.is_empty() {
            true => 0..0,
            false => self.offsets[row] as usize..self.offsets[row + 1] as usize,
        };
        fields.map(|i| self.field(i))
    }

    fn field(&self, i: usize) -> Field<'_> {
        let name = self.names.get(i).expect("a field always has a name");
        let name = std::str::from_utf8(name).expect("names are pushed as text");
        let kind = FieldKind::from_number(self.kinds[i]).expect("kinds are pushed by their number");
        Field { name, value: self.values.get(i), kind }
    }

    fn flat(&self) -> FlatFields<'_> {
        let (names, values) = (self.names.flat(), self.values.flat());
        FlatFields { row_offsets: &self.offsets, names, values, kinds: &self.kinds }
    }

    fn size_bytes(&self) -> usize {
        self.names.size_bytes() + self.values.size_bytes() + self.kinds.len() + self.offsets.len() * 4
    }
}

/// The source's times.
#[derive(Debug, Default)]
pub(crate) struct TimeColumn {
    micros: Vec<i64>,
    kinds: Vec<u8>,
}

/// The kinds of a flat column of times: there is none, or who set it.
pub const NO_TIME: u8 = 0;
/// The producer did: [`TimestampKind::Create`].
pub const BY_PRODUCER: u8 = 1;
/// The broker did: [`TimestampKind::Append`].
pub const BY_BROKER: u8 = 2;

impl TimeColumn {
    pub(crate) fn push(&mut self, time: Option<Timestamp>) {
        self.micros.push(time.map_or(0, |time| time.micros));
        self.kinds.push(match time.map(|time| time.kind) {
            None => NO_TIME,
            Some(TimestampKind::Create) => BY_PRODUCER,
            Some(TimestampKind::Append) => BY_BROKER,
        });
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<Timestamp> {
        flat_time(self.micros[row], self.kinds[row])
    }
}

/// A time of a flat column of times.
#[inline]
pub fn flat_time(micros: i64, kind: u8) -> Option<Timestamp> {
    let kind = match kind {
        BY_PRODUCER => TimestampKind::Create,
        BY_BROKER => TimestampKind::Append,
        _ => return None,
    };
    Some(Timestamp { micros, kind })
}

/// Byte strings back to back, as they are: value `i` is `data[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Copy, Debug)]
pub struct FlatBytes<'a> {
    /// One more than values.
    pub offsets: &'a [u32],
    /// The values.
    pub data: &'a [u8],
    /// A bit for each value that is absent, lowest first; empty where none is.
    pub absent: &'a [u8],
}

/// For each record a list of named values: those from `row_offsets[r]` to `row_offsets[r + 1]`. Empty in all parts but the
/// offsets of names and values where no record has any.
#[derive(Clone, Copy, Debug)]
pub struct FlatFields<'a> {
    /// One more than records, or none.
    pub row_offsets: &'a [u32],
    /// UTF-8; none is absent.
    pub names: FlatBytes<'a>,
    /// What they hold.
    pub values: FlatBytes<'a>,
    /// A [`FieldKind`] each, as its number.
    pub kinds: &'a [u8],
}

/// The columns of a batch that is no view, to be handed over whole.
#[derive(Clone, Copy, Debug)]
pub struct Flat<'a> {
    /// How many records.
    pub count: usize,
    /// The payloads.
    pub payload: FlatBytes<'a>,
    /// The keys.
    pub key: FlatBytes<'a>,
    /// The headers.
    pub headers: FlatFields<'a>,
    /// The properties.
    pub properties: FlatFields<'a>,
    /// Microseconds since the epoch.
    pub micros: &'a [i64],
    /// Who set each time: [`NO_TIME`], [`BY_PRODUCER`] or [`BY_BROKER`].
    pub time_kinds: &'a [u8],
    /// The number of each record's origin.
    pub origin: &'a [u32],
    /// Each record's place within its origin.
    pub position: &'a [i64],
}

/// What a batch and all views of it share.
#[derive(Debug, Default)]
pub struct Columns {
    pub(crate) payload: BytesColumn,
    pub(crate) rest: Arc<Rest>,
    pub(crate) format: OnceLock<Arc<dyn Format>>,
    pub(crate) values: OnceLock<Values>,
}

/// All of its records but their payloads. A batch shares it with the one whose payloads took the place of its own.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) key: BytesColumn,
    pub(crate) headers: FieldsColumn,
    pub(crate) properties: FieldsColumn,
    pub(crate) timestamp: TimeColumn,
    pub(crate) origin: Vec<u32>,
    pub(crate) position: Vec<i64>,
    pub(crate) index: Vec<i32>,
    pub(crate) redelivered: Vec<bool>,
    pub(crate) rejected: BTreeMap<u32, String>,
    pub(crate) origins: Vec<Origin>,
}

impl Columns {
    pub(crate) fn new(mut payload: BytesColumn, rest: Arc<Rest>, format: OnceLock<Arc<dyn Format>>) -> Columns {
        payload.finish();
        Columns { payload, rest, format, values: OnceLock::new() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rest.rows()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.payload.size_bytes() + self.rest.size_bytes()
    }

    pub(crate) fn flat(&self) -> Flat<'_> {
        let rest = &*self.rest;
        Flat {
            count: rest.rows(),
            payload: self.payload.flat(),
            key: rest.key.flat(),
            headers: rest.headers.flat(),
            properties: rest.properties.flat(),
            micros: &rest.timestamp.micros,
            time_kinds: &rest.timestamp.kinds,
            origin: &rest.origin,
            position: &rest.position,
        }
    }

    /// Decodes all payloads at the first call.
    pub(crate) fn values(&self) -> &Values {
        self.values.get_or_init(|| match self.format.get() {
            Some(format) => Values::decode(format.as_ref(), (0..self.rows()).map(|row| self.payload.get(row))),
            None => Values::opaque(self.rows()),
        })
    }
}

impl Rest {
    pub(crate) fn rows(&self) -> usize {
        self.position.len()
    }

    fn size_bytes(&self) -> usize {
        self.key.size_bytes() + self.headers.size_bytes() + self.properties.size_bytes() + self.rows() * 50
    }

    /// Nothing more is pushed.
    pub(crate) fn finish(&mut self) {
        let (headers, properties) = (&mut self.headers.values, &mut self.properties.values);
        [&mut self.key, headers, properties].into_iter().for_each(BytesColumn::finish);
    }
}
