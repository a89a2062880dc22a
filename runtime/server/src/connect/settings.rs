//! The server's own settings, in `catchwater.yaml` of the folder that it serves.

use std::path::Path;

use catchwater_engine::spec::SETTINGS;
use catchwater_sdk::config::{Kind, Node, ProcessEnvironment, parse, resolve};
use serde_json::{Map, Value};

use super::failure::Failure;

/// The keys of a connection, which a `kafka` source has as a `kafka` sink does.
const CONNECTION: [&str; 4] = ["brokers", "tls", "sasl", "librdkafka"];

/// The settings of the server's Kafka: `brokers`, and what else a connection needs. Read anew each time: it is asked for when
/// a connector is made, and what was written last is what is meant.
pub(crate) fn kafka(folder: &Path) -> Result<Option<Map<String, Value>>, Failure> {
    let path = folder.join(SETTINGS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::internal(format!("read {}: {error}", path.display()))),
    };
    read(&text).map_err(|problem| Failure::internal(format!("{}: {problem}", path.display())))
}

/// The same as a component's settings, with what comes from outside put in.
pub(crate) fn node(kafka: Map<String, Value>) -> Node {
    let root = parse(&Value::Object(kafka).to_string()).documents.into_iter().next().map(|document| document.root);
    let mut root = root.unwrap_or_else(|| Node::empty_map(0..0));
    resolve(&mut root, &ProcessEnvironment, &mut Vec::new());
    root
}

fn read(text: &str) -> Result<Option<Map<String, Value>>, String> {
    let parsed = parse(text);
    let mut mistakes = parsed.mistakes;
    let mut documents = parsed.documents.into_iter();
    let mut root = documents.next().map(|document| document.root);
    if let Some(root) = &mut root {
        // What it names is resolved where it is used, so that no secret is copied; here it only has to be there.
        resolve(&mut root.clone(), &ProcessEnvironment, &mut mistakes);
    }
    if let Some(mistake) = mistakes.first() {
        return Err(mistake.to_string());
    }
    let unknown = root.iter().flat_map(Node::entries).find(|(key, _)| key.text != "kafka");
    if let Some((key, _)) = unknown {
        return Err(format!("unknown key `{}`: there is `kafka`", key.text));
    }
    let Some(kafka) = root.and_then(|mut root| root.take("kafka")) else { return Ok(None) };
    let other = kafka.entries().iter().find(|(key, _)| !CONNECTION.contains(&key.text.as_str()));
    if let Some((key, _)) = other {
        return Err(format!(
            "unknown key `kafka.{}`: there are {}",
            key.text,
            CONNECTION.map(|key| format!("`{key}`")).join(", ")
        ));
    }
    match value(&kafka) {
        Value::Object(kafka) if kafka.contains_key("brokers") => Ok(Some(kafka)),
        _ => {
            Err("`kafka` is a map with `brokers`, and what else a connection needs: `sasl`, `tls`, `librdkafka`".into())
        }
    }
}

/// As it is written, placeholders and all.
pub(super) fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar(scalar) => Value::from(scalar.written()),
        Kind::Seq(items, _) => items.iter().map(value).collect(),
        Kind::Map(entries, _) => entries.iter().map(|(key, inner)| (key.text.clone(), value(inner))).collect(),
        Kind::Bad => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let kafka = read(text).map(|kafka| kafka.map_or("-".to_owned(), |kafka| Value::Object(kafka).to_string()));
        assert_eq!(kafka.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn kafka_is_named_with_what_its_connection_needs() {
        check(
            "kafka: {brokers: 'a:1', sasl: {username: '${env:HOME}'}}",
            Ok(r#"{"brokers":"a:1","sasl":{"username":"${env:HOME}"}}"#),
        );
        check("# nothing\n", Ok("-"));
        check(
            "kafka: {tls: {}}",
            Err("`kafka` is a map with `brokers`, and what else a connection needs: `sasl`, `tls`, `librdkafka`"),
        );
        check(
            "kafka: {brokers: 'a:1', foo: 1}",
            Err("unknown key `kafka.foo`: there are `brokers`, `tls`, `sasl`, `librdkafka`"),
        );
        check("kafak: {}", Err("unknown key `kafak`: there is `kafka`"));
    }
}
