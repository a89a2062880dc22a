use catchwater_sdk::config::schema_of;
use catchwater_sdk::{Context, Error};
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Lake {
    path: String,
    columns: Option<Vec<String>>,
    limits: Option<Limits>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Limits {
    rows: u32,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Filter {
    r#where: String,
}

/// Connectors that can be described and not built.
fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.sink("lake", |_: Lake, _: &Context| Err(Error::bug("only drawn")));
    registry.source("lake", |_: Lake, _: &Context| Err(Error::bug("only drawn")));
    registry.transform("filter", |_: Filter, _: &Context| Err(Error::bug("only drawn")));
    registry
}

fn made(role: Role, entries: &[(&str, &str)]) -> Made {
    let flat: Flat = entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let kafka = Map::from_iter([("brokers".to_owned(), json!("b:1"))]);
    make("n", &flat, &Class::new(role, "lake"), World { registry: &registry(), kafka: Some(&kafka) })
}

fn check(role: Role, entries: &[(&str, &str)], expected: Value) {
    let made = made(role, entries);
    assert_eq!(made.wrong, [], "{entries:?}");
    assert_eq!(made.document, expected, "{entries:?}");
}

/// The keys that are wrong.
fn refused(entries: &[(&str, &str)], expected: &[&str]) {
    let wrong = made(Role::Sink, entries).wrong;
    let keys: Vec<_> = wrong.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, expected, "{entries:?}: {wrong:?}");
}

#[test]
fn a_sink_connector_reads_the_servers_kafka() {
    let source =
        json!({"type": "kafka", "brokers": "b:1", "group": "connect-n", "start": "earliest", "topics": ["a", "b"]});
    check(
        Role::Sink,
        &[("topics", "a, b"), ("path", "x"), ("tasks.max", "3"), ("columns", "c,d"), ("limits.rows", "7")],
        json!({
            "name": "n", "tasks": "3", "source": source,
            "sinks": [{"type": "lake", "path": "x", "columns": ["c", "d"], "limits": {"rows": "7"}}],
        }),
    );
}

#[test]
fn clients_are_told_what_is_overridden() {
    let entries = [
        ("topics.regex", "a.*"),
        ("consumer.override.group.id", "g"),
        ("consumer.override.auto.offset.reset", "latest"),
        ("consumer.override.fetch.min.bytes", "9"),
    ];
    let source = json!({
        "type": "kafka", "brokers": "b:1", "group": "g", "start": "latest", "topics": ["^(a.*)$"],
        "librdkafka": {"fetch.min.bytes": "9"},
    });
    check(Role::Sink, &entries, json!({"name": "n", "tasks": "1", "source": source, "sinks": [{"type": "lake"}]}));
}

#[test]
fn a_source_connector_writes_to_its_topic() {
    let sink = json!({"type": "kafka", "brokers": "b:1", "topic": "t", "on_error": "drop"});
    check(
        Role::Source,
        &[("topic", "t"), ("path", "x"), ("errors.tolerance", "all")],
        json!({"name": "n", "tasks": "1", "source": {"type": "lake", "path": "x", "on_error": "drop"}, "sinks": [sink]}),
    );
}

#[test]
fn steps_and_dead_letters_are_put_in_their_places() {
    let entries = [
        ("topics", "a"),
        ("transforms", "one"),
        ("transforms.one.type", "filter"),
        ("transforms.one.where", "x"),
        ("transforms.one.when", "y"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
    ];
    let made = made(Role::Sink, &entries);
    assert_eq!(made.wrong, []);
    assert_eq!(made.document["transforms"], json!([{"name": "one", "type": "filter", "where": "x", "when": "y"}]));
    assert_eq!(made.document["dead_letters"], json!({"type": "kafka", "brokers": "b:1", "topic": "dead"}));
    assert_eq!(made.key_of("transforms[0].where"), "transforms.one.where");
    assert_eq!(made.key_of("transforms[0].sort"), "transforms.one.sort");
    assert_eq!(made.key_of("sinks[0].path"), "path");
    assert_eq!(made.key_of("source.topics[0]"), "topics");
}

#[test]
fn json_is_taken_out_of_its_envelope_or_asked_for() {
    let converter = ("value.converter", common::JSON);
    let steps = |entries: &[(&str, &str)]| {
        let made = made(Role::Sink, &[&[("topics", "a"), converter], entries].concat());
        assert_eq!(made.wrong, [], "{entries:?}");
        (made.document["transforms"].clone(), made.key_of("transforms[0].type"), made.key_of("transforms[1].where"))
    };
    let filter = [("transforms", "one"), ("transforms.one.type", "filter"), ("transforms.one.where", "x")];
    let (transforms, first, second) = steps(&filter);
    let envelope = json!({"name": "value.converter", "type": "extract", "field": "payload", "beside": ["schema"]});
    assert_eq!(transforms, json!([envelope, {"name": "one", "type": "filter", "where": "x"}]));
    assert_eq!((first.as_str(), second.as_str()), ("value.converter", "transforms.one.where"));
    let required = json!({"name": "value.converter", "type": "require", "on_error": "drop"});
    let (transforms, ..) = steps(&[("value.converter.schemas.enable", " False"), ("errors.tolerance", "all")]);
    assert_eq!(transforms, json!([required]));
    let wrong = made(Role::Source, &[("topic", "t"), converter]).wrong;
    assert!(wrong[0].message.contains("say value.converter.schemas.enable=false"), "{wrong:?}");
    let bare = made(Role::Source, &[("topic", "t"), converter, ("value.converter.schemas.enable", "false")]);
    assert_eq!((bare.wrong.len(), bare.document.get("transforms")), (0, None));
}

#[test]
fn a_name_stands_for_itself() {
    let flat: Flat = [("topics".to_owned(), "a".to_owned())].into_iter().collect();
    let world = World { registry: &registry(), kafka: Some(&Map::new()) };
    let made = make("${env:HOME}", &flat, &Class::new(Role::Sink, "lake"), world);
    assert_eq!(made.document["name"], "$${env:HOME}");
    assert_eq!(made.document["source"]["group"], "connect-$${env:HOME}");
}

#[test]
fn what_would_not_be_heeded_is_refused_by_name() {
    refused(&[("topics", "a"), ("predicates", " ")], &[]);
    refused(&[("topics", "a"), ("predicates", "p"), ("colour", "red")], &["predicates", "colour"]);
    refused(&[("topics", "a"), ("errors.log.enable", "true")], &["errors.log.enable"]);
    refused(&[("topics", "a"), ("consumer.override.group.id", "")], &["consumer.override.group.id"]);
    refused(&[("topics", "a"), ("errors.deadletterqueue.topic.name", "d")], &["errors.deadletterqueue.topic.name"]);
    refused(&[("topics", "a"), ("transforms.x.type", "filter")], &["transforms.x.type"]);
    refused(&[("topics", "a"), ("transforms", "x"), ("transforms.x.predicate", "p")], &["transforms.x.type"]);
    refused(&[("tasks.max", "0")], &["topics", "topics.regex", "tasks.max"]);
}

#[test]
fn what_is_said_twice_is_refused_whichever_comes_first() {
    let (theirs, ours) = (("errors.retry.delay.max.ms", "5"), ("retry.max", "3s"));
    refused(&[("topics", "a"), theirs, ours], &["retry.max"]);
    refused(&[("topics", "a"), ours, theirs], &["errors.retry.delay.max.ms"]);
    let (whole, part) = (("limits", r#"{"rows": 1}"#), ("limits.rows", "2"));
    refused(&[("topics", "a"), whole, part], &["limits.rows"]);
    refused(&[("topics", "a"), part, whole], &["limits"]);
    refused(&[("topics", "a"), ("limits", "{}"), part], &[]);
    refused(&[("topics", "a"), ours, ("retry.initial", "1s"), ("retry.attempts", "2")], &[]);
}

#[test]
fn a_mistake_in_the_servers_kafka_is_not_one_of_the_connector() {
    let entries = [("topics", "a"), ("consumer.override.fetch.min.bytes", "9")];
    let of = |role: Role, path: &'static str| made(role, &entries).setting_of(path);
    assert_eq!(of(Role::Sink, "source.brokers"), Some("brokers"));
    assert_eq!(of(Role::Sink, "dead_letters.brokers.x"), Some("brokers.x"));
    assert_eq!(of(Role::Sink, "source.librdkafka.fetch.min.bytes"), None);
    assert_eq!(of(Role::Sink, "source.topics[0]"), None);
    assert_eq!(of(Role::Sink, "sinks[0].brokers"), None);
    assert_eq!(of(Role::Source, "sinks[0].brokers"), Some("brokers"));
}

#[test]
fn a_schema_of_its_own_is_enough_for_a_key() {
    let schema = schema_of::<Lake>();
    assert_eq!(resolve("limits.rows", &schema).map(|(path, _)| path), Some(vec!["limits", "rows"]));
}
