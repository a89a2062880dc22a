use std::sync::Arc;

use catchwater_sdk::{Batch, BatchBuilder, Field, FieldKind, Limit, Partition, Record, Timestamp, TimestampKind};

use super::*;

fn one(record: Record<'_>) -> Batch {
    let partition = Partition { source: "k".into(), stream: "orders".into(), incarnation: "1".into(), number: 2 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    batch.push(origin, 7, 8, record);
    batch.finish()
}

fn check(encoding: Encoding, record: Record<'_>, expected: &str) {
    let mut out = Vec::new();
    let written = encoding.write(one(record).get(0), &mut out);
    let shown = written.map_or_else(|reason| reason, |()| String::from_utf8_lossy(&out).into_owned());
    assert_eq!(shown, expected);
}

#[test]
fn a_line_is_the_payload() {
    check(Encoding::Lines, Record::payload(b"a b"), "a b\n");
    check(Encoding::Lines, Record::payload(b""), "\n");
}

#[test]
fn what_would_not_come_back_as_one_line_is_refused() {
    let newline = "the payload holds a newline at byte 1 and would be several lines; `encoding: json` keeps it one";
    check(Encoding::Lines, Record::payload(b"a\nb"), newline);
    check(Encoding::Lines, Record::default(), "a tombstone has no line; `encoding: json` has");
}

#[test]
fn json_has_all_that_the_record_has() {
    let place = r#"{"source":"k","stream":"orders","partition":2,"position":7"#;
    check(Encoding::Json, Record::default(), &format!("{place},\"timestamp\":null,\"key\":null,\"payload\":null}}\n"));
    let int = Field { kind: FieldKind::Int, ..Field::text("n", "5") };
    let headers = [Field::text("a", "1"), Field::bytes("a", None), int];
    let timestamp = Some(Timestamp { micros: 1_700_000_000_000_001, kind: TimestampKind::Create });
    let record = Record { key: Some(b"\xff"), headers: &headers, timestamp, ..Record::payload(b"a\n\"b\"") };
    let rest = concat!(
        r#","timestamp":"2023-11-14T22:13:20.000001Z","key":{"base64":"/w=="},"headers":[{"name":"a","value":"1"},"#,
        r#"{"name":"a","value":null},{"name":"n","value":"5","type":"int"}],"payload":"a\n\"b\""}"#,
    );
    check(Encoding::Json, record, &format!("{place}{rest}\n"));
    let far = Some(Timestamp { micros: 1_769_000_000_000_000_000, kind: TimestampKind::Create });
    let record = Record { timestamp: far, ..Record::payload(b"") };
    check(
        Encoding::Json,
        record,
        &format!("{place},\"timestamp\":1769000000000000000,\"key\":null,\"payload\":\"\"}}\n"),
    );
}

#[test]
fn a_terminal_obeys_no_record() {
    let mut out = Vec::new();
    write_view(one(Record { key: Some(b"k"), ..Record::payload(b"\x1b[2Jx\n") }).get(0), None, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    assert_eq!(text, "\x1b[2morders[2]@7\x1b[0m \x1b[36mk\x1b[0m \\u{1b}[2Jx\\n\n");
}

fn check_cut(payload: &str, width: usize, expected: &str) {
    let mut out = Vec::new();
    write_view(one(Record::payload(payload.as_bytes())).get(0), Some(width), &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    assert_eq!(text.replace("\x1b[2m", "").replace("\x1b[0m", ""), format!("{expected}\n"));
}

#[test]
fn a_long_line_is_cut_between_characters() {
    check_cut("größe", 20, "orders[2]@7 größe");
    check_cut("größenwahn", 18, "orders[2]@7 größe…");
    check_cut("a\nb", 15, "orders[2]@7 a…");
    check_cut("a", 4, "ord…");
    check_cut("a", 0, "…");
}
