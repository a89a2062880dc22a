//! Runs the tests of a pipeline: its own transforms, conditions and branches over the records of the test.
//!
//! Architecture Invariant: nothing is contacted. Transforms are built, which touches nothing (Invariant 6); no source and no
//! sink is opened. What runs is what a task runs, its stages and its router, so that a test cannot be kinder than the task.

mod align;
mod compare;
mod show;

use std::path::Path;
use std::sync::Arc;

use catchwater_sdk::clock::SystemClock;
use catchwater_sdk::record::TimestampKind;
use catchwater_sdk::{Batch, BatchBuilder, Field, FieldKind, Limit, Partition, Record, Registry, Result, Timestamp};

use crate::blueprint::{Blueprint, Host};
use crate::plan::Planned;
use crate::spec::{Given, Named, Place, Trial};
use crate::status::Status;
use crate::task::{Routed, Stages, StepRejected};

/// The source that records of a test are of.
const SOURCE: &str = "test";

/// Something that came out otherwise than was expected.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What it is about, as in `lake, record 2`.
    pub about: String,
    /// What was expected, line by line; empty where nothing was.
    pub expected: String,
    /// What came, line by line; empty where nothing did.
    pub found: String,
    /// Where the expectation stands; the test itself where there was none.
    pub place: Place,
}

/// What came out of a pipeline.
struct Outcome {
    /// By the sinks' names.
    sinks: Vec<(String, Vec<Batch>)>,
    rejected: Vec<StepRejected>,
}

/// Runs a test, and answers in what it failed. An error is a transform's, and no outcome of the test.
pub fn run(trial: &Trial, planned: &Arc<Planned>, registry: &Arc<Registry>) -> Result<Vec<Difference>> {
    let outcome = outcome(trial, &blueprint(planned, registry))?;
    Ok(compare::compare(trial, &outcome))
}

fn blueprint(planned: &Arc<Planned>, registry: &Arc<Registry>) -> Blueprint {
    let host = Host {
        data_dir: Path::new("").into(),
        instance: SOURCE.into(),
        memory_bytes: 0,
        clock: Arc::new(SystemClock),
        give_back: || {},
    };
    Blueprint {
        planned: Arc::clone(planned),
        registry: Arc::clone(registry),
        host,
        status: Arc::new(Status::default()),
        number: 0,
        sink_memory_bytes: 0,
    }
}

fn outcome(trial: &Trial, blueprint: &Blueprint) -> Result<Outcome> {
    let spec = &blueprint.planned.spec;
    let mut rejected = Vec::new();
    let mut stages = Stages::new(blueprint.build_stages()?).handing_out();
    let mut router = blueprint.router();
    let mut sinks: Vec<_> = spec.sinks.iter().map(|sink| (sink.component.name.clone(), Vec::new())).collect();
    let branches = spec.sinks.iter().map(|sink| Ok(Stages::new(blueprint.build_branch(sink)?).handing_out()));
    let mut branches = branches.collect::<Result<Vec<_>>>()?;
    for batch in stages.apply(batch(trial, blueprint), &mut rejected)? {
        let Routed { to, rejected: unrouted, .. } = router.route(&batch);
        rejected.extend(unrouted);
        for ((batch, branch), (_, got)) in to.into_iter().zip(&mut branches).zip(&mut sinks) {
            if !batch.is_empty() {
                got.extend(branch.apply(batch, &mut rejected)?);
            }
        }
    }
    Ok(Outcome { sinks, rejected })
}

/// The records of a test, whose positions are their numbers from 0.
fn batch(trial: &Trial, blueprint: &Blueprint) -> Batch {
    let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    for (position, given) in (0..).zip(&trial.input) {
        let origin = batch.origin(&partition(given));
        let (headers, properties) = (fields(&given.headers), fields(&given.properties));
        let record = Record {
            payload: given.payload.as_deref(),
            key: given.key.as_deref(),
            headers: &headers,
            properties: &properties,
            timestamp: given.timestamp.map(|micros| Timestamp { micros, kind: TimestampKind::Create }),
            redelivered: false,
        };
        batch.push(origin, position, position + 1, record);
    }
    let batch = batch.finish();
    batch.set_format(blueprint.format());
    batch
}

fn partition(given: &Given) -> Arc<Partition> {
    Arc::new(Partition {
        source: SOURCE.into(),
        stream: given.stream.as_str().into(),
        incarnation: SOURCE.into(),
        number: given.partition,
    })
}

fn fields(fields: &[Named]) -> Vec<Field<'_>> {
    fields.iter().map(field).collect()
}

fn field(named: &Named) -> Field<'_> {
    Field { name: &named.name, value: named.value.as_deref(), kind: named.kind.unwrap_or(FieldKind::Bytes) }
}
