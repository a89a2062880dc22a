//! Pipelines as JSON.

use std::sync::atomic::Ordering::Relaxed;

use catchwater_engine::spec::Component;
use schemars::JsonSchema;
use serde::Serialize;

use crate::server::{Described, Origin, Wanted};
use crate::time::told;

/// A pipeline in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Overview {
    /// Its name.
    name: String,
    /// `running`, `paused`, `stopped`, `starting`, `stopping`, `recovering`, `failed` or `ended`.
    state: &'static str,
    /// What somebody wants.
    wanted: Wanted,
    /// Why it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How often in a row it failed.
    attempts: u32,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<String>,
    /// Why its last change was put back; what runs is then what ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    put_back: Option<String>,
    /// The file that it stands in; null for one that was made through the API.
    file: Option<String>,
    /// The connector of its source.
    source: String,
    /// The connectors of its sinks.
    sinks: Vec<String>,
    /// How many copies run, when it does.
    tasks: u16,
}

/// A pipeline as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Whole {
    #[serde(flatten)]
    overview: Overview,
    /// Everything that it is made of, in the order of its document.
    components: Vec<Part>,
    /// The text of the file that it stands in, secrets starred out.
    document: String,
}

/// A component.
#[derive(Debug, Serialize, JsonSchema)]
struct Part {
    /// Its name within the pipeline.
    name: String,
    /// `source`, `transform` or `sink`.
    role: String,
    /// The connector.
    #[serde(rename = "type")]
    type_name: String,
}

/// How a pipeline does.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    #[serde(flatten)]
    overview: Overview,
    /// Records read since the server started.
    records: u64,
    /// Their keys and payloads.
    bytes: u64,
    /// Records dropped on purpose.
    dropped: u64,
    /// Records that became dead letters.
    dead_lettered: u64,
    /// Records behind the end of the source, where that is known.
    lag: Option<u64>,
    /// When positions were last committed.
    committed: Option<String>,
    /// Components that wait for another system, and why.
    waits: Vec<Waiting>,
}

/// A component that waits for another system.
#[derive(Debug, Serialize, JsonSchema)]
struct Waiting {
    component: String,
    reason: String,
}

impl From<&Described> for Overview {
    fn from(pipeline: &Described) -> Overview {
        let spec = &pipeline.planned.spec;
        let condition = &pipeline.condition;
        Overview {
            name: spec.name.clone(),
            state: pipeline.state(),
            wanted: pipeline.wanted.told(),
            reason: condition.reason.clone(),
            attempts: condition.attempts,
            next_try: condition.next_try_micros.and_then(told),
            put_back: pipeline.put_back.clone(),
            file: match &pipeline.origin {
                Origin::File(file) => Some(file.display().to_string()),
                Origin::Api => None,
            },
            source: spec.source.type_name.clone(),
            sinks: spec.sinks.iter().map(|sink| sink.component.type_name.clone()).collect(),
            tasks: pipeline.planned.tasks,
        }
    }
}

impl From<&Described> for Whole {
    fn from(pipeline: &Described) -> Whole {
        let spec = &pipeline.planned.spec;
        Whole {
            overview: pipeline.into(),
            components: spec.components().map(Part::from).collect(),
            document: spec.place.file().text().to_owned(),
        }
    }
}

impl From<&Component> for Part {
    fn from(component: &Component) -> Part {
        Part { name: component.name.clone(), role: component.role.to_string(), type_name: component.type_name.clone() }
    }
}

impl From<&Described> for Health {
    fn from(pipeline: &Described) -> Health {
        let status = &pipeline.status;
        let waits = status.troubles().into_iter().map(|(component, reason)| Waiting { component, reason });
        Health {
            overview: pipeline.into(),
            records: status.read.load(Relaxed),
            bytes: status.read_bytes.load(Relaxed),
            dropped: status.dropped.load(Relaxed),
            dead_lettered: status.dead_lettered.load(Relaxed),
            lag: status.lag(),
            committed: told(status.committed_micros.load(Relaxed)),
            waits: waits.collect(),
        }
    }
}
