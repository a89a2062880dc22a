//! Payloads, keys and values as a test writes them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use catchwater_sdk::config::{Kind, Node, Problem, Style, integer};
use serde_json::Value;

/// The key of what is no text, as in the JSON of the `file` sink.
const BASE64: &str = "base64";

/// What a payload must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A tombstone.
    Absent,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Any JSON that says the same as this.
    Json(String),
}

impl Content {
    /// Text is the payload as it is; a map or a list is JSON, and `null` a tombstone.
    pub(super) fn of(node: &Node) -> Result<Content, Problem> {
        match &node.kind {
            Kind::Seq(..) => Ok(Content::Json(json(node))),
            Kind::Map(..) if encoded(node).is_none() => Ok(Content::Json(json(node))),
            _ => Ok(bytes(node)?.map_or(Content::Absent, Content::Bytes)),
        }
    }

    /// The payload that this is, written the shortest way.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Content::Absent => None,
            Content::Bytes(bytes) => Some(bytes),
            Content::Json(text) => Some(text.into_bytes()),
        }
    }
}

/// Text as its bytes, `null` as nothing, `{base64: ...}` as what that encodes.
pub(super) fn bytes(node: &Node) -> Result<Option<Vec<u8>>, Problem> {
    if node.is_null() {
        return Ok(None);
    }
    let refused = || Problem::new("must be text, `null`, or `{base64: ...}` for what is no text");
    match (node.as_text(), encoded(node)) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(encoded)) => BASE64_STANDARD
            .decode(encoded)
            .map(Some)
            .map_err(|error| Problem::new(format!("is no base64: {}", error.to_string().to_lowercase()))),
        (None, None) => Err(refused()),
    }
}

fn encoded(node: &Node) -> Option<&str> {
    match node.entries() {
        [(key, value)] if key.text == BASE64 => value.as_text(),
        _ => None,
    }
}

/// As JSON, its keys in the order in which they were written.
fn json(node: &Node) -> String {
    match &node.kind {
        Kind::Seq(items, _) => format!("[{}]", joined(items.iter().map(json))),
        Kind::Map(entries, _) => {
            let entry = |key: &str, value: &Node| format!("{}:{}", Value::from(key), json(value));
            format!("{{{}}}", joined(entries.iter().map(|(key, value)| entry(&key.text, value))))
        }
        Kind::Scalar(scalar) => match integer(&scalar.text).filter(|_| scalar.style == Style::Plain) {
            // An integer keeps its digits, however many there are.
            Some(number) => number.to_string(),
            None => node.read::<Value>().unwrap_or_default().to_string(),
        },
        Kind::Bad => Value::Null.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use catchwater_sdk::config::parse;

    use super::*;

    fn check(written: &str, expected: &str) {
        let document = parse(&format!("payload: {written}\n")).documents.remove(0);
        let node = document.root.get("payload").expect("it is there").clone();
        let content = Content::of(&node).map(Content::into_bytes);
        let shown = match content {
            Ok(Some(bytes)) => String::from_utf8(bytes).expect("UTF-8"),
            Ok(None) => "(tombstone)".to_owned(),
            Err(problem) => problem.message,
        };
        assert_eq!(shown, expected, "{written}");
    }

    #[test]
    fn maps_and_lists_are_json_in_the_order_written() {
        check(
            r#"{ z: 1, a: "1", b: [true, null, 1.5, 2026-01-01] }"#,
            r#"{"z":1,"a":"1","b":[true,null,1.5,"2026-01-01"]}"#,
        );
        check("[184467440737095516150]", "[184467440737095516150]");
        check("{}", "{}");
    }

    #[test]
    fn text_is_itself_and_null_is_a_tombstone() {
        check("not JSON", "not JSON");
        check("'{\"a\":  1}'", "{\"a\":  1}");
        check("1.10", "1.10");
        check("''", "");
        check("null", "(tombstone)");
        check("'null'", "null");
    }

    #[test]
    fn what_is_no_text_is_encoded() {
        check("{base64: aGk=}", "hi");
        check("{base64: aGk}", "is no base64: invalid padding");
        check("{base64: aGk=, other: 1}", r#"{"base64":"aGk=","other":1}"#);
    }
}
