//! One event as a line.

use catchwater_connectors::sinks::write_json;
use catchwater_lake::read::Event;
use catchwater_query::Query;
use serde_json::Value;

use super::marks::Marks;
use crate::output::results_have_colours;

/// How events are shown.
pub(super) struct Show<'a> {
    as_json: bool,
    fields: Option<&'a [String]>,
    marks: Option<Marks>,
}

impl<'a> Show<'a> {
    pub(super) fn new(query: &Query, as_json: bool, fields: Option<&'a [String]>) -> Show<'a> {
        let marks = (!as_json && results_have_colours()).then(|| Marks::of(query));
        Show { as_json, fields, marks }
    }

    /// The event's line, with its end.
    pub(super) fn line(&self, event: Event<'_>) -> String {
        match (self.fields, self.as_json) {
            (Some(fields), true) => format!("{}\n", Value::Object(picked(event, fields))),
            (Some(fields), false) => {
                let values = picked(event, fields);
                let shown = values.iter().map(|(name, value)| format!("{name}={value}"));
                self.marked(event, &shown.collect::<Vec<_>>().join(" "))
            }
            (None, true) => {
                let mut line = Vec::new();
                write_json(event.record(), &mut line);
                String::from_utf8_lossy(&line).into_owned()
            }
            (None, false) => {
                let payload = event.record().payload().map(String::from_utf8_lossy);
                self.marked(event, payload.as_deref().unwrap_or("(tombstone)"))
            }
        }
    }

    /// When and where it was, and its text with what was found in colour.
    fn marked(&self, event: Event<'_>, text: &str) -> String {
        let record = event.record();
        let time = event.time().and_then(|time| jiff::Timestamp::from_microsecond(time).ok());
        let time = time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let key = record.key().map(|key| format!(" {}", String::from_utf8_lossy(key))).unwrap_or_default();
        let place = plain(&format!("{time} {}@{}{key}", record.partition(), record.position()));
        let text = plain(text);
        match &self.marks {
            Some(marks) => format!("\x1b[2m{place}\x1b[0m {}\n", marks.paint(&text)),
            None => format!("{place} {text}\n"),
        }
    }
}

/// What a terminal would obey is written as an escape: an event must not move the cursor.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => plain.extend(character.escape_default()),
            false => plain.push(character),
        }
    }
    plain
}

/// The fields of the payload that were asked for; null where it has none.
fn picked(event: Event<'_>, fields: &[String]) -> serde_json::Map<String, Value> {
    let payload = event.record().payload().and_then(|payload| serde_json::from_slice::<Value>(payload).ok());
    let value = |name: &str| at(payload.as_ref()?, name).cloned();
    fields.iter().map(|name| (name.clone(), value(name).unwrap_or(Value::Null))).collect()
}

/// A key may itself have dots.
fn at<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    object
        .get(name)
        .or_else(|| name.match_indices('.').find_map(|(dot, _)| at(object.get(&name[..dot])?, &name[dot + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: Value, name: &str, expected: Option<Value>) {
        assert_eq!(at(&payload, name).cloned(), expected, "{name} of {payload}");
    }

    #[test]
    fn fields_are_found_by_their_path_also_where_keys_have_dots() {
        check(json!({"a": {"b": 1}}), "a.b", Some(json!(1)));
        check(json!({"a.b": 1}), "a.b", Some(json!(1)));
        check(json!({"a.b": {"c": 2}}), "a.b.c", Some(json!(2)));
        check(json!({"a": 1}), "a.b", None);
        check(json!([1]), "a", None);
    }

    #[test]
    fn an_event_does_not_command_the_terminal() {
        assert_eq!(plain("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
