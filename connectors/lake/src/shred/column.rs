//! One column while its rows come in: it takes what fits, widens while nothing was committed, and becomes an Arrow array.

use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder};
use catchwater_sdk::Value;
use catchwater_sdk::value::{Decoded, ValueWriter, Values};

use super::data::Data;
use super::event::Bound;
use super::keys::Class;
use super::kind::Kind;
use super::map::MapBuilder;
use super::object::ObjectBuilder;
use super::pins::{Pin, PinNode};
use super::report::Report;
use super::scope::{Pushed, Scope};
use super::texts::Texts;

/// A column being built. Rows that are left out are null; they are filled in when a later one comes.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    data: Data,
    valid: NullBufferBuilder,
    state: State,
    /// The row that gave it its type.
    typed_by: usize,
    /// Whether other types come in as text: so a pin wants it.
    any: bool,
    /// The pins at and below this place.
    pins: Option<Arc<PinNode>>,
    /// Where it stands among the columns around it; the older ones come first.
    order: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In no file yet: the type may widen.
    Open,
    /// In no file yet, but its type is given.
    Pinned,
    /// In a file: the type stays.
    Committed,
}

impl ColumnBuilder {
    /// A column that takes the type of its first value, or that of its pin.
    pub(super) fn new(pins: Option<Arc<PinNode>>) -> ColumnBuilder {
        let pin = pins.as_ref().and_then(|node| node.pin);
        let data = pin.map_or(Data::Unknown, |pin| Data::of_pin(pin, pins.clone()));
        let state = if pin.is_some() { State::Pinned } else { State::Open };
        let any = matches!(pin, Some(Pin::String | Pin::Json));
        ColumnBuilder { data, any, ..ColumnBuilder::of(state, pins) }
    }

    /// A column for values that did not fit its neighbours.
    pub(super) fn sibling(kind: SiblingKind, row: usize, pins: Option<Arc<PinNode>>) -> ColumnBuilder {
        let data = match kind {
            SiblingKind::OfValue => Data::Unknown,
            SiblingKind::String => Data::String(Texts::default()),
            SiblingKind::Json => Data::Json(Texts::default()),
            SiblingKind::Map => Data::Map(Box::new(MapBuilder::new(pins.clone()))),
        };
        ColumnBuilder { data, typed_by: row, ..ColumnBuilder::of(State::Open, pins) }
    }

    /// A column of the table.
    pub(super) fn committed(kind: &Kind, pins: Option<Arc<PinNode>>, order: u32) -> ColumnBuilder {
        let data = Data::of_kind(kind, pins.clone());
        ColumnBuilder { data, order, ..ColumnBuilder::of(State::Committed, pins) }
    }

    fn of(state: State, pins: Option<Arc<PinNode>>) -> ColumnBuilder {
        let valid = NullBufferBuilder::new(0);
        ColumnBuilder { data: Data::Unknown, valid, state, typed_by: 0, any: false, pins, order: 0 }
    }

    /// Lets a column of the table take what its pin wants of it. False when it is not of the pinned type.
    pub(super) fn heed(&mut self, pin: Pin) -> bool {
        let same = self.data.is_of_pin(pin);
        self.any |= same && matches!(pin, Pin::String | Pin::Json);
        same
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Unknown)
    }

    pub(super) fn is_committed(&self) -> bool {
        self.state == State::Committed
    }

    pub(super) fn order(&self) -> u32 {
        self.order
    }

    /// The kind of sibling for a value that this column and its neighbours do not take.
    pub(super) fn kind_of_sibling(&self, value: Value<'_>) -> SiblingKind {
        match (&self.data, value) {
            (_, Value::Text(_)) => SiblingKind::String,
            (Data::Struct(_), Value::Object(_)) => SiblingKind::Map,
            (Data::Map(_), Value::Object(_)) | (Data::List(_), Value::List(_)) => SiblingKind::Json,
            _ => SiblingKind::OfValue,
        }
    }

    /// The class of the values so far, for the rule that tells maps from structs.
    pub(super) fn class(&self) -> Option<Class> {
        self.data.class()
    }

    /// Takes a value other than null as row `row`, and never changes the type but from unknown.
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        if self.valid.len() < row {
            self.pad(row);
        }
        let pushed = self.data.push(row, value, self.any, scope);
        match pushed {
            Pushed::Stored => self.valid.append_non_null(),
            Pushed::Misfit if self.is_unknown() => return self.adopt(row, value, scope),
            _ => {}
        }
        pushed
    }

    /// Takes a value, if need be with a wider type.
    pub(super) fn push_or_widen(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        match self.push(row, value, scope) {
            Pushed::Misfit if self.widen(value, scope) => self.push(row, value, scope),
            pushed => pushed,
        }
    }

    /// The first value of an unknown column gives it its type.
    #[cold]
    fn adopt(&mut self, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        if matches!(value, Value::List(_) | Value::Object(_)) && scope.depth >= scope.options.depth_max {
            return scope.cut(Bound::Depth);
        }
        let Some(data) = Data::of_value(value, &self.pins) else { return Pushed::Misfit };
        if !data.is_map() || scope.trial {
            return self.push_as(data, row, value, scope);
        }
        scope.trial = true;
        let pushed = self.push_as(data, row, value, scope);
        scope.trial = false;
        match pushed {
            // The keys look like data, but the values fit no one type.
            Pushed::Misfit => self.push_as(Data::object(&self.pins), row, value, scope),
            pushed => pushed,
        }
    }

    fn push_as(&mut self, data: Data, row: usize, value: Value<'_>, scope: &mut Scope<'_>) -> Pushed {
        self.data = data;
        self.data.pad(row);
        self.typed_by = row;
        let pushed = self.push(row, value, scope);
        if pushed != Pushed::Stored {
            self.data = Data::Unknown;
        }
        pushed
    }

    /// Makes the type wider, so that `value` fits beside all that is there; only while no file has it.
    #[cold]
    pub(super) fn widen(&mut self, value: Value<'_>, scope: &mut Scope<'_>) -> bool {
        if self.state != State::Open {
            return false;
        }
        let widened = match std::mem::replace(&mut self.data, Data::Unknown) {
            Data::Struct(object) if object.is_closed() => self.as_map(object, scope),
            data => data.widen(value),
        };
        let wider = widened.is_ok();
        self.data = widened.unwrap_or_else(|same| same);
        wider
    }

    /// Makes a map of all objects so far. `Err` gives the struct back: their values conflict.
    fn as_map(&self, object: Box<ObjectBuilder>, scope: &mut Scope<'_>) -> Result<Data, Data> {
        let rows = self.valid.len();
        let write = |row, writer: &mut ValueWriter<'_>| {
            if self.valid.is_valid(row) { object.write(row, writer) } else { null(writer) }
        };
        let objects = Values::written(rows, write);
        let mut map = ColumnBuilder::sibling(SiblingKind::Map, 0, self.pins.clone());
        for row in 0..rows {
            let fits = match objects.get(row) {
                Decoded::Value(Value::Null) => true,
                Decoded::Value(value) => map.push_or_widen(row, value, scope) != Pushed::Misfit,
                _ => false,
            };
            if !fits {
                return Err(Data::Struct(object));
            }
        }
        map.pad(rows);
        *scope.columns_left += object.columns();
        Ok(map.data)
    }

    /// Writes a row's value back as it was pushed, while the column is open; `Err` where it cannot tell how that was.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<(), String> {
        if self.is_set(row) { self.data.write(row, writer) } else { null(writer) }
    }

    pub(super) fn is_set(&self, row: usize) -> bool {
        row < self.valid.len() && self.valid.is_valid(row)
    }

    /// How many columns of the table this one is: itself and those within.
    pub(super) fn columns(&self) -> usize {
        1 + self.data.columns_within()
    }

    /// Fills up with nulls.
    #[cold]
    pub(super) fn pad(&mut self, len: usize) {
        if let Some(missing) = len.checked_sub(self.valid.len()).filter(|missing| *missing > 0) {
            self.valid.append_n_nulls(missing);
            self.data.pad(len);
        }
    }

    /// Forgets the rows from `len` on, and the type too if one of them gave it.
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.valid.len() {
            self.valid.truncate(len);
            self.data.truncate(len);
        }
        if self.state == State::Open && self.typed_by >= len {
            self.data = Data::Unknown;
        }
    }

    /// What no file has binds nothing later: the rows that gave an object or a list without any value are gone.
    fn forget_type(&mut self) {
        if self.state == State::Open {
            (self.data, self.typed_by) = (Data::Unknown, 0);
        }
    }

    /// About how many bytes it will take with `rows` rows.
    pub(super) fn size_bytes(&self, rows: usize) -> usize {
        rows / 8 + self.data.size_bytes(rows)
    }

    /// The array of `rows` rows with its type, unless that is still unknown; begins anew.
    pub(super) fn finish(&mut self, rows: usize, report: &mut Report) -> Option<(Kind, ArrayRef)> {
        self.pad(rows);
        let nulls = self.valid.finish();
        let Some(finished) = self.data.finish(rows, nulls, report) else {
            self.forget_type();
            return None;
        };
        if self.state != State::Committed {
            self.state = State::Committed;
            self.order = report.next_order();
        }
        Some(finished)
    }
}

/// What a sibling begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SiblingKind {
    /// As the value's own type.
    OfValue,
    String,
    Json,
    Map,
}

fn null(writer: &mut ValueWriter<'_>) -> Result<(), String> {
    writer.null();
    Ok(())
}
