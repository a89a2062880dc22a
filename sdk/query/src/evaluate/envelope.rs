//! What is known of an event beside its payload.

use catchwater_sdk::Field;
use catchwater_sdk::record::{FieldKind, TimestampKind};

use crate::condition::{Condition, Scalar};
use crate::field::Envelope;
use crate::number::{Decimal, Number};
use crate::subject::{Subject, row_id};

pub(super) fn matches(field: &Envelope, condition: &Condition, subject: &impl Subject) -> bool {
    let test = |scalar: Scalar<'_>| condition.matches(scalar);
    let text = |text: Option<&str>| text.is_some_and(|text| test(Scalar::Text(text)));
    let bytes = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| test(Scalar::of_bytes(bytes)));
    let moment = |micros: Option<i64>| micros.is_some_and(|micros| test(Scalar::Moment(micros)));
    let number = |number: i64| test(Scalar::Number(Number::Int(number)));
    match field {
        Envelope::Key => bytes(subject.key()),
        Envelope::Payload => bytes(subject.payload()),
        Envelope::Headers(name) => subject.headers().any(|header| named(header, name.as_deref(), condition)),
        Envelope::Properties(name) => subject.properties().any(|property| named(property, name.as_deref(), condition)),
        Envelope::Timestamp => moment(subject.timestamp().map(|timestamp| timestamp.micros)),
        Envelope::TimestampType => text(subject.timestamp().map(|timestamp| match timestamp.kind {
            TimestampKind::Create => "create",
            TimestampKind::Append => "append",
        })),
        Envelope::IngestedAt => moment(subject.ingested_at()),
        Envelope::Source => text(Some(&subject.partition().source)),
        Envelope::Stream => text(Some(&subject.partition().stream)),
        Envelope::Partition => number(subject.partition().number.into()),
        Envelope::Position => number(subject.position()),
        Envelope::Index => number(subject.index().into()),
        Envelope::Id => text(Some(&row_id(subject.partition(), subject.position(), subject.index()))),
        Envelope::Schema => text(subject.schema()),
        Envelope::Error => text(subject.error()),
        Envelope::Redelivered => test(Scalar::Bool(subject.redelivered())),
        Envelope::Replay => text(subject.replay()),
    }
}

fn named(field: Field<'_>, name: Option<&str>, condition: &Condition) -> bool {
    name.is_none_or(|name| name == field.name) && field_scalar(field).is_some_and(|scalar| condition.matches(scalar))
}

/// A header's value, typed as its protocol typed it.
fn field_scalar(field: Field<'_>) -> Option<Scalar<'_>> {
    let scalar = Scalar::of_bytes(field.value?);
    let Scalar::Text(text) = scalar else { return Some(scalar) };
    let typed = match field.kind {
        kind if kind.is_number() => Decimal::parse(text).map(|_| Scalar::Number(Number::Digits(text))),
        FieldKind::Bool => text.parse().ok().map(Scalar::Bool),
        FieldKind::Timestamp => text.parse().ok().map(Scalar::Moment),
        _ => None,
    };
    Some(typed.unwrap_or(scalar))
}
