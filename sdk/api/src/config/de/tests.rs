use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Duration, Secret, Size, Template, parse};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    group: Option<String>,
    #[serde(default)]
    writers: u16,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    follow: bool,
    size: Option<Size>,
    interval: Option<Duration>,
    topic: Option<Template>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    librdkafka: BTreeMap<String, String>,
    start: Option<Start>,
    even: Option<Even>,
    any: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    Earliest,
    At(String),
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u8")]
struct Even(#[allow(dead_code)] u8);

impl TryFrom<u8> for Even {
    type Error = String;

    fn try_from(number: u8) -> Result<Even, String> {
        if number.is_multiple_of(2) { Ok(Even(number)) } else { Err(format!("{number} is odd")) }
    }
}

fn read(text: &str) -> Result<Config, String> {
    let root = parse(text).documents.remove(0).root;
    root.read().map_err(|mistake| format!("{mistake} at `{}`", &text[mistake.span.clone()]))
}

fn check(text: &str, expected: &str) {
    assert_eq!(read(text).expect_err(text), expected);
}

#[test]
fn text_takes_the_type_of_its_target() {
    let config = read(
        "{group: 1.10, writers: 4, ratio: 1, follow: true, size: 64KiB, interval: 5s, topic: 'x-${stream}', \
         topics: [7, no], librdkafka: {fetch.min.bytes: 65536}, start: earliest, even: 4}",
    )
    .expect("it is valid");
    assert_eq!(config.group.as_deref(), Some("1.10"));
    assert_eq!((config.writers, config.ratio, config.follow), (4, 1.0, true));
    assert_eq!(config.size, Some(Size::kib(64)));
    assert_eq!(config.interval, Some(Duration::seconds(5)));
    assert_eq!(config.topics, ["7", "no"]);
    assert_eq!(config.librdkafka["fetch.min.bytes"], "65536");
    assert!(matches!(config.start, Some(Start::Earliest)));
    assert!(config.even.is_some());
    assert!(config.topic.is_some_and(|topic| topic.constant().is_none()));
}

#[test]
fn text_without_a_target_is_what_it_looks_like() {
    let config = read("any: {a: 1, b: '1', c: 1.5, d: null, e: no, f: true, g: [x]}").expect("it is valid");
    let expected = serde_json::json!({"a": 1, "b": "1", "c": 1.5, "d": null, "e": "no", "f": true, "g": ["x"]});
    assert_eq!(config.any, Some(expected));
}

#[test]
fn nothing_is_none_and_enums_may_hold_content() {
    let config = read("group:\nstart: {at: noon}\n").expect("it is valid");
    assert_eq!(config.group, None);
    assert!(matches!(config.start, Some(Start::At(at)) if at == "noon"));
}

#[test]
fn names_the_innermost_place() {
    check("group: a\nwriters: 70000", "writers: invalid value: integer `70000`, expected u16 at `70000`");
    check("topics: [a, [b]]", "topics[1]: must be text at `[b]`");
    check("even: 3", "even: 3 is odd at `3`");
    check("follow: yes", "follow: must be `true` or `false` at `yes`");
    check("size: 5", "size: needs a unit, such as `5MiB` (units: B, KiB, MiB, GiB, TiB) at `5`");
}

#[test]
fn a_secret_is_never_printed() {
    let secret: Secret = parse("hunter2").documents.remove(0).root.read().expect("it is text");
    assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("Secret", "hunter2"));
}
