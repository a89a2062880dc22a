use std::collections::BTreeMap;

use catchwater_sdk::config::Secret;
use catchwater_sdk::{Context, Error, Registry};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use super::*;

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Http {
    url: String,
    sasl: Option<Sasl>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Sasl {
    username: String,
    password: Secret,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Kafka {
    #[schemars(extend("properties" = {"ssl.key.pem": {"type": "string", "format": "secret"}}))]
    librdkafka: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Mask {
    fields: Vec<String>,
    secret: Option<Secret>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Stamp {
    secret: String,
}

/// Connectors that can be described and not built.
fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.source("kafka", |_: Kafka, _: &Context| Err(Error::bug("only drawn")));
    registry.sink("http", |_: Http, _: &Context| Err(Error::bug("only drawn")));
    registry.transform("mask", |_: Mask, _: &Context| Err(Error::bug("only drawn")));
    registry.transform("stamp", |_: Stamp, _: &Context| Err(Error::bug("only drawn")));
    registry
}

fn flat(entries: &[(&str, &str)]) -> Flat {
    let all = [("name", "n"), ("connector.class", "http"), ("topics", "t")].iter().chain(entries);
    all.map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

fn class() -> Class {
    Class::new(Role::Sink, "http")
}

const TWO_MASKS: &[(&str, &str)] = &[
    ("transforms", "a,b"),
    ("transforms.a.type", "mask"),
    ("transforms.a.secret", "of a"),
    ("transforms.b.type", "mask"),
    ("transforms.b.secret", "of b"),
    ("sasl.password", "hunter2"),
    ("consumer.override.ssl.key.pem", "PEM"),
];

/// What becomes of a configuration that is sent where `TWO_MASKS` are kept: its secrets, and the keys that are refused.
fn check(entries: &[(&str, &str)], expected: &[(&str, &str)], refused: &[&str]) {
    let (registry, kafka) = (registry(), Map::from_iter([("brokers".to_owned(), json!("b:1"))]));
    let world = World { registry: &registry, kafka: Some(&kafka) };
    let kept = flat(TWO_MASKS);
    let before = (hidden(&kept, &class(), &registry), make("n", &kept, &class(), world).document);
    let (revealed, wrong) = revealed(flat(entries), &class(), Some(&before), world);
    for (key, secret) in expected {
        assert_eq!(revealed.get(key), Some(*secret), "{entries:?}");
    }
    assert_eq!(wrong.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), refused, "{entries:?}");
}

#[test]
fn secrets_are_hidden_wherever_they_are_said() {
    let shown = |key: &str, text: &str| {
        let flat = flat(&[("transforms", "a"), ("transforms.a.type", "mask"), (key, text)]);
        hidden(&flat, &class(), &registry()).get(key).map(str::to_owned)
    };
    for (key, text) in [
        ("transforms.a.secret", "x"),
        ("sasl.password", "x"),
        ("sasl.password", "$${x"),
        ("sasl.password", "x${env:SALT}"),
        ("sasl", r#"{"username": "me", "password": "x"}"#),
        ("consumer.override.ssl.key.pem", "x"),
    ] {
        assert_eq!(shown(key, text).as_deref(), Some(HIDDEN), "{key}={text}");
    }
    for (key, text) in [
        ("transforms.a.fields", "x"),
        ("sasl.password", "${env:PASSWORD}"),
        ("sasl", r#"{"username": "me", "password": "${file:/x}"}"#),
        ("consumer.override.fetch.min.bytes", "1"),
    ] {
        assert_eq!(shown(key, text).as_deref(), Some(text), "{key}={text}");
    }
}

#[test]
fn a_hidden_secret_is_the_one_of_the_same_key_wherever_that_stands() {
    let swapped = [
        ("transforms", "new, b, a"),
        ("transforms.new.type", "stamp"),
        ("transforms.new.secret", "shown"),
        ("transforms.a.type", "mask"),
        ("transforms.a.secret", HIDDEN),
        ("transforms.b.type", "mask"),
        ("transforms.b.secret", HIDDEN),
        ("sasl.password", HIDDEN),
        ("consumer.override.ssl.key.pem", HIDDEN),
    ];
    let expected = [
        ("transforms.new.secret", "shown"),
        ("transforms.a.secret", "of a"),
        ("transforms.b.secret", "of b"),
        ("sasl.password", "hunter2"),
        ("consumer.override.ssl.key.pem", "PEM"),
    ];
    check(&swapped, &expected, &[]);
}

#[test]
fn what_no_secret_is_kept_for_is_refused() {
    let renamed = [("transforms", "c"), ("transforms.c.type", "mask"), ("transforms.c.secret", HIDDEN)];
    check(&renamed, &[], &["transforms.c.secret"]);
    // It would be shown from now on.
    let another = [("transforms", "a"), ("transforms.a.type", "stamp"), ("transforms.a.secret", HIDDEN)];
    check(&another, &[], &["transforms.a.secret"]);
    // Nothing is secret about these.
    check(&[("url", HIDDEN)], &[("url", HIDDEN)], &[]);
    let registry = registry();
    let (_, wrong) =
        revealed(flat(&[("sasl.password", HIDDEN)]), &class(), None, World { registry: &registry, kafka: None });
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

#[test]
fn the_configuration_is_kept_beside_the_document_until_that_is_changed() {
    let (flat, document) = (flat(&[]), json!({"name": "n", "sinks": [{"sasl": {"password": "hunter2"}}]}));
    let stars = |text: &str| text.replace("\"hunter2\"", "*********");
    let kept = text(&flat, &Sound { text: document.to_string(), shown: stars(&document.to_string()) });
    assert_eq!((flat_in(&stars(&kept)), document_in(&kept)), (Some(flat), Some(document)));
    for (before, after) in [(r#"{"sasl""#, r#"{"other""#), (r#""topics":"t""#, r#""topics":"u""#), ("*}", "*} ")] {
        let changed = stars(&kept).replace(before, after);
        assert_ne!(changed, stars(&kept));
        assert_eq!(flat_in(&changed), None, "{changed}");
    }
    let comment = kept.split_inclusive('\n').next().expect("it has lines");
    assert_eq!(flat_in(comment), flat_in(&stars(&kept)), "of a document that cannot run only the comment is shown");
    assert_eq!(flat_in("name: a\n"), None);
}

#[test]
fn a_path_leads_to_names_with_dots() {
    let document = json!({"sinks": [{"sasl": {"password": 1}, "librdkafka": {"ssl.key.pem": 2}}]});
    for (path, expected) in [("sinks[0].sasl.password", 1), ("sinks[0].librdkafka.ssl.key.pem", 2)] {
        assert_eq!(at(&document, path), Some(&json!(expected)), "{path}");
    }
    assert_eq!((at(&document, "sinks[1].sasl"), at(&document, "sinks[0].ssl.key")), (None, None));
}
