//! A message as a record.

use std::borrow::Cow;

use catchwater_sdk::{BatchBuilder, Field, FieldKind, Record, Timestamp, TimestampKind};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::ShortString;

use crate::rabbitmq::typed::{Held, held, micros};
use crate::rabbitmq::{EXCHANGE, HEADERS};

/// Appends a message; `position` is its number.
pub(crate) fn push(batch: &mut BatchBuilder, origin: u32, position: i64, delivery: &Delivery) {
    let mut headers = Vec::new();
    if let Some(table) = delivery.properties.headers() {
        headers.extend(table.into_iter().map(|(name, value)| (name.as_str(), held(value))));
    }
    let properties = properties(delivery);
    let record = Record {
        payload: Some(&delivery.data),
        key: Some(delivery.routing_key.as_str().as_bytes()),
        headers: &headers.iter().map(field).collect::<Vec<_>>(),
        properties: &properties.iter().map(field).collect::<Vec<_>>(),
        timestamp: timestamp(&delivery.properties),
        redelivered: delivery.redelivered,
    };
    batch.push(origin, position, position + 1, record);
}

fn field<'a>((name, (kind, value)): &'a (&'a str, Held<'a>)) -> Field<'a> {
    Field { name, value: value.as_deref(), kind: *kind }
}

/// The time that the producer set.
fn timestamp(properties: &BasicProperties) -> Option<Timestamp> {
    let micros = micros((*properties.timestamp())?)?;
    Some(Timestamp { micros, kind: TimestampKind::Create })
}

/// All that AMQP says beside headers, as far as the message has it.
fn properties(delivery: &Delivery) -> Vec<(&'static str, Held<'_>)> {
    let from = &delivery.properties;
    let number = |value: &Option<u8>| value.map(|value| digits(FieldKind::Uint8, value));
    // A time that no clock of ours can hold; every other is the record's own.
    let far = from.timestamp().filter(|seconds| micros(*seconds).is_none());
    let is_empty = from.headers().as_ref().is_some_and(|table| table.inner().is_empty());
    let all = [
        (EXCHANGE, Some(text(&delivery.exchange))),
        ("content_type", string(from.content_type())),
        ("content_encoding", string(from.content_encoding())),
        ("delivery_mode", number(from.delivery_mode())),
        ("priority", number(from.priority())),
        ("correlation_id", string(from.correlation_id())),
        ("reply_to", string(from.reply_to())),
        ("expiration", string(from.expiration())),
        ("message_id", string(from.message_id())),
        ("type", string(from.kind())),
        ("user_id", string(from.user_id())),
        ("app_id", string(from.app_id())),
        ("cluster_id", string(from.cluster_id())),
        ("timestamp", far.map(|seconds| digits(FieldKind::Seconds, seconds))),
        (HEADERS, is_empty.then(|| (FieldKind::Json, Some(Cow::Borrowed(&b"{}"[..]))))),
    ];
    all.into_iter().filter_map(|(name, held)| Some((name, held?))).collect()
}

fn string(value: &Option<ShortString>) -> Option<Held<'_>> {
    value.as_ref().map(text)
}

fn text(value: &ShortString) -> Held<'_> {
    (FieldKind::Text, Some(value.as_str().as_bytes().into()))
}

fn digits<'a>(kind: FieldKind, value: impl ToString) -> Held<'a> {
    (kind, Some(value.to_string().into_bytes().into()))
}
