//! AMQP types its values; a record's fields carry the type beside the value as text, and give it back.

use std::borrow::Cow;
use std::str::FromStr;

use catchwater_sdk::{Field, FieldKind};
use lapin::types::{AMQPValue, ByteArray, DecimalValue, LongString};

use super::nested;

/// A value as a field holds it; none is AMQP's void, and Kafka's null.
pub(crate) type Held<'a> = (FieldKind, Option<Cow<'a, [u8]>>);

/// What a field holds of a value.
pub(crate) fn held(value: &AMQPValue) -> Held<'_> {
    match value {
        AMQPValue::Boolean(value) => text(FieldKind::Bool, value),
        AMQPValue::ShortShortInt(value) => text(FieldKind::Int8, value),
        AMQPValue::ShortShortUInt(value) => text(FieldKind::Uint8, value),
        AMQPValue::ShortInt(value) => text(FieldKind::Int16, value),
        AMQPValue::ShortUInt(value) => text(FieldKind::Uint16, value),
        AMQPValue::LongInt(value) => text(FieldKind::Int32, value),
        AMQPValue::LongUInt(value) => text(FieldKind::Uint32, value),
        AMQPValue::LongLongInt(value) => text(FieldKind::Int, value),
        AMQPValue::Float(value) => text(FieldKind::Float32, value),
        AMQPValue::Double(value) => text(FieldKind::Float, value),
        AMQPValue::DecimalValue(value) => text(FieldKind::Decimal, decimal_text(value)),
        AMQPValue::ShortString(value) => (FieldKind::Text, Some(value.as_str().as_bytes().into())),
        AMQPValue::LongString(value) => (string_kind(value), Some(value.as_bytes().into())),
        AMQPValue::ByteArray(value) => (FieldKind::Bytes, Some(value.as_slice().into())),
        AMQPValue::Timestamp(seconds) => time(*seconds),
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) => {
            (FieldKind::Json, Some(nested::json(value).to_string().into_bytes().into()))
        }
        AMQPValue::Void => (FieldKind::Bytes, None),
    }
}

fn text<'a>(kind: FieldKind, value: impl ToString) -> Held<'a> {
    (kind, Some(value.to_string().into_bytes().into()))
}

fn string_kind(value: &LongString) -> FieldKind {
    if std::str::from_utf8(value.as_bytes()).is_ok() { FieldKind::Text } else { FieldKind::String }
}

/// As microseconds where they can hold it, so that it compares with other times.
fn time<'a>(seconds: u64) -> Held<'a> {
    match micros(seconds) {
        Some(micros) => text(FieldKind::Timestamp, micros),
        None => text(FieldKind::Seconds, seconds),
    }
}

/// AMQP counts seconds, without a sign.
pub(crate) fn micros(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()?.checked_mul(1_000_000)
}

/// The scale is the number of digits behind the point, so that `1.50` is not `1.5`.
pub(crate) fn decimal_text(value: &DecimalValue) -> String {
    let scale = usize::from(value.scale);
    let digits = format!("{:0>width$}", value.value, width = scale + 1);
    match digits.split_at(digits.len() - scale) {
        (whole, "") => whole.to_owned(),
        (whole, behind) => format!("{whole}.{behind}"),
    }
}

/// The value that a field holds, or why AMQP has none like it.
pub(crate) fn value(field: Field<'_>) -> Result<AMQPValue, String> {
    let Some(bytes) = field.value else { return Ok(AMQPValue::Void) };
    Ok(match field.kind {
        FieldKind::Bytes => AMQPValue::ByteArray(ByteArray::from(bytes)),
        FieldKind::Text | FieldKind::String => AMQPValue::LongString(bytes.into()),
        FieldKind::Bool => AMQPValue::Boolean(parse(field)?),
        FieldKind::Int8 => AMQPValue::ShortShortInt(parse(field)?),
        FieldKind::Uint8 => AMQPValue::ShortShortUInt(parse(field)?),
        FieldKind::Int16 => AMQPValue::ShortInt(parse(field)?),
        FieldKind::Uint16 => AMQPValue::ShortUInt(parse(field)?),
        FieldKind::Int32 => AMQPValue::LongInt(parse(field)?),
        FieldKind::Uint32 => AMQPValue::LongUInt(parse(field)?),
        FieldKind::Int => AMQPValue::LongLongInt(parse(field)?),
        FieldKind::Float32 => {
            finite(field, parse::<f32>(field)?.into()).map(|_| parse(field).map(AMQPValue::Float))??
        }
        FieldKind::Float => AMQPValue::Double(finite(field, parse(field)?)?),
        FieldKind::Decimal => AMQPValue::DecimalValue(decimal(field_text(field)?).ok_or_else(|| misfit(field))?),
        FieldKind::Timestamp => AMQPValue::Timestamp(seconds(parse(field)?).ok_or_else(|| misfit(field))?),
        FieldKind::Seconds => AMQPValue::Timestamp(parse(field)?),
        FieldKind::Json => nested::value(field_text(field)?).map_err(|reason| named(field, &reason))?,
        _ => return Err(misfit(field)),
    })
}

/// Seconds of a time in microseconds; AMQP has none before 1970.
pub(crate) fn seconds(micros: i64) -> Option<u64> {
    u64::try_from(micros).ok().map(|micros| micros / 1_000_000)
}

/// A decimal with at most 32 bits of digits.
pub(crate) fn decimal(text: &str) -> Option<DecimalValue> {
    let behind = text.split_once('.').map_or("", |(_, behind)| behind);
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(DecimalValue { scale: behind.len().try_into().ok()?, value: digits.parse().ok()? })
}

/// RabbitMQ closes the connection over a number that is none.
fn finite(field: Field<'_>, number: f64) -> Result<f64, String> {
    if number.is_finite() { Ok(number) } else { Err(misfit(field)) }
}

fn parse<T: FromStr>(field: Field<'_>) -> Result<T, String> {
    field_text(field)?.parse().map_err(|_| misfit(field))
}

fn field_text(field: Field<'_>) -> Result<&str, String> {
    std::str::from_utf8(field.value.unwrap_or_default()).map_err(|_| misfit(field))
}

fn misfit(field: Field<'_>) -> String {
    let value = String::from_utf8_lossy(field.value.unwrap_or_default());
    named(field, &format!("`{}` is no {} that AMQP has", value.chars().take(40).collect::<String>(), field.kind.name()))
}

fn named(field: Field<'_>, reason: &str) -> String {
    format!("header `{}`: {reason}", field.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::{FieldArray, FieldTable, ShortString};

    fn check(value: AMQPValue, kind: FieldKind, text: &str) {
        let (found, held) = held(&value);
        let held = held.expect("it has a value");
        assert_eq!((found, String::from_utf8_lossy(&held).as_ref()), (kind, text));
        assert_eq!(super::value(Field { name: "h", value: Some(&held), kind }), Ok(value));
    }

    fn refused(kind: FieldKind, text: &str) {
        let field = Field { name: "h", value: Some(text.as_bytes()), kind };
        value(field).expect_err(text);
    }

    #[test]
    fn every_type_comes_back_as_it_was() {
        check(AMQPValue::Boolean(true), FieldKind::Bool, "true");
        check(AMQPValue::ShortShortInt(-128), FieldKind::Int8, "-128");
        check(AMQPValue::ShortShortUInt(255), FieldKind::Uint8, "255");
        check(AMQPValue::ShortInt(i16::MIN), FieldKind::Int16, "-32768");
        check(AMQPValue::ShortUInt(u16::MAX), FieldKind::Uint16, "65535");
        check(AMQPValue::LongInt(i32::MIN), FieldKind::Int32, "-2147483648");
        check(AMQPValue::LongUInt(u32::MAX), FieldKind::Uint32, "4294967295");
        check(AMQPValue::LongLongInt(i64::MIN), FieldKind::Int, "-9223372036854775808");
        check(AMQPValue::Float(0.1), FieldKind::Float32, "0.1");
        check(AMQPValue::Double(f64::MIN_POSITIVE), FieldKind::Float, &f64::MIN_POSITIVE.to_string());
        check(AMQPValue::LongString("grün".into()), FieldKind::Text, "grün");
        check(AMQPValue::ByteArray(b"raw".as_slice().into()), FieldKind::Bytes, "raw");
    }

    #[test]
    fn a_string_need_not_be_utf8() {
        let value = AMQPValue::LongString(b"\xff".as_slice().into());
        let (kind, bytes) = held(&value);
        assert_eq!((kind, bytes.as_deref()), (FieldKind::String, Some(&b"\xff"[..])));
        assert_eq!(super::value(Field { name: "h", value: bytes.as_deref(), kind }), Ok(value));
    }

    #[test]
    fn void_is_a_field_without_a_value() {
        assert_eq!(held(&AMQPValue::Void), (FieldKind::Bytes, None));
        assert_eq!(value(Field::bytes("h", None)), Ok(AMQPValue::Void));
    }

    #[test]
    fn a_time_is_in_microseconds_where_they_can_hold_it() {
        check(AMQPValue::Timestamp(1_795_000_000), FieldKind::Timestamp, "1795000000000000");
        check(AMQPValue::Timestamp(u64::MAX), FieldKind::Seconds, "18446744073709551615");
        refused(FieldKind::Timestamp, "-1");
    }

    #[test]
    fn a_decimal_keeps_its_scale() {
        let decimal = |scale, value| AMQPValue::DecimalValue(DecimalValue { scale, value });
        check(decimal(0, 7), FieldKind::Decimal, "7");
        check(decimal(2, 150), FieldKind::Decimal, "1.50");
        check(decimal(3, 5), FieldKind::Decimal, "0.005");
        check(decimal(2, 0), FieldKind::Decimal, "0.00");
        refused(FieldKind::Decimal, "-1.5");
        refused(FieldKind::Decimal, "99999999999");
    }

    #[test]
    fn nested_values_are_json_that_names_what_json_lacks() {
        let mut table = FieldTable::default();
        table.insert(ShortString::from("count"), AMQPValue::LongLongInt(1));
        table.insert(ShortString::from("time"), AMQPValue::Timestamp(7));
        let array = FieldArray::from(vec![AMQPValue::FieldTable(table), AMQPValue::Void]);
        check(AMQPValue::FieldArray(array), FieldKind::Json, r#"[{"count":1,"time":{"$seconds":"7"}},null]"#);
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        refused(FieldKind::Float, "NaN");
        refused(FieldKind::Float32, "inf");
        refused(FieldKind::Int8, "128");
        refused(FieldKind::Int, "1.5");
    }
}
