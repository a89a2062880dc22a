//! `--to`: what a URL or a name stands for.

use catchwater_connectors::address::{self, set_options};
use catchwater_engine::spec::{Destination, load_documents, nearest};
use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};
use serde_json::{Map, Value, json};

use super::Arguments;

/// Where events go.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    /// The keys of a sink.
    Sink(Map<String, Value>),
    /// A destination of that name.
    Named(String),
}

impl Target {
    /// Reads `--to`; an error says what is wrong with it. The sink is one that the registry has.
    pub(super) fn known(to: &str, registry: &Registry) -> Result<Target, String> {
        let target = Target::parse(to)?;
        if let Target::Sink(keys) = &target
            && let Some(kind) = keys["type"].as_str().filter(|kind| !has_sink(registry, kind))
        {
            let others = CHOICES.iter().filter(|(kind, _)| has_sink(registry, kind)).map(|(_, written)| *written);
            let others = others.chain([A_NAME]).collect::<Vec<_>>().join(", ");
            return Err(format!("this program was built without a sink for {kind}; it takes: {others}"));
        }
        Ok(target)
    }

    fn parse(to: &str) -> Result<Target, String> {
        let (to, options) = match to.split_once('?') {
            // The rest of an HTTP URL belongs to its server.
            Some((to, options)) if !is_http(to) => (to, options),
            _ => (to, ""),
        };
        let mut sink = match to.split_once(':') {
            None if matches!(to, "-" | "stdout") => keys(json!({ "type": "stdout" })),
            None => return Ok(Target::Named(to.to_owned())),
            Some(("file", path)) => keys(json!({ "type": "file", "path": file_path(path)? })),
            Some(("stdout", "" | "//")) => keys(json!({ "type": "stdout" })),
            Some(("kafka", rest)) => kafka(rest)?,
            Some((scheme @ ("amqp" | "amqps"), rest)) => amqp(scheme, rest.strip_prefix("//").unwrap_or(rest))?,
            Some(("http" | "https", _)) => keys(json!({ "type": "http", "url": to })),
            Some((scheme, _)) => return Err(format!("`{scheme}:` is none of {}", choices())),
        };
        set_options(&mut sink, options)?;
        Ok(Target::Sink(sink))
    }
}

/// Sinks, and how each is written.
const CHOICES: [(&str, &str); 5] = [
    ("kafka", "kafka://host:9092/topic"),
    ("rabbitmq", "amqp://host/vhost/exchange-or-queue"),
    ("http", "http://..."),
    ("file", "file:PATH"),
    ("stdout", "stdout"),
];
const A_NAME: &str = "the name of a destination";

fn choices() -> String {
    CHOICES.iter().map(|(_, written)| *written).chain([A_NAME]).collect::<Vec<_>>().join(", ")
}

fn has_sink(registry: &Registry, kind: &str) -> bool {
    registry.schema(Role::Sink, kind).is_some()
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn keys(value: Value) -> Map<String, Value> {
    if let Value::Object(keys) = value { keys } else { Map::new() }
}

/// `file:a.ndjson`, `file:/a.ndjson` and `file:///a.ndjson`; after two slashes a host would come, and there is none.
fn file_path(rest: &str) -> Result<String, String> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(path) => {
            return Err(format!(
                "`file://` is followed by a host; write file:{path}, or file:///{path} for a path from the root"
            ));
        }
        None => rest,
    };
    if path.is_empty() { Err("which file? write file:PATH".to_owned()) } else { Ok(path.to_owned()) }
}

fn kafka(rest: &str) -> Result<Map<String, Value>, String> {
    let mut sink = address::kafka(rest.strip_prefix("//").unwrap_or(rest))?;
    sink.insert("type".to_owned(), "kafka".into());
    Ok(sink)
}

/// Behind the virtual host comes an exchange or a queue; without one every event goes through the exchange that it came from.
fn amqp(scheme: &str, rest: &str) -> Result<Map<String, Value>, String> {
    let (url, name) = address::amqp(scheme, rest)?;
    let mut sink = keys(json!({ "type": "rabbitmq", "url": url }));
    if !name.is_empty() {
        sink.insert("to".to_owned(), name.into());
    }
    Ok(sink)
}

/// The URL as people may see it: without a password.
pub(super) fn shown(to: &str) -> String {
    let without = || {
        let (scheme, rest) = to.split_once("://")?;
        let authority = rest.split('/').next()?;
        let (user, _password) = authority.rsplit_once('@')?.0.split_once(':')?;
        let behind = &rest[authority.rfind('@')?..];
        Some(format!("{scheme}://{user}:***{behind}"))
    };
    without().unwrap_or_else(|| to.to_owned())
}

/// The destination of a name, out of the files that were given.
pub(super) fn find(name: &str, arguments: &Arguments, registry: &Registry) -> Result<Destination, Vec<String>> {
    let files = &arguments.destinations;
    if files.is_empty() {
        return Err(vec![format!(
            "--to: `{name}` is none of {}; destinations are in the files that --destinations names, and it names none",
            choices()
        )]);
    }
    let documents = load_documents(files, registry).map_err(|mistakes| vec![format!("--destinations:\n{mistakes}")])?;
    let names: Vec<String> = documents.destinations.iter().map(|destination| destination.name.clone()).collect();
    documents.destinations.into_iter().find(|destination| destination.name == name).ok_or_else(|| {
        let there_are = match (nearest(name, names.iter().map(String::as_str)), names.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => "the files of --destinations hold none".to_owned(),
            (None, false) => format!("there are {}", names.join(", ")),
        };
        vec![format!("--to: there is no destination `{name}`; {there_are}")]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to: &str, expected: Value) {
        let target = Target::parse(to).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(target, Target::Sink(keys(expected)), "{to}");
    }

    fn refused(to: &str, expected: &str) {
        let error = Target::parse(to).expect_err(to);
        assert!(error.contains(expected), "{to}: {error}");
    }

    #[test]
    fn kafka_has_brokers_a_topic_and_options() {
        check("kafka://a:9092,b:9092/orders", json!({"type": "kafka", "brokers": "a:9092,b:9092", "topic": "orders"}));
        check("kafka://a:9092", json!({"type": "kafka", "brokers": "a:9092"}));
        check("kafka://a:9092/", json!({"type": "kafka", "brokers": "a:9092"}));
        check(
            "kafka://a:9092/x-${stream}?partition=keep&librdkafka.linger.ms=5&tls.ca=/ca.pem&compression=zstd",
            json!({"type": "kafka", "brokers": "a:9092", "topic": "x-${stream}", "partition": "keep",
                   "librdkafka": {"linger.ms": 5}, "tls": {"ca": "/ca.pem"}, "compression": "zstd"}),
        );
        check("kafka://[::1]:9092/a%2Db", json!({"type": "kafka", "brokers": "[::1]:9092", "topic": "a-b"}));
        refused("kafka:///orders", "which broker?");
        refused("kafka://user:secret@a:9092/orders", "do not belong into a command");
        refused("kafka://a:9092/orders/2", "no slash");
        refused("kafka://a:9092/orders?partition", "has no value");
        refused("kafka://a:9092/orders?type=file", "follows from the URL");
        refused("kafka://a:9092/100%", "followed by no two digits");
    }

    #[test]
    fn rabbitmq_has_a_virtual_host_and_an_exchange_or_queue() {
        check("amqp://mq/shop/orders", json!({"type": "rabbitmq", "url": "amqp://mq/shop", "to": "orders"}));
        check("amqp://mq/%2F/a%2Fb", json!({"type": "rabbitmq", "url": "amqp://mq/%2F", "to": "a/b"}));
        check("amqp://mq//orders", json!({"type": "rabbitmq", "url": "amqp://mq/%2F", "to": "orders"}));
        check("amqp://mq/shop", json!({"type": "rabbitmq", "url": "amqp://mq/shop"}));
        check(
            "amqps://u:p@mq:5671/shop/orders?tls.ca=/ca.pem&mandatory=false",
            json!({"type": "rabbitmq", "url": "amqps://u:p@mq:5671/shop", "to": "orders", "tls": {"ca": "/ca.pem"},
                   "mandatory": false}),
        );
        refused("amqp:///shop/orders", "which broker?");
        refused("amqp://u:p@/shop/orders", "which broker?");
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(
            shown("amqp://u:p@ss@mq/shop/orders?mandatory=false"),
            "amqp://u:***@mq/shop/orders?mandatory=false"
        );
        assert_eq!(shown("amqp://mq/shop/orders"), "amqp://mq/shop/orders");
        assert_eq!(shown("kafka://a:9092/orders"), "kafka://a:9092/orders");
        assert_eq!(shown("staging"), "staging");
    }

    #[test]
    fn files_standard_output_and_http() {
        check("file:out.ndjson", json!({"type": "file", "path": "out.ndjson"}));
        check("file:///tmp/out?encoding=json", json!({"type": "file", "path": "/tmp/out", "encoding": "json"}));
        check("-", json!({"type": "stdout"}));
        check("stdout", json!({"type": "stdout"}));
        check("stdout:?encoding=json", json!({"type": "stdout", "encoding": "json"}));
        check("http://localhost:80/a?b=c", json!({"type": "http", "url": "http://localhost:80/a?b=c"}));
        refused("file:", "which file?");
        refused("file://out.ndjson", "write file:out.ndjson");
    }

    #[test]
    fn what_the_program_was_built_without_is_named() {
        let mut registry = Registry::new();
        catchwater_connectors::register(&mut registry);
        assert!(Target::known("file:out.ndjson", &registry).is_ok());
        assert_eq!(Target::known("staging", &registry), Ok(Target::Named("staging".to_owned())));
        let error = Target::known("http://localhost/x", &Registry::new()).expect_err("an empty registry");
        assert_eq!(error, "this program was built without a sink for http; it takes: the name of a destination");
    }

    #[test]
    fn anything_else_is_a_name_or_a_mistake() {
        assert_eq!(Target::parse("staging"), Ok(Target::Named("staging".to_owned())));
        refused("mqtt://localhost", "`mqtt:` is none of kafka://");
    }
}
