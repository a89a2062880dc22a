//! Texts that differ from record to record.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::resolve::{Piece, Pieces};
use super::{Problem, de};

/// A text with placeholders for parts of a record, such as `science-${stream}` or `${field:customer.id}`.
///
/// | Placeholder | Stands for |
/// |---|---|
/// | `${stream}` | topic, queue or subject |
/// | `${partition}` | partition |
/// | `${source}` | the pipeline's source |
/// | `${key}` | the record's key |
/// | `${header:NAME}` | a header |
/// | `${field:a.b}` | a field of the decoded payload |
/// | `${time:%Y-%m-%d}` | the record's time, UTC |
///
/// `$${` stands for `${`. What came from the environment is taken literally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The same for each record.
    Text(String),
    /// The record's topic, queue or subject.
    Stream,
    /// Its partition.
    Partition,
    /// The name of the pipeline's source.
    Source,
    /// Its key.
    Key,
    /// The header of this name.
    Header(String),
    /// The field at this path of the decoded payload.
    Field(Vec<String>),
    /// Its time in UTC, in this `strftime` format.
    Time(String),
}

const CHOICES: &str = "there are ${stream}, ${partition}, ${source}, ${key}, ${header:NAME}, ${field:a.b} and \
                       ${time:%Y-%m-%d}, and $${ for the text ${";

impl Template {
    /// Its parts in order; neighbouring texts are one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text, if it is the same for each record.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Reads the text of a configuration.
    pub fn read(written: &str) -> Result<Template, Problem> {
        let mut parts = Vec::new();
        for piece in Pieces(written) {
            match piece {
                Piece::Text(text) => push_text(&mut parts, text),
                Piece::Escape => push_text(&mut parts, "${"),
                Piece::Placeholder(name) => parts.push(part(name)?),
                Piece::Unclosed => return Err(Problem::new("a `${` is never closed").help(CHOICES)),
            }
        }
        Ok(Template { written: written.to_owned(), parts })
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn part(name: &str) -> Result<Part, Problem> {
    let unknown = || Problem::new(format!("`${{{name}}}` is not known")).help(CHOICES);
    Ok(match name.split_once(':') {
        None => match name {
            "stream" => Part::Stream,
            "partition" => Part::Partition,
            "source" => Part::Source,
            "key" => Part::Key,
            _ => return Err(unknown()),
        },
        Some((_, "")) => return Err(unknown()),
        Some(("header", header)) => Part::Header(header.to_owned()),
        Some(("field", path)) => Part::Field(path.split('.').map(str::to_owned).collect()),
        Some(("time", format)) => Part::Time(time_format(format)?),
        Some(_) => return Err(unknown()),
    })
}

/// A format that cannot be written would fail on each record, so it is tried on one moment now.
fn time_format(format: &str) -> Result<String, Problem> {
    let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    match jiff::fmt::strtime::format(format, &moment) {
        Ok(_) => Ok(format.to_owned()),
        Err(error) => Err(Problem::new(format!("`{format}` is no time format: {error}"))),
    }
}

/// As it was written, with what came from the environment put in.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        de::read_template(deserializer, Template::read)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "template", "examples": ["${stream}", "${field:customer.id}"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, expected: &str) {
        let shown = match Template::read(written) {
            Ok(template) => format!("{:?}", template.parts()),
            Err(problem) => problem.message,
        };
        assert_eq!(shown, expected, "{written}");
    }

    #[test]
    fn reads_parts_of_a_record() {
        check("science-${stream}", r#"[Text("science-"), Stream]"#);
        check("${partition}${source}${key}", "[Partition, Source, Key]");
        check("${field:customer.id}", r#"[Field(["customer", "id"])]"#);
        check("${header:a:b}.${time:%Y-%m-%d}", r#"[Header("a:b"), Text("."), Time("%Y-%m-%d")]"#);
        check("a$${stream}b", r#"[Text("a${stream}b")]"#);
        check("", "[]");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        check("${topic}", "`${topic}` is not known");
        check("${header:}", "`${header:}` is not known");
        check("a${stream", "a `${` is never closed");
    }
}
