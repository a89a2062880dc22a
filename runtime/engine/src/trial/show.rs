//! Records and rejections as lines, so that what was expected and what came can be compared by eye.

use catchwater_sdk::{Field, RecordRef};
use serde_json::Value;

use super::compare::Refusal;
use super::field;
use crate::spec::{Content, Expected, Rejection};

/// A record as it was expected.
pub(super) fn expected(expected: &Expected) -> String {
    let mut lines = Vec::new();
    lines.extend(expected.input.map(|number| format!("input: {number}")));
    lines.extend(expected.key.as_ref().map(|key| format!("key: {}", bytes(key.as_deref()))));
    lines.extend(expected.headers.as_ref().map(|headers| fields("headers", headers.iter().map(field))));
    lines.extend(expected.properties.as_ref().map(|properties| fields("properties", properties.iter().map(field))));
    lines.extend(expected.timestamp.map(|micros| format!("timestamp: {}", time(Some(micros)))));
    lines.extend(expected.matching.as_ref().map(|query| format!("matches: {query}")));
    lines.extend(expected.payload.as_ref().map(|content| format!("payload: {}", payload(content))));
    lines.join("\n")
}

/// What came, as far as something is said of it in `like`.
pub(super) fn found_like(like: &Expected, record: RecordRef<'_>) -> String {
    let mut lines = Vec::new();
    lines.extend(like.input.map(|_| input(record)));
    lines.extend(like.key.as_ref().map(|_| format!("key: {}", bytes(record.key()))));
    lines.extend(like.headers.as_ref().map(|_| fields("headers", record.headers())));
    lines.extend(like.properties.as_ref().map(|_| fields("properties", record.properties())));
    lines.extend(like.timestamp.map(|_| format!("timestamp: {}", time(micros(record)))));
    // Text is compared byte for byte, and shown as it is.
    let as_json = !matches!(like.payload, Some(Content::Bytes(_)));
    if like.payload.is_some() || like.matching.is_some() {
        lines.push(format!("payload: {}", found_payload(record, as_json)));
    }
    lines.join("\n")
}

/// All that came.
pub(super) fn found(record: RecordRef<'_>) -> String {
    let mut lines = vec![input(record)];
    lines.extend(record.key().map(|key| format!("key: {}", bytes(Some(key)))));
    lines.extend((record.headers().len() > 0).then(|| fields("headers", record.headers())));
    lines.extend((record.properties().len() > 0).then(|| fields("properties", record.properties())));
    lines.extend(record.timestamp().map(|_| format!("timestamp: {}", time(micros(record)))));
    lines.push(format!("payload: {}", found_payload(record, true)));
    lines.join("\n")
}

/// A rejection as it was expected.
pub(super) fn expected_rejection(rejection: &Rejection) -> String {
    let mut lines = vec![format!("input: {}", rejection.input)];
    lines.extend(rejection.step.as_ref().map(|step| format!("step: {step}")));
    lines.extend(rejection.reason.as_ref().map(|reason| format!("reason: {reason}")));
    lines.join("\n")
}

/// A rejection as it came.
pub(super) fn refusal(refusal: &Refusal<'_>) -> String {
    format!("input: {}\nstep: {}\nreason: {}", refusal.input, refusal.step, refusal.reason)
}

/// Numbers in a line.
pub(super) fn numbers(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
    format!("inputs: {}", if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") })
}

fn input(record: RecordRef<'_>) -> String {
    format!("input: {}", super::compare::number(record))
}

fn payload(content: &Content) -> String {
    match content {
        Content::Absent => bytes(None),
        Content::Bytes(payload) => bytes(Some(payload)),
        Content::Json(text) => pretty(text.as_bytes()).unwrap_or_else(|| text.clone()),
    }
}

fn found_payload(record: RecordRef<'_>, as_json: bool) -> String {
    let laid_out = record.payload().filter(|_| as_json).and_then(pretty);
    laid_out.unwrap_or_else(|| bytes(record.payload()))
}

/// JSON that is an object or a list, a line for each value and its keys in the order of the alphabet.
fn pretty(payload: &[u8]) -> Option<String> {
    let value: Value =
        serde_json::from_slice(payload).ok().filter(|value: &Value| value.is_object() || value.is_array())?;
    serde_json::to_string_pretty(&value).ok()
}

fn fields<'a>(name: &str, fields: impl Iterator<Item = Field<'a>>) -> String {
    let lines: Vec<_> = fields.map(|field| format!("\n  {}: {}", field.name, bytes(field.value))).collect();
    if lines.is_empty() { format!("{name}: none") } else { format!("{name}:{}", lines.concat()) }
}

fn micros(record: RecordRef<'_>) -> Option<i64> {
    record.timestamp().map(|timestamp| timestamp.micros)
}

fn time(micros: Option<i64>) -> String {
    let Some(micros) = micros else { return "none".to_owned() };
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |moment| moment.to_string())
}

fn bytes(bytes: Option<&[u8]>) -> String {
    match bytes.map(std::str::from_utf8) {
        None => "null".to_owned(),
        Some(Ok(text)) => text.to_owned(),
        Some(Err(_)) => format!("0x{}", hex(bytes.unwrap_or_default())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
