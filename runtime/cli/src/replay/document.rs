//! The pipeline that a command stands for. Its mistakes are told by flag: nobody has seen the document.

use std::hash::Hasher;
use std::path::Path;
use std::str::FromStr;

use catchwater_engine::plan::plan_pipelines;
use catchwater_engine::spec::{Mistakes, Pipeline, load_texts};
use catchwater_sdk::Registry;
use serde_json::{Map, Value, json};

use super::Arguments;
use super::destination::{Target, find, shown};

/// A replay that is ready to run.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) pipeline: Pipeline,
    /// As it was written, but for a password.
    pub(super) to: String,
    /// What is written to standard output is gone with its reader: such a job is never gone on with.
    pub(super) is_lasting: bool,
}

/// A part of a partition as it is written: `orders/0:100..200`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    stream: Option<String>,
    partition: i32,
    from: Option<i64>,
    to: Option<i64>,
}

pub(super) fn position_range(text: &str) -> Result<Range, String> {
    let range = || {
        let (partition, positions) = text.rsplit_once(':')?;
        let (stream, partition) = match partition.rsplit_once('/') {
            Some((stream, partition)) => (Some(stream.to_owned()), partition),
            None => (None, partition),
        };
        let (from, to) = positions.split_once("..")?;
        Some(Range { stream, partition: partition.parse().ok()?, from: optional(from)?, to: optional(to)? })
    };
    range().ok_or_else(|| "write it like 0:100..200, orders/0:100.. or 0:..200".to_owned())
}

fn optional(text: &str) -> Option<Option<i64>> {
    if text.is_empty() { Some(None) } else { i64::from_str(text).ok().map(Some) }
}

/// Reads what was asked for. Every mistake is a line that begins with its flag.
pub(super) fn job(arguments: &Arguments, registry: &Registry) -> Result<Job, Vec<String>> {
    let to = arguments.to.clone().unwrap_or_else(|| "stdout".to_owned());
    let target = Target::known(&to, registry).map_err(|mistake| vec![format!("--to: {mistake}")])?;
    let to = shown(&to);
    let (mut sink, named) = match target {
        Target::Sink(sink) => (sink, None),
        Target::Named(name) => (Map::from_iter([("type".to_owned(), json!("stdout"))]), Some(name)),
    };
    let is_lasting = named.is_some() || sink["type"] != "stdout";
    if arguments.partition_keep {
        if named.is_some() || sink["type"] != "kafka" {
            return Err(vec!["--partition-keep: only a kafka:// URL has partitions to keep".to_owned()]);
        }
        sink.insert("partition".to_owned(), json!("keep"));
    }
    let what = what(arguments).map_err(|mistake| vec![format!("--files: {mistake}")])?;
    let source = source(arguments, &what);
    let name = arguments.name.clone().unwrap_or_else(|| name(&what.collection, &source, &to));
    let document = json!({
        "name": name,
        "source": source,
        "sinks": [sink],
        "retry": { "attempts": arguments.attempts },
    });
    let text = document.to_string();
    let told = |mistakes: &Mistakes| by_flag(mistakes, &to);
    let mut pipelines =
        load_texts(&[(Path::new("command"), &text)], registry).map_err(|mistakes| told(&mistakes))?.pipelines;
    let mut pipeline = pipelines.remove(0);
    if let Some(name) = named {
        pipeline = pipeline.with_sink(find(&name, arguments, registry)?.sink);
    }
    plan_pipelines(vec![pipeline.clone()], registry).map_err(|mistakes| told(&mistakes))?;
    Ok(Job { name, pipeline, to, is_lasting })
}

/// A collection, and where it is.
#[derive(Debug, PartialEq)]
struct What {
    path: String,
    collection: String,
}

fn what(arguments: &Arguments) -> Result<What, String> {
    match (&arguments.files, &arguments.collection) {
        (None, collection) => {
            Ok(What { path: arguments.lake.clone(), collection: collection.clone().unwrap_or_default() })
        }
        (Some(folder), Some(collection)) => Ok(What { path: folder.clone(), collection: collection.clone() }),
        (Some(folder), None) => folder_of_files(folder),
    }
}

/// A collection is named by its folder.
fn folder_of_files(folder: &str) -> Result<What, String> {
    let is_url = folder.contains("://");
    let folder = match is_url {
        true => folder.to_owned(),
        false => std::path::absolute(folder).map_err(|error| error.to_string())?.display().to_string(),
    };
    let cut = folder.trim_end_matches('/').rsplit_once('/').filter(|(path, _)| !path.ends_with('/'));
    let (path, collection) =
        cut.ok_or("name the folder of a collection, such as s3://bucket/orders or ./lake/orders")?;
    let path = if path.is_empty() { "/" } else { path };
    Ok(What { path: path.to_owned(), collection: collection.to_owned() })
}

fn source(arguments: &Arguments, what: &What) -> Value {
    let text = |text: &str| Value::from(text.replace("${", "$${"));
    let mut source = Map::new();
    let mut set = |key: &str, value: Option<Value>| source.extend(value.map(|value| (key.to_owned(), value)));
    set("type", Some("replay".into()));
    set("path", Some(text(&what.path)));
    set("collection", Some(text(&what.collection)));
    set("query", arguments.query.as_ref().map(|query| text(query.as_str())));
    set("since", arguments.since.as_deref().map(text));
    set("until", arguments.until.as_deref().map(text));
    set("last", arguments.last.map(Value::from));
    set("limit", arguments.limit.map(Value::from));
    set("partitions", arguments.partitions.as_ref().map(|partitions| json!(partitions)));
    let range = |range: &Range| {
        let fields = [
            ("stream", range.stream.as_deref().map(text)),
            ("partition", Some(range.partition.into())),
            ("from", range.from.map(Value::from)),
            ("to", range.to.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Value>()
    };
    let positions: Vec<Value> = arguments.positions.iter().map(range).collect();
    set("positions", (!positions.is_empty()).then(|| positions.into()));
    set("rate", arguments.rate.map(|rate| written_rate(rate).into()));
    set("speed", arguments.speed.map(|speed| speed.to_string().into()));
    set("gap_max", arguments.gap_max.map(|gap| gap.to_string().into()));
    set("loop", arguments.rounds.map(|rounds| rounds.to_string().into()));
    for (key, is_set) in [
        ("files", arguments.files.is_some()),
        ("replayed", arguments.replayed),
        ("follow", arguments.follow),
        ("provenance", arguments.provenance),
        ("allow_loop", arguments.allow_loop),
    ] {
        set(key, is_set.then_some(Value::Bool(true)));
    }
    Value::Object(source)
}

fn written_rate(rate: catchwater_lake::replay::Rate) -> String {
    use catchwater_lake::replay::Rate;
    match rate {
        Rate::Records(by_second) => format!("{by_second}/s"),
        Rate::Bytes(by_second) => format!("{}B/h", (by_second * 3600.0).round()),
    }
}

/// What is sent and where to, but not how fast: an interrupted replay may go on at another pace.
fn name(collection: &str, source: &Value, to: &str) -> String {
    let mut what = source.clone();
    if let Value::Object(keys) = &mut what {
        for pace in ["rate", "speed", "gap_max"] {
            keys.remove(pace);
        }
        let path = keys.get("path").and_then(Value::as_str).unwrap_or_default();
        if let Ok(absolute) = std::path::absolute(path) {
            keys.insert("path".to_owned(), absolute.display().to_string().into());
        }
    }
    let mut hash = Fnv::default();
    hash.write(what.to_string().as_bytes());
    hash.write(to.as_bytes());
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let collection: String = collection.chars().take(60).map(safe).collect();
    format!("replay-{collection}-{:08x}", hash.finish() as u32)
}

/// FNV-1a, 64 bits: the same in every build, which the standard library does not promise of its own.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Mistakes by the flag whose value is to blame.
fn by_flag(mistakes: &Mistakes, to: &str) -> Vec<String> {
    let told = |located: &catchwater_engine::spec::Located| {
        let mistake = &located.mistake;
        let help = mistake.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        let key = mistake.key.as_deref().unwrap_or_default();
        match (key.strip_prefix("source."), key.strip_prefix("sinks[0]")) {
            (Some("path"), _) => format!("--lake: {}{help}", mistake.message),
            (Some("collection"), _) => format!("{}{help}", mistake.message),
            (Some(key), _) => format!("--{}: {}{help}", key.replace('_', "-"), mistake.message),
            (None, Some(key)) => {
                let key = key.trim_start_matches('.');
                let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
                format!("--to {to}: {key}{}{help}", mistake.message)
            }
            (None, None) => format!("--{key}: {}{help}", mistake.message),
        }
    };
    mistakes.list().iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_of_a_partition_and_open_at_either_end() {
        let range =
            |stream: Option<&str>, from, to| Range { stream: stream.map(str::to_owned), partition: 3, from, to };
        assert_eq!(position_range("3:100..200"), Ok(range(None, Some(100), Some(200))));
        assert_eq!(position_range("a/b/3:100.."), Ok(range(Some("a/b"), Some(100), None)));
        assert_eq!(position_range("3:..200"), Ok(range(None, None, Some(200))));
        for bad in ["3", "x:1..2", "3:1-2", "3:a..b"] {
            assert!(position_range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_those_of_a_folder() {
        let check = |folder: &str, path: &str, collection: &str| {
            let what = What { path: path.to_owned(), collection: collection.to_owned() };
            assert_eq!(folder_of_files(folder), Ok(what), "{folder}");
        };
        check("s3://bucket/orders", "s3://bucket", "orders");
        check("s3://bucket/lake/orders/", "s3://bucket/lake", "orders");
        check("/lake/orders", "/lake", "orders");
        check("/orders", "/", "orders");
        let here = std::env::current_dir().expect("a folder").display().to_string();
        check("orders", &here, "orders");
        for none in ["s3://bucket", "s3://bucket/", "/"] {
            assert!(folder_of_files(none).is_err(), "{none}");
        }
    }

    #[test]
    fn a_job_is_known_by_what_it_sends_and_where_to() {
        let source = |query: &str, rate: &str| json!({"path": "lake", "query": query, "rate": rate});
        let one = name("or ders", &source("a", "1/s"), "kafka://a");
        assert!(one.starts_with("replay-or-ders-"), "{one}");
        assert_eq!(one, name("or ders", &source("a", "2/s"), "kafka://a"), "the pace may change");
        assert_ne!(one, name("or ders", &source("b", "1/s"), "kafka://a"));
        assert_ne!(one, name("or ders", &source("a", "1/s"), "kafka://b"));
    }
}
