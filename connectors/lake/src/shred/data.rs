//! The values of one column, by type.

use std::sync::Arc;

use arrow::array::BooleanBufferBuilder;
use arrow::datatypes::DataType;
use catchwater_sdk::Value;
use catchwater_sdk::value::ValueWriter;

use super::epoch::Epoch;
use super::event::Bound;
use super::keys::{self, Class};
use super::kind::{DIGITS, Kind};
use super::list::ListBuilder;
use super::map::MapBuilder;
use super::object::ObjectBuilder;
use super::pins::{Pin, PinNode};
use super::scope::{Pushed, Scope};
use super::texts::Texts;
use super::{json, moment};

/// As many values as the column has rows, but for structs, whose columns fill up on their own.
#[derive(Debug)]
pub(super) enum Data {
    /// Nothing but nulls so far.
    Unknown,
    Boolean(BooleanBufferBuilder),
    Long(Vec<i64>, Epoch),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    /// With the texts until the first commit, as one that is no timestamp makes all of them text again.
    Timestamp(Vec<i64>, Option<Texts>),
    Date(Vec<i32>, Option<Texts>),
    String(Texts),
    Json(Texts),
    Struct(Box<ObjectBuilder>),
    List(Box<ListBuilder>),
    Map(Box<MapBuilder>),
    Foreign(DataType),
}

type PinRef = Option<Arc<PinNode>>;

impl Data {
    /// Of the type that a first value gives a column; null gives none.
    pub(super) fn of_value(value: Value<'_>, pins: &PinRef) -> Option<Data> {
        Some(match value {
            Value::Bool(_) => Data::Boolean(BooleanBufferBuilder::new(0)),
            Value::Int(_) => Data::Long(Vec::new(), Epoch::default()),
            Value::UInt(_) => Data::Decimal(Vec::new()),
            Value::Number(digits) if decimal(digits).is_some() => Data::Decimal(Vec::new()),
            Value::Number(_) => Data::String(Texts::default()),
            Value::Float(_) => Data::Double(Vec::new()),
            Value::Text(text) if moment::timestamp(text).is_some() => {
                Data::Timestamp(Vec::new(), Some(Texts::default()))
            }
            Value::Text(text) if moment::date(text).is_some() => Data::Date(Vec::new(), Some(Texts::default())),
            Value::Text(_) => Data::String(Texts::default()),
            Value::List(_) => Data::List(Box::new(ListBuilder::new(pins.clone()))),
            Value::Object(object) if keys::are_data(object) => Data::Map(Box::new(MapBuilder::new(pins.clone()))),
            Value::Object(_) => Data::object(pins),
            _ => return None,
        })
    }

    /// A struct with no column yet.
    pub(super) fn object(pins: &PinRef) -> Data {
        Data::Struct(Box::new(ObjectBuilder::new(pins.clone())))
    }

    pub(super) fn of_pin(pin: Pin, pins: PinRef) -> Data {
        match pin {
            Pin::Map => Data::Map(Box::new(MapBuilder::new(pins))),
            Pin::Struct => Data::Struct(Box::new(ObjectBuilder::new(pins).of_names())),
            Pin::Boolean => Data::of_kind(&Kind::Boolean, pins),
            Pin::Long => Data::of_kind(&Kind::Long, pins),
            Pin::Double => Data::of_kind(&Kind::Double, pins),
            Pin::Decimal => Data::of_kind(&Kind::Decimal, pins),
            Pin::Timestamp => Data::of_kind(&Kind::Timestamp, pins),
            Pin::Date => Data::of_kind(&Kind::Date, pins),
            Pin::String => Data::of_kind(&Kind::String, pins),
            Pin::Json => Data::of_kind(&Kind::Json, pins),
        }
    }

    pub(super) fn of_kind(kind: &Kind, pins: PinRef) -> Data {
        match kind {
            Kind::Boolean => Data::Boolean(BooleanBufferBuilder::new(0)),
            Kind::Long => Data::Long(Vec::new(), Epoch::default()),
            Kind::Double => Data::Double(Vec::new()),
            Kind::Decimal => Data::Decimal(Vec::new()),
            Kind::Timestamp => Data::Timestamp(Vec::new(), None),
            Kind::Date => Data::Date(Vec::new(), None),
            Kind::String => Data::String(Texts::default()),
            Kind::Json => Data::Json(Texts::default()),
            Kind::Struct(columns) => Data::Struct(Box::new(ObjectBuilder::committed(columns, pins))),
            Kind::List(element) => Data::List(Box::new(ListBuilder::committed(element, pins))),
            Kind::Map(value) => Data::Map(Box::new(MapBuilder::committed(value, pins))),
            Kind::Foreign(data_type) => Data::Foreign(data_type.clone()),
        }
    }

    pub(super) fn is_of_pin(&self, pin: Pin) -> bool {
        match self {
            Data::Boolean(_) => pin == Pin::Boolean,
            Data::Long(..) => pin == Pin::Long,
            Data::Double(_) => pin == Pin::Double,
            Data::Decimal(_) => pin == Pin::Decimal,
            Data::Timestamp(..) => pin == Pin::Timestamp,
            Data::Date(..) => pin == Pin::Date,
            Data::String(_) => pin == Pin::String,
            Data::Json(_) => pin == Pin::Json,
            Data::Map(_) => pin == Pin::Map,
            Data::Struct(_) => pin == Pin::Struct,
            Data::Unknown | Data::List(_) | Data::Foreign(_) => false,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Data::Map(_))
    }

    pub(super) fn class(&self) -> Option<Class> {
        match self {
            Data::Unknown => None,
            Data::Boolean(_) => Some(Class::Boolean),
            Data::Long(..) | Data::Double(_) | Data::Decimal(_) => Some(Class::Number),
            Data::List(_) => Some(Class::List),
            Data::Struct(_) | Data::Map(_) => Some(Class::Object),
            Data::Timestamp(..) | Data::Date(..) | Data::String(_) | Data::Json(_) | Data::Foreign(_) => {
                Some(Class::Text)
            }
        }
    }

    /// Takes a value as row `row`, if it is of this type without loss. With `any`, text and JSON take what else there is.
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: Value<'_>, any: bool, scope: &mut Scope<'_>) -> Pushed {
        match (self, value) {
            (Data::String(texts), Value::Text(text)) => return stored_or_full(texts.push(text), scope),
            (Data::Long(longs, _), Value::Int(value)) => longs.push(value),
            (Data::Double(doubles), Value::Float(value)) => doubles.push(value),
            (Data::Double(doubles), Value::Int(value)) if is_exact(value) => doubles.push(value as f64),
            (Data::Boolean(booleans), Value::Bool(value)) => booleans.append(value),
            (Data::Struct(object), Value::Object(value)) => return object.push(row, value, scope),
            (Data::List(list), Value::List(value)) => return list.push(value, scope),
            (Data::Map(map), Value::Object(value)) => return map.push(value, scope),
            (Data::Timestamp(micros, texts), Value::Text(text)) => {
                return push_moment(micros, texts, moment::timestamp(text), text);
            }
            (Data::Date(days, texts), Value::Text(text)) => return push_moment(days, texts, moment::date(text), text),
            (Data::Decimal(decimals), value) => match integer(value) {
                Some(integer) => decimals.push(integer),
                None => return Pushed::Misfit,
            },
            (data, value) => return data.push_as_text(value, any, scope),
        }
        Pushed::Stored
    }

    /// What text and JSON take beside text: integers that nothing else holds, and with `any` all there is.
    fn push_as_text(&mut self, value: Value<'_>, any: bool, scope: &mut Scope<'_>) -> Pushed {
        let container = matches!(value, Value::List(_) | Value::Object(_));
        match (self, value) {
            (Data::String(texts), Value::Number(digits)) if decimal(digits).is_none() => {
                stored_or_full(texts.push(digits), scope)
            }
            (Data::String(texts), value) if any && !container => {
                stored_or_full(texts.push_with(|text| json::write(value, text)), scope)
            }
            (Data::Json(texts), value) if any || container => {
                stored_or_full(texts.push_with(|json| json::write(value, json)), scope)
            }
            _ => Pushed::Misfit,
        }
    }

    /// The next type up which also holds `value`, with all that is there. `Err` gives it back unchanged.
    pub(super) fn widen(self, value: Value<'_>) -> Result<Data, Data> {
        match (self, value) {
            (Data::Long(longs, _), Value::Float(_)) if longs.iter().all(|long| is_exact(*long)) => {
                Ok(Data::Double(longs.into_iter().map(|long| long as f64).collect()))
            }
            (Data::Long(longs, _), value) if integer(value).is_some() => {
                Ok(Data::Decimal(longs.into_iter().map(i128::from).collect()))
            }
            (Data::Timestamp(_, Some(texts)) | Data::Date(_, Some(texts)), Value::Text(_)) => Ok(Data::String(texts)),
            (same, _) => Err(same),
        }
    }

    /// Writes a value back as it was pushed. Of what is committed or pinned that is not known.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<(), String> {
        match self {
            Data::Boolean(booleans) => writer.bool(booleans.get_bit(row)),
            Data::Long(longs, _) => writer.int(longs[row]),
            Data::Double(doubles) => writer.float(doubles[row]),
            Data::Decimal(decimals) => writer.number(&decimals[row].to_string()),
            Data::Timestamp(_, Some(texts)) | Data::Date(_, Some(texts)) => writer.text(texts.get(row)),
            Data::String(texts) => writer.text(texts.get(row)),
            Data::Struct(object) => return object.write(row, writer),
            Data::List(list) => return list.write(row, writer),
            Data::Map(map) => return map.write(row, writer),
            Data::Unknown | Data::Timestamp(..) | Data::Date(..) | Data::Json(_) | Data::Foreign(_) => {
                return Err("a value that is not kept as it came".into());
            }
        }
        Ok(())
    }

    /// How many columns are in this one.
    pub(super) fn columns_within(&self) -> usize {
        match self {
            Data::Struct(object) => object.columns(),
            Data::List(list) => list.columns_within(),
            Data::Map(map) => map.columns_within(),
            _ => 0,
        }
    }
}

#[inline]
fn stored_or_full(stored: bool, scope: &mut Scope<'_>) -> Pushed {
    if stored { Pushed::Stored } else { scope.cut(Bound::Size) }
}

fn push_moment<T>(moments: &mut Vec<T>, texts: &mut Option<Texts>, moment: Option<T>, text: &str) -> Pushed {
    let Some(moment) = moment else { return Pushed::Misfit };
    if texts.as_mut().is_some_and(|texts| !texts.push(text)) {
        return Pushed::Misfit;
    }
    moments.push(moment);
    Pushed::Stored
}

/// Whether a double holds this integer with all its digits.
fn is_exact(value: i64) -> bool {
    let double = value as f64;
    double < i64::MAX as f64 && double as i64 == value
}

/// An integer that a decimal holds.
fn integer(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Int(value) => Some(value.into()),
        Value::UInt(value) => Some(value.into()),
        Value::Number(digits) => decimal(digits),
        _ => None,
    }
}

fn decimal(digits: &str) -> Option<i128> {
    let value: i128 = digits.parse().ok()?;
    (value.unsigned_abs() < 10u128.pow(DIGITS.into())).then_some(value)
}
