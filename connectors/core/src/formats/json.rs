//! JSON payloads, parsed by SIMD onto a tape that becomes a [`Value`](catchwater_sdk::Value) node by node.

use catchwater_sdk::Registry;
use catchwater_sdk::format::{Decoder, Format};
use catchwater_sdk::value::ValueWriter;
use serde::de::IgnoredAny;
use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, StaticNode, Tape};

/// Lists and objects within each other.
const DEPTH_MAX: usize = 1000;
/// From here on a float may have been an integer that 64 bits do not hold.
const INTEGER_MAX: f64 = 9_223_372_036_854_775_808.0;
/// A payload past this would overflow the parser's offsets.
const PAYLOAD_MAX: usize = u32::MAX as usize - INPUT_PADDING;

/// JSON, RFC 8259. A key may come twice; integers of any length keep their digits.
#[derive(Clone, Copy, Debug)]
pub struct Json;

pub(crate) fn register(registry: &mut Registry) {
    registry.format(Json);
}

/// Its buffers are kept from payload to payload: nothing is allocated once they have grown.
struct JsonDecoder {
    buffers: Buffers,
    tape: Tape<'static>,
    scratch: Vec<u8>,
}

// === impl Json ===

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        let buffers = Buffers::with_max_depth(1024, DEPTH_MAX);
        Box::new(JsonDecoder { buffers, tape: Tape(Vec::new()), scratch: Vec::new() })
    }
}

// === impl JsonDecoder ===

impl Decoder for JsonDecoder {
    fn decode(&mut self, payload: &[u8], value: &mut ValueWriter<'_>) -> Result<(), String> {
        if payload.len() > PAYLOAD_MAX {
            return Err("longer than 4 GiB".into());
        }
        // The parser unescapes strings in place, and reads some bytes past the end.
        self.scratch.clear();
        self.scratch.extend_from_slice(payload);
        self.scratch.resize(payload.len() + INPUT_PADDING, b' ');
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.scratch, payload.len(), &mut self.buffers, &mut tape);
        if parsed.is_ok() {
            write(&tape.0, payload, value);
        }
        self.tape = tape.reset();
        parsed.map_err(|error| explain(payload, &error))
    }
}

fn write(tape: &[Node<'_>], payload: &[u8], value: &mut ValueWriter<'_>) {
    for (i, node) in tape.iter().enumerate() {
        if is_huge(node) {
            return write_with_digits(tape, i, payload, value);
        }
        write_node(node, value);
    }
}

#[inline(always)]
fn write_node(node: &Node<'_>, value: &mut ValueWriter<'_>) {
    match *node {
        Node::String(text) => value.text(text),
        Node::Object { len, count } => value.object(len, count),
        Node::Array { len, count } => value.list(len, count),
        Node::Static(StaticNode::Null) => value.null(),
        Node::Static(StaticNode::Bool(flag)) => value.bool(flag),
        Node::Static(StaticNode::I64(number)) => value.int(number),
        Node::Static(StaticNode::U64(number)) => value.uint(number),
        Node::Static(StaticNode::F64(number)) => value.float(number),
    }
}

fn is_huge(node: &Node<'_>) -> bool {
    matches!(node, Node::Static(StaticNode::F64(number)) if number.abs() >= INTEGER_MAX)
}

fn is_number(node: &Node<'_>) -> bool {
    matches!(node, Node::Static(StaticNode::I64(_) | StaticNode::U64(_) | StaticNode::F64(_)))
}

/// The rest of the tape from its first huge number on. The parser made floats of integers past 64 bits; their digits are
/// found in the payload, since numbers stand there in the order of the tape. Rare, hence a path of its own.
#[cold]
fn write_with_digits(tape: &[Node<'_>], from: usize, payload: &[u8], value: &mut ValueWriter<'_>) {
    let before = tape[..from].iter().filter(|node| is_number(node)).count();
    let mut numbers = Numbers { rest: payload }.skip(before);
    for node in &tape[from..] {
        let written = if is_number(node) { numbers.next() } else { None };
        match written {
            Some(digits) if is_huge(node) && is_integer(digits) => value.number(digits),
            _ => write_node(node, value),
        }
    }
}

fn is_integer(number: &str) -> bool {
    number.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// The numbers of a valid document as they are written there.
struct Numbers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Numbers<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            match *self.rest.first()? {
                b'"' => self.rest = after_string(self.rest),
                b'-' | b'0'..=b'9' => break,
                _ => self.rest = &self.rest[1..],
            }
        }
        let in_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let len = self.rest.iter().position(|byte| !in_number(byte)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(std::str::from_utf8(number).expect("these bytes are ASCII"))
    }
}

fn after_string(text: &[u8]) -> &[u8] {
    let mut at = 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    text.get(at + 1..).unwrap_or_default()
}

/// Why a payload is no JSON, in words, with the byte. A second parser says it better than the fast one.
#[cold]
fn explain(payload: &[u8], error: &simd_json::Error) -> String {
    if payload.is_empty() {
        return "not JSON: the payload is empty".into();
    }
    if let Err(error) = std::str::from_utf8(payload) {
        return format!("not JSON: not UTF-8 at byte {}", error.valid_up_to());
    }
    if *error.error() == ErrorType::DepthLimitExceeded {
        return format!("nested deeper than {DEPTH_MAX} levels at byte {}", error.index());
    }
    if let Err(slow) = serde_json::from_slice::<IgnoredAny>(payload) {
        return format!("not JSON: {} at byte {}", reason(&slow), offset(payload, &slow));
    }
    match error.error() {
        ErrorType::InvalidNumber => format!("a number that is out of range at byte {}", error.index()),
        // Here the parser does not tell the place.
        ErrorType::InvalidUnicodeCodepoint => "a text with an escape that stands for no character".into(),
        other => format!("not JSON: {other:?} at byte {}", error.index()),
    }
}

/// The message without its line and column, which mean little to who looks at a payload.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

fn offset(payload: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return payload.len();
    }
    let lines = payload.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)).min(payload.len())
}

#[cfg(test)]
mod tests;
