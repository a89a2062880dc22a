//! Documents with mistakes, and what is said about them. The catalog is one of drawings: small connectors with one key of
//! each kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use catchwater_query::Query;
use catchwater_sdk::config::{Catalog, Duration, Environment, Problem, Role, Secret, Size, Template, schema_of};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::*;

mod cases;
mod editor;
mod files;
mod fuzz;
mod routes;
mod trials;

/// Records of a Kafka cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct KafkaSource {
    /// Where the cluster is.
    #[schemars(extend("x-names" = ["bootstrap.servers", "seed_brokers", "addresses"]))]
    brokers: String,
    /// Topics, or patterns of their names.
    topics: Vec<String>,
    #[schemars(extend("x-names" = ["group.id", "consumer_group"]))]
    group: Option<String>,
    #[serde(default)]
    start: Start,
    #[serde(default)]
    follow: bool,
    password: Option<Secret>,
    #[serde(default)]
    librdkafka: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Start {
    /// From the first record.
    #[default]
    Earliest,
    /// From now on.
    Latest,
}

/// Keeps records that match.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Filter {
    /// The query.
    r#where: Query,
    fields: Option<Vec<String>>,
}

/// Archives records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Lake {
    /// Where the tables are.
    path: String,
    collection: Option<Template>,
    /// Writers in parallel.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    writers: Option<u16>,
    #[schemars(extend("x-min" = "1MiB", "x-names" = ["flush_size"]))]
    file_size: Option<Size>,
    commit_interval: Option<Duration>,
}

/// Sends records to a topic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct KafkaSink {
    brokers: String,
    /// The topic, which may differ from record to record.
    topic: Template,
}

/// The connectors of these tests.
struct Drawn(BTreeMap<(Role, &'static str), Value>);

impl Drawn {
    fn new() -> Drawn {
        Drawn(BTreeMap::from([
            ((Role::Source, "kafka"), schema_of::<KafkaSource>()),
            ((Role::Transform, "filter"), schema_of::<Filter>()),
            ((Role::Sink, "lake"), schema_of::<Lake>()),
            ((Role::Sink, "kafka"), schema_of::<KafkaSink>()),
            ((Role::Format, "json"), Value::Null),
        ]))
    }
}

impl Catalog for Drawn {
    fn schema(&self, role: Role, type_name: &str) -> Option<&Value> {
        self.0.iter().find(|((of, name), _)| *of == role && *name == type_name).map(|(_, schema)| schema)
    }

    fn names(&self, role: Role) -> Vec<&str> {
        self.0.keys().filter(|(of, _)| *of == role).map(|(_, name)| *name).collect()
    }
}

struct Fixed;

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        Ok((name == "PW").then(|| "hunter2".to_owned()))
    }

    fn file(&self, path: &str) -> Result<String, Problem> {
        Err(Problem::new(format!("cannot read `{path}`")))
    }
}

/// Loads texts as files of one folder, named `0.yaml`, `1.yaml` and so on.
fn load_texts(texts: &[&str]) -> Result<Vec<Pipeline>, Mistakes> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{index}.yaml")), text).expect("write a file");
    }
    load_with(&[folder.path().to_owned()], &Drawn::new(), &Fixed)
}

fn load_path(path: PathBuf) -> Result<Vec<Pipeline>, Mistakes> {
    load_with(&[path], &Drawn::new(), &Fixed)
}

/// A mistake as `line:column key: message [help]`.
fn told(located: &Located) -> String {
    let (line, column) = located.file.line_and_column(located.mistake.span.start);
    let help = located.mistake.help.as_deref().map(|help| format!(" [{help}]")).unwrap_or_default();
    format!("{line}:{column} {}{help}", located.mistake)
}
