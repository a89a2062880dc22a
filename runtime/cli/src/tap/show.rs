//! A message as a line.

use catchwater_connectors::sinks::write_json;
use catchwater_query::Query;
use catchwater_sdk::value::Decoded;
use catchwater_sdk::{RecordRef, Value, plain};

use crate::marks::Marks;
use crate::output::results_have_colours;

const DIM: &str = "\x1b[2m";
const KEY: &str = "\x1b[36m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// How messages are shown.
pub(super) struct Show {
    as_json: bool,
    /// With colours: what is looked for stands out.
    marks: Option<Marks>,
}

impl Show {
    pub(super) fn new(query: &Query, as_json: bool) -> Show {
        Show { as_json, marks: results_have_colours().then(|| Marks::of(query)) }
    }

    /// The message's line, with its end.
    pub(super) fn line(&self, record: RecordRef<'_>) -> String {
        if self.as_json {
            let mut line = Vec::new();
            write_json(record, &mut line);
            return String::from_utf8_lossy(&line).into_owned();
        }
        let mut parts = vec![self.part(DIM, &place(record))];
        parts.extend(record.key().map(|key| self.part(KEY, &String::from_utf8_lossy(key))));
        parts.extend(record.headers().map(|header| {
            let value = String::from_utf8_lossy(header.value.unwrap_or(b"(null)"));
            self.part(DIM, &format!("{}={value}", header.name))
        }));
        parts.push(self.payload(record));
        parts.join(" ") + "\n"
    }

    /// A text in a colour, and in it what was found.
    fn part(&self, colour: &str, text: &str) -> String {
        let text = plain(text.chars());
        match &self.marks {
            Some(marks) => format!("{colour}{}{PLAIN}", marks.paint_within(&text, colour)),
            None => text,
        }
    }

    /// In colours as it is understood, else as it is.
    fn payload(&self, record: RecordRef<'_>) -> String {
        let Some(payload) = record.payload() else { return self.part(DIM, "(tombstone)") };
        match (record.value(), &self.marks) {
            (Decoded::Value(value), Some(_)) => {
                let mut text = String::new();
                self.value(value, &mut text);
                text
            }
            _ => self.part("", &String::from_utf8_lossy(payload)),
        }
    }

    fn value(&self, value: Value<'_>, out: &mut String) {
        match value {
            Value::List(list) => {
                out.push('[');
                for (i, element) in list.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    self.value(element, out);
                }
                out.push(']');
            }
            Value::Object(object) => {
                out.push('{');
                for (i, (key, value)) in object.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(&format!("{KEY}{}{PLAIN}:", plain(json(Value::Text(key)).chars())));
                    self.value(value, out);
                }
                out.push('}');
            }
            Value::Text(_) => out.push_str(&self.part(TEXT, &json(value))),
            _ => out.push_str(&self.part(NUMBER, &json(value))),
        }
    }
}

/// When it was sent, and where it stands.
fn place(record: RecordRef<'_>) -> String {
    let time = record.timestamp().and_then(|time| jiff::Timestamp::from_microsecond(time.micros).ok());
    let time = time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    format!("{time} {}@{}", record.partition(), record.position())
}

fn json(value: Value<'_>) -> String {
    let mut text = Vec::new();
    value.write_json(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
