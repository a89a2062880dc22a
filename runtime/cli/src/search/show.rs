//! One event as a line.

use catchwater_connectors::sinks::{write_field, write_json};
use catchwater_lake::read::Event;
use catchwater_query::{Field, Query, QueryError};
use catchwater_sdk::plain;
use serde_json::json;

use crate::marks::Marks;
use crate::output::results_have_colours;

/// A field that is asked for, under the name by which it was.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    name: String,
    field: Field,
}

/// How events are shown.
pub(super) struct Show<'a> {
    as_json: bool,
    fields: Option<&'a [Wanted]>,
    marks: Option<Marks>,
}

impl Wanted {
    pub(super) fn parse(name: &str) -> Result<Wanted, QueryError> {
        Ok(Wanted { name: name.to_owned(), field: Field::parse(name)? })
    }
}

impl<'a> Show<'a> {
    pub(super) fn new(query: &Query, as_json: bool, fields: Option<&'a [Wanted]>) -> Show<'a> {
        let marks = (!as_json && results_have_colours()).then(|| Marks::of(query));
        Show { as_json, fields, marks }
    }

    /// The event's line, with its end.
    pub(super) fn line(&self, event: Event<'_>) -> String {
        match (self.fields, self.as_json) {
            (Some(fields), true) => {
                let shown =
                    fields.iter().map(|Wanted { name, field }| format!("{}:{}", json!(name), value(field, event)));
                format!("{{{}}}\n", shown.collect::<Vec<_>>().join(","))
            }
            (Some(fields), false) => {
                let shown = fields.iter().map(|Wanted { name, field }| format!("{name}={}", value(field, event)));
                self.marked(event, &shown.collect::<Vec<_>>().join(" "))
            }
            (None, true) => {
                let mut line = Vec::new();
                write_json(event, &mut line);
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
        let place = plain(format!("{time} {}@{}{key}", record.partition(), record.position()).chars());
        let text = plain(text.chars());
        match &self.marks {
            Some(marks) => format!("\x1b[2m{place}\x1b[0m {}\n", marks.paint(&text)),
            None => format!("{place} {text}\n"),
        }
    }
}

/// What an event has in a field, as JSON.
fn value(field: &Field, event: Event<'_>) -> String {
    let mut value = Vec::new();
    write_field(field, &event, &mut value);
    String::from_utf8_lossy(&value).into_owned()
}
