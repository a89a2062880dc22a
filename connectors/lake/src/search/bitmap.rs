//! What the columns of some rows say of each of them.

use arrow::array::AsArray;
use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::TimestampMicrosecondType;
use catchwater_query::field::Envelope;
use catchwater_query::{Bounds, Condition, Evidence, Field, Test};

use super::locate::{Holds, Null, Place};
use super::plan::Plan;
use super::values::{in_place, is_set};

/// The columns of some rows, as far as a plan needs them.
pub(super) struct Columns<'a> {
    plan: &'a Plan,
    rows: &'a RecordBatch,
    /// Rows whose columns do not tell all of their payload.
    incomplete: BooleanBuffer,
}

impl<'a> Columns<'a> {
    pub(super) fn new(plan: &'a Plan, rows: &'a RecordBatch) -> Columns<'a> {
        let errors = is_set(rows, &Place::column("_error", Holds::PlainText));
        let incomplete = plan.bare_lists().iter().fold(errors, |set, place| &set | &is_set(rows, place));
        Columns { plan, rows, incomplete }
    }

    /// Which rows may be asked for, and which must.
    pub(super) fn bounds(&self) -> Bounds<BooleanBuffer> {
        let asked = self.plan.filter.query.bounds(self);
        if !self.plan.filter.has_times() {
            return asked;
        }
        let times = times(self.rows);
        let timely = BooleanBuffer::collect_bool(times.len(), |row| {
            times.is_valid(row) && self.plan.filter.holds_time(times.value(row))
        });
        asked.and(&Bounds::exactly(timely))
    }

    fn field(&self, field: &Field, condition: &Condition) -> Bounds<BooleanBuffer> {
        let of_payload = matches!(field, Field::Payload(_));
        let places = self.plan.places(field).iter().map(|place| self.place(place, condition));
        let nowhere = Bounds::exactly(self.none());
        let any = places.fold(nowhere, |one, other| one.or(&other));
        match (of_payload, condition) {
            (false, _) => any,
            // Empty lists and objects are there, and in no column.
            (true, Condition::Exists) => Bounds { may: self.all(), must: &any.must & &!&self.incomplete },
            (true, _) => Bounds { may: &any.may | &self.incomplete, must: &any.must & &!&self.incomplete },
        }
    }

    fn place(&self, place: &Place, condition: &Condition) -> Bounds<BooleanBuffer> {
        let Bounds { mut may, mut must } = in_place(self.rows, place, condition);
        if place.null == Null::Unknown {
            may = &may | &!&is_set(self.rows, place);
        }
        if place.bare {
            must = self.none();
        }
        Bounds { may, must }
    }
}

/// The time of each row: the source's, or where there is none the time it came in.
pub(super) fn times(rows: &RecordBatch) -> TimestampMicrosecondArray {
    let column =
        |name| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    match (column("_timestamp"), column("_ingested_at")) {
        (Some(own), Some(came)) if own.null_count() > 0 => {
            let time = |row| {
                if own.is_valid(row) { Some(own.value(row)) } else { came.is_valid(row).then(|| came.value(row)) }
            };
            (0..own.len()).map(time).collect()
        }
        (Some(times), _) | (None, Some(times)) => times.clone(),
        (None, None) => TimestampMicrosecondArray::new_null(rows.num_rows()),
    }
}

impl Evidence for Columns<'_> {
    type Set = BooleanBuffer;

    fn all(&self) -> BooleanBuffer {
        BooleanBuffer::new_set(self.rows.num_rows())
    }

    fn test(&self, test: Test<'_>) -> Bounds<BooleanBuffer> {
        match test {
            Test::Field(Field::Envelope(Envelope::Payload), _) | Test::Word(_) | Test::Value(_) => {
                Bounds::unknown(self)
            }
            Test::Field(field, condition) => self.field(field, condition),
        }
    }
}
