//! A record as a message.

use std::collections::BTreeMap;

use catchwater_sdk::config::Template;
use catchwater_sdk::{Field, FieldKind, RecordRef, TimestampKind};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::config::Plan;
use crate::rabbitmq::typed::{seconds, value};
use crate::rabbitmq::{EXCHANGE, HEADERS};

/// The properties that can be set.
pub(super) const PROPERTIES: [&str; 12] = [
    "content_type",
    "content_encoding",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
];
/// Headers with which the broker keeps account of one life of a message.
const OF_ANOTHER_LIFE: [&str; 2] = ["x-death", "x-delivery-count"];
/// What makes a message outlive a restart of the broker.
const PERSISTENT: &str = "2";

pub(super) fn is_property(name: &str) -> bool {
    PROPERTIES.contains(&name)
}

/// A message but for its body, which is the record's payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
}

/// Where all records go, where that is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Exchange(String),
    Queue(String),
}

impl Message {
    /// What a record is published as, or why it cannot be.
    pub(super) fn of(
        record: RecordRef<'_>,
        plan: &Plan,
        settled: Option<&Settled>,
        exchange: Option<&Template>,
    ) -> Result<Message, String> {
        let is_from_amqp = property(record, EXCHANGE).is_some();
        let (exchange, own_key) = match settled {
            Some(Settled::Queue(queue)) => (String::new(), Some(queue.clone())),
            Some(Settled::Exchange(exchange)) => (exchange.clone(), None),
            None => (exchange_of(record, exchange)?, None),
        };
        let routing_key = match (own_key, &plan.routing_key) {
            (Some(queue), _) => queue,
            (None, Some(template)) => rendered(template, record)?,
            (None, None) => key_text(record)?.to_owned(),
        };
        let mut properties = texts(record, plan)?;
        if !is_from_amqp {
            properties.entry("delivery_mode").or_insert_with(|| PERSISTENT.to_owned());
        }
        let mut built = with_texts(&properties, plan.address.user())?;
        if let Some(seconds) = timestamp(record)? {
            built = built.with_timestamp(seconds);
        }
        if let Some(headers) = headers(record)? {
            built = built.with_headers(headers);
        }
        Ok(Message {
            exchange: short("exchange", &exchange)?,
            routing_key: short("routing key", &routing_key)?,
            properties: built,
        })
    }
}

fn exchange_of(record: RecordRef<'_>, template: Option<&Template>) -> Result<String, String> {
    match template {
        Some(template) => rendered(template, record),
        None => match property(record, EXCHANGE) {
            Some(exchange) => text(exchange).map(str::to_owned),
            None => Ok(String::new()),
        },
    }
}

fn key_text(record: RecordRef<'_>) -> Result<&str, String> {
    std::str::from_utf8(record.key().unwrap_or_default())
        .map_err(|_| "the key is no UTF-8, and a routing key is".to_owned())
}

fn rendered(template: &Template, record: RecordRef<'_>) -> Result<String, String> {
    let mut text = String::new();
    template.render_text(record, &mut text)?;
    Ok(text)
}

fn property<'a>(record: RecordRef<'a>, name: &str) -> Option<Field<'a>> {
    record.properties().filter(|property| property.name == name).last()
}

fn text(field: Field<'_>) -> Result<&str, String> {
    let text = std::str::from_utf8(field.value.unwrap_or_default());
    text.map_err(|_| format!("property `{}` is not UTF-8", field.name))
}

/// Properties by name: the record's own, and those that are set in their place.
fn texts(record: RecordRef<'_>, plan: &Plan) -> Result<BTreeMap<&'static str, String>, String> {
    let mut texts = BTreeMap::new();
    for name in PROPERTIES {
        if let Some(template) = plan.properties.get(name) {
            texts.insert(name, rendered(template, record)?);
        } else if let Some(property) = property(record, name) {
            texts.insert(name, text(property)?.to_owned());
        }
    }
    Ok(texts)
}

fn with_texts(texts: &BTreeMap<&'static str, String>, user: &str) -> Result<BasicProperties, String> {
    let mut built = BasicProperties::default();
    for (name, text) in texts {
        let string = || short(name, text);
        built = match *name {
            "content_type" => built.with_content_type(string()?),
            "content_encoding" => built.with_content_encoding(string()?),
            "delivery_mode" => built.with_delivery_mode(number(name, text, 1..=2)?),
            "priority" => built.with_priority(number(name, text, 0..=255)?),
            "correlation_id" => built.with_correlation_id(string()?),
            "reply_to" => built.with_reply_to(string()?),
            "expiration" => built.with_expiration(milliseconds(text).and_then(|()| string())?),
            "message_id" => built.with_message_id(string()?),
            "type" => built.with_type(string()?),
            // The broker refuses any other user's name, and closes the channel over it.
            "user_id" if text == user => built.with_user_id(string()?),
            "user_id" => built,
            "app_id" => built.with_app_id(string()?),
            _ => built.with_cluster_id(string()?),
        };
    }
    Ok(built)
}

fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| format!("{what} has {} bytes, and AMQP allows 255", text.len()))
}

fn number(name: &str, text: &str, range: std::ops::RangeInclusive<u8>) -> Result<u8, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .ok_or_else(|| format!("property `{name}` is `{text}`, not a number from {} to {}", range.start(), range.end()))
}

/// The broker closes the channel over an expiration that is no number.
fn milliseconds(text: &str) -> Result<(), String> {
    match text.parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("property `expiration` is `{text}`, not a number of milliseconds")),
    }
}

/// AMQP's `timestamp` is set by producers, so a broker's time of arrival is none.
fn timestamp(record: RecordRef<'_>) -> Result<Option<u64>, String> {
    if let Some(far) = property(record, "timestamp").filter(|property| property.kind == FieldKind::Seconds) {
        return text(far)?.parse().map(Some).map_err(|_| "property `timestamp` is no number of seconds".to_owned());
    }
    let created = record.timestamp().filter(|timestamp| timestamp.kind == TimestampKind::Create);
    Ok(created.and_then(|timestamp| seconds(timestamp.micros)))
}

/// Headers with their types; an empty table is one where the record says that there was one.
fn headers(record: RecordRef<'_>) -> Result<Option<FieldTable>, String> {
    let mut table = FieldTable::default();
    for header in record.headers().filter(|header| !OF_ANOTHER_LIFE.contains(&header.name)) {
        let name = short(&format!("the name of header `{}`", shown(header.name)), header.name)?;
        let value = value(header)?;
        if matches!(header.name, "CC" | "BCC") && !matches!(value, AMQPValue::FieldArray(_)) {
            return Err(format!("header `{}` is no list of routing keys", header.name));
        }
        table.insert(name, value);
    }
    let was_there = property(record, HEADERS).is_some();
    Ok((!table.inner().is_empty() || was_there).then_some(table))
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}
