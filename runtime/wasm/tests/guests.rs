//! The example plugins, built from their source, in pipelines that the real engine runs. `tests/run` builds them and names
//! their folder in `CATCHWATER_PLUGINS`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catchwater_engine::plan::{Plan, plan};
use catchwater_engine::spec::Mistakes;
use catchwater_engine::topology::{Host, Topology};
use catchwater_sdk::clock::SystemClock;
use catchwater_sdk::config::parse;
use catchwater_sdk::conformance::{
    self,
    doubles::{MemoryLog, MemoryStore, Opaque},
};
use catchwater_sdk::{Context, ErrorKind, Registry, Result};
use catchwater_wasm::{Places, Plugins};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Two sources of the same records, and what comes of them.
struct Scene {
    log: MemoryLog,
    stored: MemoryStore,
    other: MemoryStore,
    letters: MemoryStore,
    folder: tempfile::TempDir,
}

const SETTINGS: &str = "checkpoint_interval: 10ms\nidle: 20ms\nsource: {type: log, format: opaque}\n";

impl Scene {
    fn new(payloads: &[&str]) -> Scene {
        let log = MemoryLog::default();
        payloads.iter().for_each(|payload| log.append(0, Some(payload.as_bytes())));
        log.end();
        let [stored, other, letters] = [(); 3].map(|()| MemoryStore::transactional());
        Scene { log, stored, other, letters, folder: tempfile::tempdir().expect("a folder") }
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::new();
        let log = self.log.clone();
        registry.source("log", move |_: Nothing, _| Ok(log.source()));
        for (name, store) in [("stored", &self.stored), ("other", &self.other), ("letters", &self.letters)] {
            let store = store.clone();
            registry.sink(name, move |_: Nothing, _| Ok(store.sink()));
        }
        registry.format(Opaque);
        catchwater_wasm::register(&mut registry, &Arc::new(Plugins::new(self.places())));
        registry
    }

    fn places(&self) -> Places {
        let plugins =
            std::env::var_os("CATCHWATER_PLUGINS").expect("`tests/run` builds the plugins and names their folder");
        Places { plugins: plugins.into(), data: self.folder.path().to_owned() }
    }

    fn plan(&self, text: &str) -> std::result::Result<Plan, Mistakes> {
        let path: PathBuf = self.folder.path().join("pipeline.yaml");
        std::fs::write(&path, text).expect("it can be written");
        plan(&[path], &self.registry())
    }

    /// Runs these pipelines to their ends, and says how each ended.
    async fn run_all(&self, text: &str) -> Vec<(String, Result<()>)> {
        let plan = self.plan(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let host = Host {
            data_dir: self.folder.path().into(),
            instance: "test".into(),
            memory_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
            give_back: || {},
        };
        let mut topology = Topology::new(Arc::new(self.registry()), host);
        topology.apply(&plan).await;
        tokio::time::timeout(Duration::from_secs(120), topology.ended()).await.expect("it ends in time")
    }

    /// Runs records through a step; how the pipeline ended.
    async fn run(&self, step: &str) -> Result<()> {
        self.run_all(&pipeline("p", step, "stored")).await.remove(0).1
    }

    /// The reasons of the dead letters.
    fn reasons(&self) -> Vec<String> {
        let letters = self.letters.records();
        let headers = letters.iter().flat_map(|letter| &letter.headers);
        let reasons = headers.filter(|(name, _)| name == "catchwater.reason").filter_map(|(_, value)| value.as_deref());
        reasons.map(|reason| String::from_utf8_lossy(reason).into_owned()).collect()
    }
}

fn pipeline(name: &str, step: &str, sink: &str) -> String {
    format!(
        "name: {name}\n{SETTINGS}transforms: [{{type: wasm, {step}}}]\nsinks: [{{type: {sink}}}]\ndead_letters: {{type: letters}}\n"
    )
}

fn payloads(store: &MemoryStore) -> Vec<String> {
    let text = |payload: Option<Vec<u8>>| String::from_utf8_lossy(&payload.unwrap_or_default()).into_owned();
    store.records().into_iter().map(|record| text(record.payload)).collect()
}

#[tokio::test]
async fn a_plugin_replaces_keeps_and_rejects() {
    let lines = [r#"{"a":{"b":"secret"},"n":1.50}"#, r#"{"n":2}"#, "not JSON", r#"{"a":[{"b":"x"},{"c":1}]}"#];
    let scene = Scene::new(&lines);
    scene.run("plugin: mask, config: {fields: [a.b]}").await.expect("it ends well");
    let expected = [r#"{"a":{"b":"***"},"n":1.50}"#, r#"{"n":2}"#, r#"{"a":[{"b":"***"},{"c":1}]}"#];
    assert_eq!(payloads(&scene.stored), expected);
    assert_eq!(payloads(&scene.letters), ["not JSON"]);
    assert!(scene.reasons()[0].starts_with("the payload is not JSON"), "{:?}", scene.reasons());
}

/// One is larger than what a plugin has that may take 8 MiB and masks `b`, which leaves it as it is.
fn with_one_large() -> Vec<String> {
    let mut lines: Vec<_> = (0..100).map(|number| format!("{{\"a\":{number}}}")).collect();
    lines[70] = format!("{{\"a\":\"{}\",\"b\":\"***\"}}", "x".repeat(6_000_000));
    lines
}

#[tokio::test]
async fn a_record_that_breaks_the_plugin_off_is_found_and_the_others_go_on_in_their_order() {
    let lines = with_one_large();
    let scene = Scene::new(&Vec::from_iter(lines.iter().map(String::as_str)));
    scene.run("plugin: mask, config: {fields: [b]}, memory_max: 8MiB").await.expect("it ends well");
    let expected: Vec<_> = lines.iter().filter(|line| line.len() < 100).cloned().collect();
    assert_eq!(payloads(&scene.stored), expected);
    assert_eq!(scene.reasons(), ["plugin.trap: plugin mask: it asked for more than 8 MiB of memory (`memory_max`)"]);
}

#[tokio::test]
async fn a_plugin_that_breaks_off_too_often_stops_its_own_pipeline_only() {
    let lines = with_one_large();
    let scene = Scene::new(&Vec::from_iter(lines.iter().map(String::as_str)));
    let bad = pipeline("bad", "plugin: mask, config: {fields: [b]}, memory_max: 8MiB, failures_max: 0", "stored");
    let good = pipeline("good", "plugin: mask, config: {fields: [b]}", "other");
    let ended = scene.run_all(&format!("{bad}---\n{good}")).await;
    let of = |name: &str| &ended.iter().find(|(ended, _)| ended == name).expect("it ran").1;
    let error = of("bad").as_ref().expect_err("it stops");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("(`failures_max`); the last is log[0] at 70"), "{error}");
    of("good").as_ref().expect("it goes on");
    assert_eq!(payloads(&scene.other), lines);
}

#[tokio::test]
async fn a_plugin_with_a_memory_adds_what_earlier_events_said() {
    let lines = [r#"{"id":1,"name":"Ann"}"#, r#"{"id":2}"#, r#"{"id":1}"#];
    let scene = Scene::new(&lines);
    scene.run("plugin: enrich, config: {by: id, remember: name, into: who}").await.expect("it ends well");
    assert_eq!(payloads(&scene.stored), [lines[0], lines[1], r#"{"id":1,"who":"Ann"}"#]);
}

#[test]
fn mistakes_in_a_plugins_configuration_are_found_before_anything_starts() {
    let scene = Scene::new(&[]);
    let check = |step: &str, phrases: &[&str]| {
        let report = scene.plan(&pipeline("p", step, "stored")).expect_err("it is wrong").to_string();
        phrases.iter().for_each(|phrase| assert!(report.contains(phrase), "{report}"));
    };
    check("plugin: mask, config: {fields: [{}]}", &["transforms[0].config.fields[0]: invalid type", "yaml:5:"]);
    check("plugin: mask, config: {feilds: [a]}", &["transforms[0].config", "unknown field `feilds`", "`fields`"]);
    check("plugin: mask, config: {fields: [a..b]}", &["transforms[0].config.fields[0]: has an empty part", "yaml:5:"]);
    check("plugin: mask", &["transforms[0].config: missing field `fields`"]);
    check("plugin: maks", &["transforms[0].plugin: there is no", "did you mean `mask`?"]);
    check("plugin: mask, memory_max: 1KiB", &["transforms[0].memory_max"]);
}

#[test]
fn the_examples_keep_the_contract_of_a_transform() {
    let scene = Scene::new(&[]);
    let registry = scene.registry();
    for step in [
        "{plugin: refine}",
        "{plugin: mask, config: {fields: [customer.email]}}",
        "{plugin: enrich, config: {by: id, remember: amount, into: x}}",
    ] {
        let node = parse(step).documents.remove(0).root;
        let context = Context::unattached("test", PathBuf::new());
        conformance::transform(|| registry.build_transform("wasm", &node, &context).expect("it is sound"), None);
    }
}

#[test]
fn a_plugin_says_what_it_is() {
    let plugin = Plugins::new(Scene::new(&[]).places()).load("enrich").expect("it is sound");
    assert_eq!(plugin.title(), ("enrich", "0.1.0"));
    assert_eq!(plugin.summary(), "Adds to each event what an earlier event of the same key said");
    assert_eq!(plugin.state_version(), 1);
    assert!(plugin.config_schema().contains("is remembered"), "{}", plugin.config_schema());
    assert!(plugin.imports().iter().all(|import| import.starts_with("catchwater:plugin/")), "{:?}", plugin.imports());
}

/// What these tests start to compile a plugin is they once more, and this one of them.
#[test]
fn compile_worker() {
    if catchwater_wasm::worker().is_some() {
        std::process::exit(0);
    }
}
