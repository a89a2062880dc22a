use catchwater_sdk::value::{Decoded, Values};

use super::*;

fn decode(payload: &[u8]) -> Values {
    Values::decode(&Json, [Some(payload)].into_iter())
}

fn check(payload: impl AsRef<[u8]>, expected: &str) {
    let values = decode(payload.as_ref());
    let shown = match values.get(0) {
        Decoded::Value(value) => format!("{value:?}"),
        Decoded::Undecodable(reason) => reason.to_owned(),
        Decoded::Absent => "absent".to_owned(),
    };
    assert_eq!(shown, expected, "{}", String::from_utf8_lossy(payload.as_ref()));
}

#[test]
fn reads_every_kind_of_value() {
    check("null", "Null");
    check(" true ", "Bool(true)");
    check("-5", "Int(-5)");
    check("1.5e3", "Float(1500.0)");
    check(r#""a\n\u00e9\ud83d\ude00""#, "Text(\"a\\né😀\")");
    check(r#"{"a":[1,{"b":null}],"c":""}"#, r#"Object({"a": List([Int(1), Object({"b": Null})]), "c": Text("")})"#);
}

#[test]
fn keeps_a_key_that_comes_twice() {
    check(r#"{"a":1,"a":2}"#, r#"Object({"a": Int(1), "a": Int(2)})"#);
}

#[test]
fn keeps_the_digits_of_integers_past_64_bits() {
    check("9223372036854775807", "Int(9223372036854775807)");
    check("18446744073709551615", "UInt(18446744073709551615)");
    check("18446744073709551616", "Number(\"18446744073709551616\")");
    check("-9223372036854775809", "Number(\"-9223372036854775809\")");
    check(
        r#"{"1":[0.5,"\"2"],"x":123456789012345678901,"y":7,"z":1e300,"w":-123456789012345678901}"#,
        r#"Object({"1": List([Float(0.5), Text("\"2")]), "x": Number("123456789012345678901"), "y": Int(7), "z": Float(1e300), "w": Number("-123456789012345678901")})"#,
    );
}

#[test]
fn says_why_a_payload_is_none_and_where() {
    check("", "not JSON: the payload is empty");
    check(b"{\"a\":\"\xff\"}", "not JSON: not UTF-8 at byte 6");
    check("{\"a\":1}x", "not JSON: trailing characters at byte 7");
    check("{\"a\":1} {}", "not JSON: trailing characters at byte 8");
    check("{\"a\":\n1,}", "not JSON: key must be a string at byte 8");
    check("hello", "not JSON: expected value at byte 0");
    check("{\"a\":", "not JSON: EOF while parsing a value at byte 5");
    check("\u{feff}{}", "not JSON: expected value at byte 0");
    check("[1e400]", "a number that is out of range at byte 1");
    check(r#"["\ud800"]"#, "a text with an escape that stands for no character");
}

#[test]
fn a_thousand_levels_pass_and_more_are_refused() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(matches!(decode(nested(1000).as_bytes()).get(0), Decoded::Value(_)));
    check(nested(1001), "nested deeper than 1000 levels at byte 1000");
    check(nested(1_000_000), "nested deeper than 1000 levels at byte 1000");
}

#[test]
fn one_bad_payload_leaves_the_others_alone() {
    let payloads: [Option<&[u8]>; 4] = [Some(b"{\"a\":1}"), Some(b"{\"b"), None, Some(b"[2]")];
    let values = Values::decode(&Json, payloads.into_iter());
    let shown: Vec<_> = (0..4).map(|row| format!("{:?}", values.get(row))).collect();
    assert_eq!(shown[0], r#"Value(Object({"a": Int(1)}))"#);
    assert!(shown[1].starts_with("Undecodable"), "{}", shown[1]);
    assert_eq!(shown[2..], ["Absent", "Value(List([Int(2)]))"]);
}

#[test]
fn ten_megabytes_pass() {
    let text = format!("[\"{}\"]", "x".repeat(10_000_000));
    assert!(matches!(decode(text.as_bytes()).get(0), Decoded::Value(_)));
}

#[test]
fn keeps_the_contract_of_a_format() {
    let samples = [r#"{"a":[1,-2.5,null,true,"\n\u00e9"]}"#, "123456789012345678901234567890", r#"[{"k":{}},[[]],""]"#];
    catchwater_sdk::conformance::format(&Json, &samples.map(str::as_bytes));
}
