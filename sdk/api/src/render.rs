//! Templates filled in from a record.

use std::io::Write;

use crate::config::{Part, Template};
use crate::record::RecordRef;
use crate::value::{Decoded, Value};

impl Template {
    /// Appends the text for this record. An error says what the record lacks; `buffer` then holds a part of it.
    pub fn render(&self, record: RecordRef<'_>, buffer: &mut Vec<u8>) -> Result<(), String> {
        self.parts().iter().try_for_each(|part| part.render(record, buffer))
    }

    /// As [`Template::render`], where only text will do: the name of a topic or of a file.
    pub fn render_text(&self, record: RecordRef<'_>, text: &mut String) -> Result<(), String> {
        let mut buffer = std::mem::take(text).into_bytes();
        self.render(record, &mut buffer)?;
        *text = String::from_utf8(buffer).map_err(|_| format!("`{self}` of this record is not UTF-8"))?;
        Ok(())
    }
}

impl Part {
    /// Appends what it stands for in this record, or says what the record lacks.
    pub fn render(&self, record: RecordRef<'_>, buffer: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Part::Text(text) => buffer.extend_from_slice(text.as_bytes()),
            Part::Stream => buffer.extend_from_slice(record.partition().stream.as_bytes()),
            Part::Source => buffer.extend_from_slice(record.partition().source.as_bytes()),
            Part::Partition => print(buffer, record.partition().number),
            Part::Key => buffer.extend_from_slice(record.key().ok_or("the record has no key")?),
            Part::Header(name) => buffer.extend_from_slice(header(record, name)?),
            Part::Field(path) => field(record, path, buffer)?,
            Part::Time(format) => print(buffer, time(record, format)?),
        }
        Ok(())
    }
}

fn header<'a>(record: RecordRef<'a>, name: &str) -> Result<&'a [u8], String> {
    let header = record.header(name).ok_or_else(|| format!("the record has no header `{name}`"))?;
    header.value.ok_or_else(|| format!("the record's header `{name}` is null"))
}

/// Text as it is, everything else as JSON.
fn field(record: RecordRef<'_>, path: &[String], buffer: &mut Vec<u8>) -> Result<(), String> {
    let name = || path.join(".");
    let value = match record.value() {
        Decoded::Value(value) => value.at(path),
        Decoded::Absent => return Err(format!("the record is a tombstone and has no field `{}`", name())),
        Decoded::Undecodable(reason) => return Err(format!("the payload has no field `{}`: {reason}", name())),
    };
    match value {
        None => return Err(format!("the payload has no field `{}`", name())),
        Some(Value::Null) => return Err(format!("the payload's field `{}` is null", name())),
        Some(Value::Text(text)) => buffer.extend_from_slice(text.as_bytes()),
        Some(other) => other.write_json(buffer),
    }
    Ok(())
}

fn time(record: RecordRef<'_>, format: &str) -> Result<String, String> {
    let timestamp = record.timestamp().ok_or("the record has no time")?;
    let moment = jiff::Timestamp::from_microsecond(timestamp.micros)
        .map_err(|_| format!("the record's time of {} microseconds is out of range", timestamp.micros))?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &moment).map_err(|error| format!("the record's time cannot be written: {error}"))
}

fn print(buffer: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(buffer, "{value}").expect("memory can be written");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::format::{Decoder, Format};
    use crate::record::{Field, Record, Timestamp, TimestampKind};
    use crate::value::ValueWriter;
    use crate::{Batch, BatchBuilder, Limit, Partition};

    /// A format that gives every payload the value `{"a":{"b":7},"c.d":"x","n":null,"l":[1.5,"q"]}`.
    #[derive(Debug)]
    struct Fixed;

    impl Format for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }
        fn decoder(&self) -> Box<dyn Decoder> {
            Box::new(Fixed)
        }
    }

    impl Decoder for Fixed {
        fn decode(&mut self, _: &[u8], value: &mut ValueWriter<'_>) -> Result<(), String> {
            let outer = value.begin();
            value.text("a");
            let inner = value.begin();
            value.text("b");
            value.int(7);
            value.end_object(inner, 1);
            value.text("c.d");
            value.text("x");
            value.text("n");
            value.null();
            value.text("l");
            let list = value.begin();
            value.float(1.5);
            value.text("q");
            value.end_list(list, 2);
            value.end_object(outer, 4);
            Ok(())
        }
    }

    fn batch(record: Record<'_>) -> Batch {
        let partition = Partition { source: "k".into(), stream: "orders".into(), incarnation: "1".into(), number: 3 };
        let mut batch = BatchBuilder::new(Limit::default());
        let origin = batch.origin(&Arc::new(partition));
        batch.push(origin, 0, 1, record);
        let batch = batch.finish();
        batch.set_format(&(Arc::new(Fixed) as Arc<dyn Format>));
        batch
    }

    fn check_of(record: Record<'_>, template: &str, expected: &str) {
        let batch = batch(record);
        let mut text = String::new();
        let template = Template::read(template).expect("a template");
        let rendered = template.render_text(batch.get(0), &mut text).map(|()| text);
        assert_eq!(rendered.unwrap_or_else(|error| error), expected, "{template}");
    }

    fn check(template: &str, expected: &str) {
        let timestamp = Some(Timestamp { micros: 1_700_000_000_000_000, kind: TimestampKind::Create });
        let headers = [Field::text("h", "old"), Field::text("h", "new"), Field::bytes("nil", None)];
        check_of(
            Record { key: Some(b"k1"), headers: &headers, timestamp, ..Record::payload(b"x") },
            template,
            expected,
        );
    }

    #[test]
    fn fills_in_what_the_record_has() {
        check("to-${stream}-${partition}-${source}", "to-orders-3-k");
        check("${key}/${header:h}", "k1/new");
        check("${field:a.b} ${field:c.d} ${field:l} ${field:a}", r#"7 x [1.5,"q"] {"b":7}"#);
        check("${time:%Y-%m-%d}", "2023-11-14");
    }

    #[test]
    fn says_what_the_record_lacks() {
        check("${field:a.x}", "the payload has no field `a.x`");
        check("${field:n}", "the payload's field `n` is null");
        check("${header:none}", "the record has no header `none`");
        check("${header:nil}", "the record's header `nil` is null");
        check_of(Record::default(), "${key}", "the record has no key");
        check_of(Record::default(), "${field:a}", "the record is a tombstone and has no field `a`");
        check_of(Record::default(), "${time:%Y}", "the record has no time");
        check_of(Record { key: Some(b"\xff"), ..Record::default() }, "${key}", "`${key}` of this record is not UTF-8");
        let far = Timestamp { micros: i64::MAX, kind: TimestampKind::Create };
        let text = "the record's time of 9223372036854775807 microseconds is out of range";
        check_of(Record { timestamp: Some(far), ..Record::default() }, "${time:%Y}", text);
    }
}
