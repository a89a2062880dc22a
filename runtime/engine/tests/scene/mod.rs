//! A pipeline between a source and sinks in memory, run by the real engine.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use catchwater_engine::plan::{Plan, Planned, plan, plan_beside};
use catchwater_engine::spec::Mistakes;
use catchwater_engine::topology::{Host, Topology};
use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::clock::SystemClock;
use catchwater_sdk::config::ProcessEnvironment;
use catchwater_sdk::conformance::doubles::{MemoryLog, MemoryStore, Opaque, Stored};
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Context, Error, Record, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use tempfile::TempDir;

/// What stands at both ends of the pipeline, and outlives it.
pub(crate) struct Scene {
    pub(crate) log: MemoryLog,
    /// Stores positions with its records, as a lake does.
    pub(crate) lake: MemoryStore,
    /// Stores none, as a broker does.
    pub(crate) topic: MemoryStore,
    pub(crate) letters: MemoryStore,
    /// How often a source was built.
    pub(crate) sources: Arc<AtomicUsize>,
    folder: TempDir,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What a sink wants for itself, in its pipeline and in the process, and what it is made of.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Taker {
    what: Option<String>,
    port: Option<String>,
    /// A file that it is made of.
    file: Option<String>,
}

impl Taker {
    fn claim(self, context: &Context) {
        if let Some(what) = self.what {
            context.claim(Claim { what, within: Within::Pipeline, key: "what" });
        }
        if let Some(file) = self.file {
            context.reads(Path::new(&file));
        }
        if let Some(port) = self.port {
            context.claim(Claim { what: format!("the port {port}"), within: Within::Process, key: "port" });
        }
    }
}

const RETRY: &str = "retry: {initial: 1ms, max: 5ms}\n";

/// Rejects every record whose position is a multiple of three.
struct RejectThirds;

/// Gives every record another payload.
struct Mark;

/// Says nothing about the last record of a batch.
struct Forgetful;

/// Drops what it has seen, and remembers it only as long as it lives.
struct Once(HashSet<(i32, i64)>);

/// Gives every record its number, and remembers it.
struct Count(u64);

impl Scene {
    pub(crate) fn new(log: MemoryLog) -> Scene {
        Scene {
            log,
            lake: MemoryStore::transactional(),
            topic: MemoryStore::at_least_once(),
            letters: MemoryStore::transactional(),
            sources: Arc::default(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn registry(&self) -> Arc<Registry> {
        let mut registry = Registry::new();
        let (log, sources) = (self.log.clone(), Arc::clone(&self.sources));
        registry.source("log", move |_: Nothing, _| {
            sources.fetch_add(1, Relaxed);
            Ok(log.source())
        });
        for (name, store) in [("lake", &self.lake), ("topic", &self.topic), ("letters", &self.letters)] {
            let store = store.clone();
            registry.sink(name, move |_: Nothing, _| Ok(store.sink()));
        }
        let store = self.topic.clone();
        registry.sink("taker", move |taker: Taker, context| {
            taker.claim(context);
            Ok(store.sink())
        });
        registry.transform("reject-thirds", |_: Nothing, _| Ok(Box::new(RejectThirds)));
        registry.transform("mark", |_: Nothing, _| Ok(Box::new(Mark)));
        registry.transform("forgetful", |_: Nothing, _| Ok(Box::new(Forgetful)));
        registry.transform("once", |_: Nothing, _| Ok(Box::new(Once(HashSet::new()))));
        registry.transform("count", |_: Nothing, context| {
            let state = context.state.as_deref().map(|state| state.try_into().expect("eight bytes"));
            Ok(Box::new(Count(state.map_or(0, u64::from_le_bytes))))
        });
        registry.transform("forgets", |_: Nothing, context| match context.state {
            Some(_) => Err(Error::refused("it wants to remember nothing")),
            None => Ok(Box::new(Mark)),
        });
        registry.format(Opaque);
        Arc::new(registry)
    }

    /// Plans a pipeline out of the lines below its name and source.
    pub(crate) fn plan(&self, lines: &str) -> Plan {
        self.plan_with(RETRY, lines)
    }

    /// Plans this text as it is.
    pub(crate) fn try_plan(&self, text: &str) -> Result<Plan, Mistakes> {
        let path = self.folder.path().join("pipeline.yaml");
        std::fs::write(&path, text).expect("writes");
        plan(&[path], &self.registry())
    }

    /// Plans this text beside pipelines that stay.
    pub(crate) fn try_plan_beside(&self, text: &str, others: &[Arc<Planned>]) -> Result<Plan, Mistakes> {
        plan_beside(&[], &[(Path::new("beside.yaml"), text)], &self.registry(), &ProcessEnvironment, others)
    }

    fn plan_with(&self, retry: &str, lines: &str) -> Plan {
        let path = self.folder.path().join("pipeline.yaml");
        let quick = format!("checkpoint_interval: 10ms\nidle: 20ms\n{retry}");
        std::fs::write(&path, format!("name: p\nsource: {{type: log, format: opaque}}\n{quick}{lines}"))
            .expect("writes");
        plan(&[path], &self.registry()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// Nothing runs yet.
    pub(crate) fn topology(&self) -> Topology {
        let host = Host {
            data_dir: self.folder.path().into(),
            instance: "test".into(),
            memory_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
            give_back: || {},
        };
        Topology::new(self.registry(), host)
    }

    /// Starts a pipeline.
    pub(crate) async fn start(&self, lines: &str) -> Topology {
        let mut topology = self.topology();
        topology.apply(&self.plan(lines)).await;
        topology
    }

    /// Runs a pipeline that tries again as it says to its end.
    pub(crate) async fn run_with(&self, retry: &str, lines: &str) -> Result<()> {
        let mut topology = self.topology();
        topology.apply(&self.plan_with(retry, lines)).await;
        ended(topology).await
    }

    /// Runs a pipeline to its end.
    pub(crate) async fn run(&self, lines: &str) -> Result<()> {
        ended(self.start(lines).await).await
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }
}

/// Waits for the end of a topology of one pipeline.
pub(crate) async fn ended(topology: Topology) -> Result<()> {
    let outcomes = tokio::time::timeout(Duration::from_secs(20), topology.ended()).await.expect("it ends in time");
    outcomes.into_iter().next().expect("there is one pipeline").1
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain: {what}");
}

/// The positions that a store holds of a partition, in the order in which they came.
pub(crate) fn positions(store: &MemoryStore, partition: i32) -> Vec<i64> {
    let of = |stored: &Stored| (stored.partition.number == partition).then_some(stored.position);
    store.records().iter().filter_map(of).collect()
}

/// All positions of a partition of so many records, in order and once each.
pub(crate) fn all(records: i64) -> Vec<i64> {
    (0..records).collect()
}

// === impl Transform ===

impl Transform for RejectThirds {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            match record.position() % 3 {
                0 => out.reject(i, "a multiple of three"),
                _ => out.keep(i),
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Transform for Mark {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        (0..batch.len()).for_each(|i| out.replace(i, Record::payload(b"marked")));
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Transform for Once {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            match self.0.insert((record.partition().number, record.position())) {
                true => out.keep(i),
                false => out.drop_record(i),
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Transform for Count {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for i in 0..batch.len() {
            out.replace(i, Record::payload(self.0.to_string().as_bytes()));
            self.0 += 1;
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().into())
    }
}

impl Transform for Forgetful {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        (1..batch.len()).for_each(|i| out.keep(i - 1));
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}
