//! A body becomes events: places in it, nothing copied.

use std::ops::Range;

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::Refusal;
use super::config::Body;

/// The places of the events in a body, at most `max`.
pub(super) fn split(kind: Body, content_type: &str, body: &[u8], max: usize) -> Result<Vec<Range<usize>>, Refusal> {
    match kind {
        Body::Auto => split(told_by(content_type, body), content_type, body, max),
        Body::Event if body.is_empty() => Err(Refusal::bad("the body is empty", "send the event as the body")),
        Body::Event => Ok(std::iter::once(0..body.len()).collect()),
        Body::Ndjson => lines(body, max),
        Body::Array => elements(body, max),
    }
}

fn told_by(content_type: &str, body: &[u8]) -> Body {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let name = kind.rsplit('/').next().unwrap_or_default();
    let is_list = || body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match name {
        "x-ndjson" | "ndjson" | "jsonl" | "x-jsonl" | "jsonlines" | "x-jsonlines" | "json-lines" => Body::Ndjson,
        name if (name == "json" || name.ends_with("+json")) && is_list() => Body::Array,
        _ => Body::Event,
    }
}

fn too_many(max: usize) -> Refusal {
    Refusal::too_large(
        format!("the body holds more than {max} events"),
        "send them in several requests, or raise `events_max`",
    )
}

fn lines(body: &[u8], max: usize) -> Result<Vec<Range<usize>>, Refusal> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        if bare.iter().any(|byte| !byte.is_ascii_whitespace()) {
            if places.len() == max {
                return Err(too_many(max));
            }
            places.push(start..start + bare.len());
        }
        start += line.len();
    }
    Ok(places)
}

fn elements(body: &[u8], max: usize) -> Result<Vec<Range<usize>>, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let list = reader.deserialize_seq(Elements { body, max }).and_then(|places| reader.end().map(|()| places));
    match list {
        Ok(places) if places.len() > max => Err(too_many(max)),
        Ok(places) => Ok(places),
        Err(error) => Err(Refusal::bad(
            format!("the body is no JSON list: {error}"),
            "send a list such as [{\"id\": 1}, {\"id\": 2}], or name the content type of what it is",
        )),
    }
}

/// Notes where each element stands; behind one more than `max` it only looks whether the rest is JSON.
struct Elements<'a> {
    body: &'a [u8],
    max: usize,
}

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = Vec<Range<usize>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut places = Vec::new();
        while let Some(element) = list.next_element::<&'de RawValue>()? {
            let text = element.get();
            // The element is a part of the body, so this is its place there.
            let start = text.as_ptr() as usize - self.body.as_ptr() as usize;
            if places.len() <= self.max {
                places.push(start..start + text.len());
            }
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Body, content_type: &str, body: &str, expected: &[&str]) {
        let shown = match split(kind, content_type, body.as_bytes(), 3) {
            Ok(places) => places.into_iter().map(|place| body[place].to_owned()).collect(),
            Err(refusal) => vec![format!("{} {}", refusal.status.as_u16(), refusal.error)],
        };
        assert_eq!(shown, expected, "{body}");
    }

    #[test]
    fn one_event_is_the_whole_body_byte_for_byte() {
        check(Body::Auto, "application/json", " {\"a\": 1}\n", &[" {\"a\": 1}\n"]);
        check(Body::Auto, "", "[1, 2]", &["[1, 2]"]);
        check(Body::Auto, "text/plain", "a\nb", &["a\nb"]);
        check(Body::Event, "application/json", "[1, 2]", &["[1, 2]"]);
        check(Body::Event, "", "", &["400 the body is empty"]);
    }

    #[test]
    fn lines_are_events_and_empty_ones_are_passed_over() {
        check(
            Body::Auto,
            "application/x-ndjson; charset=utf-8",
            "{\"a\":1}\r\n\n  \n{\"a\":2}",
            &["{\"a\":1}", "{\"a\":2}"],
        );
        check(Body::Auto, "application/jsonl", "1\n2\n3\n", &["1", "2", "3"]);
        check(Body::Ndjson, "", "", &[]);
        check(Body::Ndjson, "", "1\n2\n3\n4", &["413 the body holds more than 3 events"]);
    }

    #[test]
    fn elements_are_events_as_they_stand() {
        check(
            Body::Auto,
            "application/json",
            " [ {\"a\" : 1.50} , \"x\\u0041\",null ]",
            &["{\"a\" : 1.50}", "\"x\\u0041\"", "null"],
        );
        check(Body::Auto, "application/cloudevents-batch+json", "[[1],2]", &["[1]", "2"]);
        check(Body::Array, "", "[]", &[]);
        check(Body::Array, "", "[1,2,3,4]", &["413 the body holds more than 3 events"]);
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_place() {
        let no = "400 the body is no JSON list: ";
        check(Body::Array, "", "{}", &[&format!("{no}invalid type: map, expected a list at line 1 column 0")]);
        check(Body::Array, "", "[1, 2", &[&format!("{no}EOF while parsing a list at line 1 column 5")]);
        check(Body::Array, "", "[1] [2]", &[&format!("{no}trailing characters at line 1 column 5")]);
        check(Body::Array, "", "", &[&format!("{no}EOF while parsing a value at line 1 column 0")]);
    }
}
