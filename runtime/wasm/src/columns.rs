//! Records as columns: written for a plugin, and read from its answer with every length and offset checked.

use catchwater_sdk::{Batch, Field, FieldKind, RecordRef, Timestamp, TimestampKind};

use crate::bindings::types::{self, ByteColumn, FieldColumn, TimeColumn};

/// The kinds of a time column.
const NO_TIME: u8 = 0;
const BY_PRODUCER: u8 = 1;
const BY_BROKER: u8 = 2;

/// Buffers for batches, used again for each.
pub(crate) struct Columns {
    batch: types::Batch,
}

// === impl Columns ===

impl Columns {
    pub(crate) fn new() -> Columns {
        let fields = || FieldColumn { row_offsets: Vec::new(), names: bytes(), values: bytes(), kinds: Vec::new() };
        let batch = types::Batch {
            count: 0,
            payload: bytes(),
            key: bytes(),
            headers: fields(),
            properties: fields(),
            time: TimeColumn { micros: Vec::new(), kinds: Vec::new() },
            origins: Vec::new(),
            origin: Vec::new(),
            position: Vec::new(),
        };
        Columns { batch }
    }

    /// The records of a batch.
    pub(crate) fn of(&mut self, batch: &Batch) -> &types::Batch {
        self.clear();
        self.batch.count = batch.len() as u32;
        self.batch.origins.extend(batch.origins().iter().map(|origin| types::Origin {
            source: origin.partition.source.to_string(),
            stream: origin.partition.stream.to_string(),
            partition: origin.partition.number,
        }));
        batch.iter().for_each(|record| self.push(record));
        [&mut self.batch.payload, &mut self.batch.key].into_iter().for_each(ByteColumn::finish);
        [&mut self.batch.headers, &mut self.batch.properties].into_iter().for_each(FieldColumn::finish);
        &self.batch
    }

    fn clear(&mut self) {
        let batch = &mut self.batch;
        [&mut batch.payload, &mut batch.key].into_iter().for_each(ByteColumn::clear);
        [&mut batch.headers, &mut batch.properties].into_iter().for_each(FieldColumn::clear);
        batch.time.micros.clear();
        batch.time.kinds.clear();
        batch.origins.clear();
        batch.origin.clear();
        batch.position.clear();
    }

    fn push(&mut self, record: RecordRef<'_>) {
        let batch = &mut self.batch;
        batch.payload.push(record.payload());
        batch.key.push(record.key());
        batch.headers.push(record.headers());
        batch.properties.push(record.properties());
        let time = record.timestamp();
        batch.time.micros.push(time.map_or(0, |time| time.micros));
        batch.time.kinds.push(match time.map(|time| time.kind) {
            None => NO_TIME,
            Some(TimestampKind::Create) => BY_PRODUCER,
            Some(TimestampKind::Append) => BY_BROKER,
        });
        batch.origin.push(record.origin() as u32);
        batch.position.push(record.position());
    }
}

fn bytes() -> ByteColumn {
    ByteColumn { offsets: vec![0], data: Vec::new(), absent: Vec::new() }
}

// === impl ByteColumn ===

impl ByteColumn {
    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
        self.absent.clear();
    }

    fn values(&self) -> usize {
        self.offsets.len() - 1
    }

    fn push(&mut self, value: Option<&[u8]>) {
        if value.is_none() {
            let row = self.values();
            self.absent.resize(row / 8 + 1, 0);
            self.absent[row / 8] |= 1 << (row % 8);
        }
        self.data.extend_from_slice(value.unwrap_or_default());
        self.offsets.push(self.data.len() as u32); // a batch is kept below 4 GiB by its builder
    }

    /// A bitmap is whole or not there.
    fn finish(&mut self) {
        if !self.absent.is_empty() {
            self.absent.resize(self.values().div_ceil(8), 0);
        }
    }

    /// Nothing of an answer is read before this.
    pub(crate) fn check(&self, values: usize) -> Result<(), String> {
        offsets(&self.offsets, values, self.data.len())?;
        match self.absent.len() {
            0 => Ok(()),
            bytes if bytes == values.div_ceil(8) => Ok(()),
            bytes => Err(format!("{bytes} bytes say which of {values} values are absent")),
        }
    }

    /// A value of a column that was checked.
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        if !self.absent.is_empty() && bit(&self.absent, row) {
            return None;
        }
        Some(&self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }
}

// === impl FieldColumn ===

impl FieldColumn {
    fn clear(&mut self) {
        self.row_offsets.clear();
        self.row_offsets.push(0);
        self.names.clear();
        self.values.clear();
        self.kinds.clear();
    }

    fn push<'a>(&mut self, fields: impl Iterator<Item = Field<'a>>) {
        for field in fields {
            self.names.push(Some(field.name.as_bytes()));
            self.values.push(field.value);
            self.kinds.push(field.kind as u8);
        }
        self.row_offsets.push(self.kinds.len() as u32);
    }

    /// Where no record has a field, all parts are empty.
    fn finish(&mut self) {
        self.values.finish();
        if self.kinds.is_empty() {
            self.row_offsets.clear();
        }
    }

    pub(crate) fn check(&self, rows: usize) -> Result<(), String> {
        let fields = self.kinds.len();
        if self.row_offsets.is_empty() && fields == 0 {
            return Ok(());
        }
        offsets(&self.row_offsets, rows, fields)?;
        self.names.check(fields)?;
        self.values.check(fields)?;
        if let Some(kind) = self.kinds.iter().find(|kind| FieldKind::from_number(**kind).is_none()) {
            return Err(format!("there is no kind {kind} of a field"));
        }
        match (0..fields).find(|field| self.name(*field).is_none()) {
            Some(field) => Err(format!("the name of field {field} is not UTF-8")),
            None => Ok(()),
        }
    }

    fn name(&self, field: usize) -> Option<&str> {
        std::str::from_utf8(self.names.get(field)?).ok()
    }

    /// The fields of a record, of a column that was checked.
    pub(crate) fn get(&self, row: usize) -> impl Iterator<Item = Field<'_>> {
        let of = if self.row_offsets.is_empty() { 0..0 } else { self.row_offsets[row]..self.row_offsets[row + 1] };
        of.map(|field| {
            let field = field as usize;
            let kind = FieldKind::from_number(self.kinds[field]).unwrap_or(FieldKind::Bytes);
            Field { name: self.name(field).unwrap_or_default(), value: self.values.get(field), kind }
        })
    }
}

// === impl TimeColumn ===

impl TimeColumn {
    pub(crate) fn check(&self, rows: usize) -> Result<(), String> {
        if self.micros.len() != rows || self.kinds.len() != rows {
            return Err(format!("{} times of {} kinds for {rows} records", self.micros.len(), self.kinds.len()));
        }
        match self.kinds.iter().find(|kind| **kind > BY_BROKER) {
            Some(kind) => Err(format!("there is no kind {kind} of a time")),
            None => Ok(()),
        }
    }

    /// The time of a record, of a column that was checked.
    pub(crate) fn get(&self, row: usize) -> Option<Timestamp> {
        let kind = match self.kinds[row] {
            BY_PRODUCER => TimestampKind::Create,
            BY_BROKER => TimestampKind::Append,
            _ => return None,
        };
        Some(Timestamp { micros: self.micros[row], kind })
    }
}

/// From zero, never back, to the end of what they divide.
fn offsets(offsets: &[u32], values: usize, end: usize) -> Result<(), String> {
    if offsets.len() != values + 1 {
        return Err(format!("{} offsets for {values} values", offsets.len()));
    }
    if offsets[0] != 0 || !offsets.is_sorted() || offsets[values] as usize != end {
        return Err(format!("offsets that do not lead from 0 to {end}"));
    }
    Ok(())
}

/// A bit of a bitmap that is long enough.
pub(crate) fn bit(bitmap: &[u8], at: usize) -> bool {
    bitmap[at / 8] >> (at % 8) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(offsets: &[u32], data: &[u8], absent: &[u8]) -> ByteColumn {
        ByteColumn { offsets: offsets.to_vec(), data: data.to_vec(), absent: absent.to_vec() }
    }

    fn check(column: &ByteColumn, values: usize, expected: &str) {
        assert_eq!(column.check(values).expect_err("it lies"), expected);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut column = bytes();
        let values = [Some(&b"a"[..]), None, Some(b""), Some(b"bc")];
        values.iter().for_each(|value| column.push(*value));
        column.finish();
        column.check(4).expect("it is right");
        assert_eq!([0, 1, 2, 3].map(|row| column.get(row)), values);
        assert_eq!(column.absent, [0b10]);
    }

    #[test]
    fn lies_about_lengths_are_found() {
        column(&[0, 1, 3], b"abc", &[]).check(2).expect("it is right");
        check(&column(&[0, 1], b"abc", &[]), 2, "2 offsets for 2 values");
        check(&column(&[], b"", &[]), 0, "0 offsets for 0 values");
        check(&column(&[1, 1, 3], b"abc", &[]), 2, "offsets that do not lead from 0 to 3");
        check(&column(&[0, 4, 3], b"abc", &[]), 2, "offsets that do not lead from 0 to 3");
        check(&column(&[0, 1, 4], b"abc", &[]), 2, "offsets that do not lead from 0 to 3");
        check(&column(&[0, 1, u32::MAX], b"abc", &[]), 2, "offsets that do not lead from 0 to 3");
        check(&column(&[0, 1, 3], b"abc", &[0, 0]), 2, "2 bytes say which of 2 values are absent");
    }

    #[test]
    fn lies_about_fields_are_found() {
        let fields = |row_offsets: &[u32], names: ByteColumn, kinds: &[u8]| FieldColumn {
            row_offsets: row_offsets.to_vec(),
            names,
            values: column(&[0, 1], b"v", &[]),
            kinds: kinds.to_vec(),
        };
        let name = || column(&[0, 1], b"n", &[]);
        fields(&[0, 1], name(), &[1]).check(1).expect("it is right");
        let check = |fields: FieldColumn, expected: &str| {
            assert_eq!(fields.check(1).expect_err("it lies"), expected);
        };
        check(fields(&[0, 2], name(), &[1]), "offsets that do not lead from 0 to 1");
        check(fields(&[0, 1], name(), &[17]), "there is no kind 17 of a field");
        check(fields(&[0, 1], column(&[0, 1], b"\xff", &[]), &[1]), "the name of field 0 is not UTF-8");
        check(fields(&[0, 1], column(&[0, 1], b"n", &[1]), &[1]), "the name of field 0 is not UTF-8");
        check(fields(&[], name(), &[1]), "0 offsets for 1 values");
    }
}
