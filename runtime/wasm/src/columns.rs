//! Records as columns: a batch's own are lent to a plugin, and those of its answer are read with every length and offset
//! checked.

use catchwater_sdk::batch::{BY_BROKER, FlatBytes, FlatFields, flat_time};
use catchwater_sdk::{Batch, Field, FieldKind, Timestamp};

use crate::bindings::types::{
    Batch as LentBatch, ByteColumnParam, ByteColumnResult as ByteColumn, FieldColumnParam,
    FieldColumnResult as FieldColumn, Origin, TimeColumnParam, TimeColumnResult as TimeColumn,
};

/// Lends the records of a batch for a call. Their columns are copied into the plugin's memory as they lie; only the chosen
/// ones of a view are brought together before.
pub(crate) fn lend<R>(batch: &Batch, call: impl FnOnce(LentBatch<'_>) -> R) -> R {
    let whole = batch.compacted();
    let origins: Vec<Origin<'_>> = whole
        .origins()
        .iter()
        .map(|origin| Origin {
            source: &origin.partition.source,
            stream: &origin.partition.stream,
            partition: origin.partition.number,
        })
        .collect();
    let flat = whole.flat().expect("a compacted batch is no view");
    call(LentBatch {
        count: flat.count as u32,
        payload: bytes(flat.payload),
        key: bytes(flat.key),
        headers: fields(flat.headers),
        properties: fields(flat.properties),
        time: TimeColumnParam { micros: flat.micros, kinds: flat.time_kinds },
        origins: &origins,
        origin: flat.origin,
        position: flat.position,
    })
}

fn bytes(column: FlatBytes<'_>) -> ByteColumnParam<'_> {
    ByteColumnParam { offsets: column.offsets, data: column.data, absent: column.absent }
}

fn fields(column: FlatFields<'_>) -> FieldColumnParam<'_> {
    let (names, values) = (bytes(column.names), bytes(column.values));
    FieldColumnParam { row_offsets: column.row_offsets, names, values, kinds: column.kinds }
}

// === impl ByteColumn ===

impl ByteColumn {
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
        flat_time(self.micros[row], self.kinds[row])
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
    use std::sync::Arc;

    use catchwater_sdk::{BatchBuilder, Limit, Partition, Record};

    use super::*;

    fn column(offsets: &[u32], data: &[u8], absent: &[u8]) -> ByteColumn {
        ByteColumn { offsets: offsets.to_vec(), data: data.to_vec(), absent: absent.to_vec() }
    }

    fn check(column: &ByteColumn, values: usize, expected: &str) {
        assert_eq!(column.check(values).expect_err("it lies"), expected);
    }

    #[test]
    fn what_is_lent_can_be_read() {
        let partition = Partition { source: "t".into(), stream: "n".into(), incarnation: "1".into(), number: 3 };
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&Arc::new(partition));
        let headers = [Field::text("a", "1"), Field::bytes("a", None)];
        let values = [Some(&b"a"[..]), None, Some(b""), Some(b"bc")];
        for (payload, position) in values.into_iter().zip(0..) {
            let headers = if position == 2 { &headers[..] } else { &[] };
            builder.push(origin, position, position + 1, Record { payload, headers, ..Record::default() });
        }
        let batch = builder.finish();
        let read = |batch: &Batch| {
            lend(batch, |lent| (owned(lent.payload), owned_fields(lent.headers), lent.position.to_vec()))
        };
        let (payload, fields, position) = read(&batch);
        payload.check(4).expect("it is right");
        fields.check(4).expect("it is right");
        assert_eq!([0, 1, 2, 3].map(|row| payload.get(row)), values);
        assert_eq!((payload.absent.as_slice(), position), (&[0b10][..], vec![0, 1, 2, 3]));
        assert_eq!(fields.get(2).collect::<Vec<_>>(), headers);
        assert_eq!(fields.get(3).count(), 0);

        let (payload, fields, position) = read(&batch.select(&[1, 2]));
        payload.check(2).expect("it is right");
        fields.check(2).expect("it is right");
        assert_eq!([0, 1].map(|row| payload.get(row)), values[1..3]);
        assert_eq!((fields.get(1).count(), position), (2, vec![1, 2]), "no other record of the batch");
    }

    fn owned(column: ByteColumnParam<'_>) -> ByteColumn {
        self::column(column.offsets, column.data, column.absent)
    }

    fn owned_fields(column: FieldColumnParam<'_>) -> FieldColumn {
        FieldColumn {
            row_offsets: column.row_offsets.to_vec(),
            names: owned(column.names),
            values: owned(column.values),
            kinds: column.kinds.to_vec(),
        }
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
