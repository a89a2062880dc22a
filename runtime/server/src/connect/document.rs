//! A configuration in Kafka Connect's form becomes the document of a pipeline, which is then read, checked and kept as any
//! other. The keys are remembered by the paths at which they were put, so that a mistake is told of the key.

use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};
use serde_json::{Map, Value, json};

use super::class::Class;
use super::common::{self, Takes};
use super::flat::Flat;
use super::invalid::Invalid;
use super::keys::{put, resolve, value};

/// How values are read, and whether they are in an envelope with their schema.
const CONVERTER: &str = "value.converter";
const ENVELOPE: &str = "value.converter.schemas.enable";

/// Stands for a topic that was not named, so that the pipeline is checked for all else.
const UNKNOWN: &str = "unknown";

/// What a server has for connectors.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) registry: &'a Registry,
    /// The settings of its Kafka: `brokers`, and what else a connection needs.
    pub(crate) kafka: Option<&'a Map<String, Value>>,
}

/// The document of a pipeline, and what is wrong already.
pub(crate) struct Made {
    pub(crate) document: Value,
    pub(crate) wrong: Vec<Invalid>,
    paths: Vec<(String, String)>,
    class: Class,
    aliases: Vec<String>,
    /// The settings of the server's Kafka that are in it.
    settings: Vec<String>,
}

struct Maker<'a> {
    flat: &'a Flat,
    world: World<'a>,
    class: &'a Class,
    pipeline: Map<String, Value>,
    /// The connector itself, and Kafka on its other side.
    own: Map<String, Value>,
    kafka: Map<String, Value>,
    transforms: Vec<Map<String, Value>>,
    dead_letters: Option<Map<String, Value>>,
    paths: Vec<(String, String)>,
    wrong: Vec<Invalid>,
}

/// Makes the document of the connector of this name.
pub(crate) fn make(name: &str, flat: &Flat, class: &Class, world: World<'_>) -> Made {
    let mut maker = Maker {
        flat,
        world,
        class,
        pipeline: Map::from_iter([("name".to_owned(), json!(literal(name))), ("tasks".to_owned(), json!("1"))]),
        own: Map::from_iter([("type".to_owned(), json!(class.type_name))]),
        kafka: Map::new(),
        transforms: Vec::new(),
        dead_letters: None,
        paths: Vec::new(),
        wrong: Vec::new(),
    };
    maker.kafka = maker.connection();
    maker.paths.extend([("name", "name"), ("tasks", "tasks.max")].map(|(path, key)| (path.to_owned(), key.to_owned())));
    maker.kafka_side(name);
    maker.converter();
    maker.transforms();
    flat.iter().for_each(|(key, text)| maker.key(key, text));
    maker.errors();
    maker.made()
}

// === impl Maker ===

impl Maker<'_> {
    fn is_source(&self) -> bool {
        self.class.role == Role::Source
    }

    /// A component of the server's Kafka.
    fn connection(&mut self) -> Map<String, Value> {
        let Some(kafka) = self.world.kafka else {
            let why = "The server has no Kafka: set `kafka.brokers` in its catchwater.yaml";
            self.wrong.push(Invalid::new("connector.class", why));
            return Map::new();
        };
        let mut connection = kafka.clone();
        connection.insert("type".to_owned(), json!("kafka"));
        connection
    }

    fn kafka_side(&mut self, name: &str) {
        if self.is_source() {
            match self.flat.get("topic") {
                Some(topic) => self.put_kafka("topic", "topic", json!(topic)),
                None => {
                    self.wrong.push(Invalid::missing("topic"));
                    self.put_kafka("topic", "topic", json!(UNKNOWN));
                }
            }
            return;
        }
        self.kafka.insert("group".to_owned(), json!(format!("connect-{}", literal(name))));
        self.kafka.insert("start".to_owned(), json!("earliest"));
        let (topics, regex) = (self.flat.list("topics"), self.flat.get("topics.regex").unwrap_or_default());
        let both = ["topics", "topics.regex"];
        match (topics.is_empty(), regex.is_empty()) {
            (false, true) => return self.put_kafka("topics", "topics", json!(topics)),
            // There a name has to match from its first letter to its last.
            (true, false) => return self.put_kafka("topics", "topics.regex", json!([format!("^({regex})$")])),
            (true, true) => {
                let why = "Must configure one of topics or topics.regex";
                self.wrong.extend(both.map(|key| Invalid::new(key, why)));
            }
            (false, false) => {
                let why = "topics and topics.regex are mutually exclusive options, but both are set.";
                self.wrong.extend(both.map(|key| Invalid::new(key, why)));
            }
        }
        self.put_kafka("topics", "topics", json!([UNKNOWN]));
    }

    fn put_kafka(&mut self, setting: &str, key: &str, value: Value) {
        let place = if self.is_source() { "sinks[0]" } else { "source" };
        self.paths.push((format!("{place}.{setting}"), key.to_owned()));
        self.kafka.insert(setting.to_owned(), value);
    }

    /// Remembers where a key was put. Where another has said the same already, only one of them would be heeded.
    fn placed(&mut self, path: String, key: &str, is_first: bool) {
        let overlaps = |at: &str| is_within(&path, at) || is_within(at, &path);
        if !is_first && let Some((_, other)) = self.paths.iter().find(|(at, _)| overlaps(at)) {
            self.wrong.push(Invalid::said_twice(key, other));
        }
        self.paths.push((path, key.to_owned()));
    }

    fn key(&mut self, key: &str, text: &str) {
        if let Some(common) = common::find(key, self.is_source()) {
            return match common.takes {
                Takes::Meaning => self.meaning(key, text),
                Takes::Empty(_) if text.trim().is_empty() => {}
                Takes::Only(those) if those.contains(&text) => {}
                Takes::Only(those) if common.kind == "BOOLEAN" && those.contains(&switch(text).as_str()) => {}
                Takes::Only(those) => self.wrong.push(Invalid::not_among(key, text, common.kind, those)),
                Takes::Empty(why) | Takes::Nothing(why) => self.wrong.push(Invalid::unsupported(key, text, why)),
            };
        }
        if key.starts_with("transforms.") {
            return;
        }
        if let Some(property) = key.strip_prefix(client_prefix(self.class.role)) {
            return self.client(key, property, text);
        }
        self.setting(key, text);
    }

    fn client(&mut self, key: &str, property: &str, text: &str) {
        match property {
            "group.id" if text.trim().is_empty() => {
                self.wrong.push(Invalid::value(key, text, "String may not be empty"));
            }
            "group.id" => self.put_kafka("group", key, json!(text)),
            "auto.offset.reset" => self.put_kafka("start", key, json!(text)),
            _ => {
                let place = if self.is_source() { "sinks[0]" } else { "source" };
                self.paths.push((format!("{place}.librdkafka.{property}"), key.to_owned()));
                put(&mut self.kafka, &["librdkafka", property], json!(text));
            }
        }
    }

    fn meaning(&mut self, key: &str, text: &str) {
        match key {
            "tasks.max" => self.tasks(text),
            "errors.retry.delay.max.ms" => match text.parse::<u64>() {
                Ok(milliseconds) => {
                    let is_first = put(&mut self.pipeline, &["retry", "max"], json!(format!("{milliseconds}ms")));
                    self.placed("retry.max".to_owned(), key, is_first);
                }
                Err(_) => self.wrong.push(Invalid::value(key, text, "Not a number of type LONG")),
            },
            "errors.tolerance" if !["none", "all"].contains(&text) => {
                self.wrong.push(Invalid::value(key, text, "String must be one of: none, all"));
            }
            _ => {}
        }
    }

    fn tasks(&mut self, text: &str) {
        match text.trim().parse::<i32>() {
            Ok(tasks) if tasks >= 1 => drop(self.pipeline.insert("tasks".to_owned(), json!(tasks.to_string()))),
            Ok(_) => self.wrong.push(Invalid::value("tasks.max", text, "Value must be at least 1")),
            Err(_) => {
                self.wrong.push(Invalid::value("tasks.max", text, "Not a number of type INT"));
                self.wrong.push(Invalid::value("tasks.max", "null", "Value must be non-null"));
            }
        }
    }

    /// A setting of the connector itself, or of its pipeline.
    fn setting(&mut self, key: &str, text: &str) {
        let registry = self.world.registry;
        let schema = registry.schema(self.class.role, &self.class.type_name).unwrap_or(&Value::Null);
        let place = if self.is_source() { "source" } else { "sinks[0]" };
        if let Some((path, schema)) = resolve(key, schema) {
            let is_first = put(&mut self.own, &path, value(text, schema));
            return self.placed(format!("{place}.{}", path.join(".")), key, is_first);
        }
        match key {
            "when" if !self.is_source() => {
                self.paths.push((format!("{place}.when"), key.to_owned()));
                self.own.insert("when".to_owned(), json!(text));
                // The others are not for this connector.
                self.pipeline.insert("unmatched".to_owned(), json!("drop"));
            }
            "checkpoint_interval" | "idle" | "drain_timeout" | "retry.initial" | "retry.max" | "retry.attempts" => {
                let is_first = put(&mut self.pipeline, &key.split('.').collect::<Vec<_>>(), json!(text));
                self.placed(key.to_owned(), key, is_first);
            }
            _ => self.wrong.push(Invalid::undefined(key)),
        }
    }

    /// What `JsonConverter` asks of the values that a sink connector is given: that they are JSON, and by default in an envelope
    /// with a schema, of which the payload is what counts.
    fn converter(&mut self) {
        if self.flat.get(CONVERTER) != Some(common::JSON) {
            return;
        }
        let is_in_envelope = self.flat.get(ENVELOPE).is_none_or(|text| switch(text) != "false");
        if self.is_source() && is_in_envelope {
            let why = format!("no envelope with a schema is put around values: say {ENVELOPE}=false");
            return self.wrong.push(Invalid::unsupported(CONVERTER, common::JSON, &why));
        }
        if self.is_source() {
            return;
        }
        let step = match is_in_envelope {
            true => json!({"name": CONVERTER, "type": "extract", "field": "payload", "beside": ["schema"]}),
            false => json!({"name": CONVERTER, "type": "require"}),
        };
        self.transforms.extend(step.as_object().cloned());
        self.paths.push(("transforms[0]".to_owned(), CONVERTER.to_owned()));
    }

    fn transforms(&mut self) {
        let mut aliases: Vec<&str> = Vec::new();
        for alias in self.flat.list("transforms") {
            if aliases.contains(&alias) {
                self.wrong.push(Invalid::value("transforms", alias, "Duplicate alias provided."));
                continue;
            }
            aliases.push(alias);
            self.transform(alias);
        }
        let strays =
            self.flat.within("transforms.").filter(|(rest, _)| !aliases.iter().any(|alias| is_of(rest, alias)));
        self.wrong.extend(strays.map(|(rest, _)| Invalid::undefined(&format!("transforms.{rest}"))));
    }

    fn transform(&mut self, alias: &str) {
        let number = self.transforms.len();
        let prefix = format!("transforms.{alias}.");
        let mut transform = Map::from_iter([("name".to_owned(), json!(alias))]);
        let type_key = format!("{prefix}type");
        self.paths.push((format!("transforms[{number}].name"), "transforms".to_owned()));
        let Some(type_name) = self.flat.get(&type_key) else { return self.wrong.push(Invalid::missing(&type_key)) };
        let registry = self.world.registry;
        let Some(schema) = registry.schema(Role::Transform, type_name) else {
            return self.wrong.push(Invalid::no_class(&type_key, type_name));
        };
        transform.insert("type".to_owned(), json!(type_name));
        for (setting, text) in self.flat.within(&prefix) {
            let key = format!("{prefix}{setting}");
            let mut is_first = true;
            match (setting, resolve(setting, schema)) {
                ("type", _) => {}
                ("predicate" | "negate", None) => {
                    self.wrong.push(Invalid::unsupported(&key, text, &format!("give `{prefix}when`, a query")));
                }
                ("when" | "on_error", None) => drop(transform.insert(setting.to_owned(), json!(text))),
                (_, Some((path, schema))) => is_first = put(&mut transform, &path, value(text, schema)),
                (_, None) => self.wrong.push(Invalid::undefined(&key)),
            }
            self.placed(format!("transforms[{number}].{setting}"), &key, is_first);
        }
        self.transforms.push(transform);
    }

    /// What becomes of records that cannot be processed or stored.
    fn errors(&mut self) {
        let tolerated = self.flat.get("errors.tolerance") == Some("all");
        let queue = self.flat.get("errors.deadletterqueue.topic.name").filter(|name| !name.is_empty());
        match queue {
            Some(topic) if tolerated => {
                let mut letters = self.world.kafka.cloned().unwrap_or_default();
                letters.extend([("type".to_owned(), json!("kafka")), ("topic".to_owned(), json!(topic))]);
                self.dead_letters = Some(letters);
            }
            Some(topic) => {
                let why = "there are dead letters only with errors.tolerance=all";
                self.wrong.push(Invalid::unsupported("errors.deadletterqueue.topic.name", topic, why));
            }
            None if tolerated => {
                for component in [&mut self.own, &mut self.kafka].into_iter().chain(&mut self.transforms) {
                    component.entry("on_error").or_insert_with(|| json!("drop"));
                }
            }
            None => {}
        }
    }

    fn made(self) -> Made {
        let (source, sink) = if self.is_source() { (self.own, self.kafka) } else { (self.kafka, self.own) };
        let mut document = self.pipeline;
        let aliases = self.transforms.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
        document.insert("source".to_owned(), Value::Object(source));
        if !self.transforms.is_empty() {
            document.insert("transforms".to_owned(), self.transforms.into_iter().map(Value::Object).collect());
        }
        document.insert("sinks".to_owned(), json!([sink]));
        if let Some(letters) = self.dead_letters {
            document.insert("dead_letters".to_owned(), Value::Object(letters));
        }
        Made {
            document: Value::Object(document),
            wrong: self.wrong,
            paths: self.paths,
            class: self.class.clone(),
            aliases,
            settings: self.world.kafka.into_iter().flat_map(Map::keys).cloned().collect(),
        }
    }
}

/// What stands before the properties of the client on Kafka's side.
pub(crate) fn client_prefix(role: Role) -> &'static str {
    if role == Role::Source { "producer.override." } else { "consumer.override." }
}

/// A name of which no part stands for anything.
fn literal(name: &str) -> String {
    name.replace("${", "$${")
}

/// A BOOLEAN as it is meant.
fn switch(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whether what stands behind `transforms.` belongs to an alias.
fn is_of(rest: &str, alias: &str) -> bool {
    rest.strip_prefix(alias).is_some_and(|rest| rest.starts_with('.'))
}

// === impl Made ===

impl Made {
    /// The path of the document at which a key was put.
    pub(crate) fn path_of(&self, key: &str) -> Option<&str> {
        self.paths.iter().find(|(_, known)| known == key).map(|(path, _)| path.as_str())
    }

    /// The key that was put at a path of the document, or above it.
    fn said_at(&self, path: &str) -> Option<&str> {
        let known = self.paths.iter().filter(|(at, _)| is_within(path, at));
        known.max_by_key(|(at, _)| at.len()).map(|(_, key)| key.as_str())
    }

    /// The setting of the server's Kafka that stands at a path of the document, where no key of the connector does.
    pub(crate) fn setting_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        let kafka = if self.class.role == Role::Source { "sinks[0]." } else { "source." };
        let setting = path.strip_prefix(kafka).or_else(|| path.strip_prefix("dead_letters."))?;
        let is_there = self.settings.iter().any(|name| is_within(setting, name));
        (is_there && self.said_at(path).is_none()).then_some(setting)
    }

    /// The key that stands for a path of the document.
    pub(crate) fn key_of(&self, path: &str) -> String {
        if let Some(key) = self.said_at(path) {
            return key.to_owned();
        }
        let own = if self.class.role == Role::Source { "source." } else { "sinks[0]." };
        if let Some(setting) = path.strip_prefix(own) {
            return setting.to_owned();
        }
        match path.strip_prefix("transforms[").and_then(|rest| rest.split_once("].")) {
            Some((number, setting)) => {
                let alias = number.parse().ok().and_then(|number: usize| self.aliases.get(number));
                format!("transforms.{}.{setting}", alias.map_or(number, String::as_str))
            }
            None if path.starts_with("dead_letters") => "errors.deadletterqueue.topic.name".to_owned(),
            None => "connector.class".to_owned(),
        }
    }
}

/// Whether a path is another, or leads into what is there.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests;
