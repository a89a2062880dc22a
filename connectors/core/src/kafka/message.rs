//! Messages become records.

use std::borrow::Cow;
use std::ffi::CStr;

use catchwater_sdk::BatchBuilder;
use catchwater_sdk::record::{Field, Record, Timestamp, TimestampKind};
use rdkafka::message::{BorrowedMessage, Message};

use super::ffi;

/// The one copy of a message, into the flat buffers of the batch.
pub(crate) fn append(builder: &mut BatchBuilder, origin: u32, message: &BorrowedMessage<'_>) {
    let mut headers = Vec::new();
    ffi::each_header(message, |name, value| headers.push((text(name), value)));
    let headers: Vec<Field<'_>> = headers.iter().map(|(name, value)| Field::bytes(name, *value)).collect();
    let record = Record {
        payload: message.payload(),
        key: message.key(),
        headers: &headers,
        properties: &[],
        timestamp: timestamp(message.timestamp()),
        redelivered: false,
    };
    builder.push(origin, message.offset(), message.offset() + 1, record);
}

/// Names of headers are text by Kafka's protocol, but nobody checks.
fn text(name: &CStr) -> Cow<'_, str> {
    name.to_string_lossy()
}

fn timestamp(timestamp: rdkafka::Timestamp) -> Option<Timestamp> {
    let (millis, kind) = match timestamp {
        rdkafka::Timestamp::NotAvailable => return None,
        rdkafka::Timestamp::CreateTime(millis) => (millis, TimestampKind::Create),
        rdkafka::Timestamp::LogAppendTime(millis) => (millis, TimestampKind::Append),
    };
    Some(Timestamp { micros: millis.saturating_mul(1000), kind })
}
