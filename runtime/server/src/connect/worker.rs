//! What a request is answered with: the server's pipelines as connectors.

use std::collections::BTreeSet;

use super::body::{ConnectorStatus, Info, Status, TaskId, TaskStatus};
use super::class::{Class, VERSION};
use super::cluster::Cluster;
use super::failure::Failure;
use super::flat::Flat;
use super::{kept, settings, show};
use crate::server::{Described, Server, Wanted};
use crate::wrong::Wrong;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::request::Parts;
use catchwater_engine::status::State;
use catchwater_sdk::config::{Node, Role};

/// The server, under the name by which the client knows it.
pub(crate) struct Worker {
    pub(crate) server: Server,
    /// Host and port, which is also the worker's id.
    pub(crate) id: String,
    cluster: Cluster,
}

impl FromRequestParts<Server> for Worker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Worker, Failure> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.map(str::to_owned).or_else(|| parts.uri.authority().map(ToString::to_string));
        let id = host.unwrap_or_else(|| "localhost".to_owned());
        let cluster = Extension::<Cluster>::from_request_parts(parts, server).await;
        let Extension(cluster) = cluster.map_err(|missing| Failure::internal(missing.body_text()))?;
        Ok(Worker { server: server.clone(), id, cluster })
    }
}

// === impl Worker ===

impl Worker {
    /// The pipeline of a connector, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<Described> {
        self.server.get(name).ok()
    }

    pub(crate) fn get(&self, name: &str) -> Result<Described, Failure> {
        self.find(name).ok_or_else(|| Failure::no_connector(name))
    }

    /// What it is, as its configuration says; else as it is made.
    pub(crate) fn class(&self, pipeline: &Described) -> Class {
        let named = self.kept(pipeline).and_then(|flat| Class::of(&flat, &**self.server.registry()).ok());
        named.unwrap_or_else(|| show::class(&pipeline.planned.spec))
    }

    /// The configuration, secrets hidden.
    pub(crate) fn config(&self, pipeline: &Described) -> Flat {
        self.kept(pipeline).unwrap_or_else(|| show::shown(&pipeline.planned, self.server.registry()))
    }

    /// The configuration that it was made of over this API, if it still is what runs; secrets are hidden.
    pub(crate) fn kept(&self, pipeline: &Described) -> Option<Flat> {
        kept::flat_in(pipeline.planned.spec.place.file().text())
    }

    pub(crate) fn info(&self, pipeline: &Described) -> Info {
        Info {
            name: pipeline.name().to_owned(),
            config: self.config(pipeline),
            tasks: tasks(pipeline),
            kind: self.class(pipeline).kind(),
        }
    }

    pub(crate) fn status(&self, pipeline: &Described) -> Status {
        let (connector, task) = states(pipeline);
        let tasks = tasks(pipeline).into_iter().map(|id| self.task_status(pipeline, id.task, task));
        let put_back = |why: &String| format!("the last change was put back, what ran before it runs: {why}");
        let trace = pipeline.put_back.as_ref().map(put_back);
        Status {
            name: pipeline.name().to_owned(),
            connector: ConnectorStatus { state: connector, worker_id: self.id.clone(), version: VERSION, trace },
            tasks: tasks.collect(),
            kind: self.class(pipeline).kind(),
        }
    }

    fn task_status(&self, pipeline: &Described, id: u16, state: &'static str) -> TaskStatus {
        let trace = pipeline.condition.reason.clone().filter(|_| state == FAILED);
        TaskStatus { id, state, worker_id: self.id.clone(), version: VERSION, trace }
    }

    /// The id of the server's Kafka, if it has one that has answered.
    pub(crate) async fn cluster(&self) -> Option<String> {
        let kafka = settings::kafka(self.server.folder()).ok().flatten()?;
        self.cluster.id(kafka, self.server.brokers()?).await
    }

    /// The topics that it reads or writes: those that have names in its configuration, and those that it has read since it
    /// started.
    pub(crate) fn topics(&self, pipeline: &Described) -> BTreeSet<String> {
        let spec = &pipeline.planned.spec;
        let role = self.class(pipeline).role;
        let named: Vec<&Node> = match role {
            Role::Source => spec.sinks.iter().filter_map(|sink| sink.component.node.get("topic")).collect(),
            _ => spec.source.node.get("topics").map(|topics| topics.items().iter().collect()).unwrap_or_default(),
        };
        let named = named.into_iter().filter_map(|topic| topic.as_scalar()).map(|topic| topic.written().to_owned());
        let mut topics: BTreeSet<_> = named.filter(|topic| !topic.starts_with('^') && !topic.contains("${")).collect();
        if role == Role::Sink && spec.source.type_name == "kafka" {
            let committed = pipeline.status.committed();
            topics.extend(committed.iter().map(|(partition, _)| partition.stream.to_string()));
        }
        topics
    }
}

pub(crate) const FAILED: &str = "FAILED";
pub(crate) const RESTARTING: &str = "RESTARTING";
const RUNNING: &str = "RUNNING";
const PAUSED: &str = "PAUSED";
const STOPPED: &str = "STOPPED";
const UNASSIGNED: &str = "UNASSIGNED";

/// The states of a connector and of its tasks. They are those of the pipeline: what it fails with is shown at its tasks.
fn states(pipeline: &Described) -> (&'static str, &'static str) {
    match (pipeline.wanted, pipeline.condition.state) {
        (Wanted::Stopped, _) => (STOPPED, STOPPED),
        (Wanted::Paused | Wanted::PausedAtRest, _) => (PAUSED, PAUSED),
        (Wanted::Running, State::Recovering | State::Failed) => (RUNNING, FAILED),
        (Wanted::Running, State::Stopping) => (RESTARTING, RESTARTING),
        (Wanted::Running, State::Starting | State::Stopped) => (RUNNING, UNASSIGNED),
        // A source that has come to its end leaves its connector as it is, there as here.
        (Wanted::Running, State::Running | State::Ended) => (RUNNING, RUNNING),
    }
}

/// The tasks; none of a connector that is stopped, or paused since.
pub(crate) fn tasks(pipeline: &Described) -> Vec<TaskId> {
    let count = if pipeline.wanted.has_tasks() { pipeline.planned.tasks } else { 0 };
    (0..count).map(|task| TaskId { connector: pipeline.name().to_owned(), task }).collect()
}

/// Why the server did not do something, as an answer of this API.
impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Failure {
        let status = match &wrong {
            Wrong::Unknown(name) => return Failure::no_connector(name),
            Wrong::Exists(name) => return Failure::conflict(format!("Connector {name} already exists")),
            Wrong::FromFile { .. } | Wrong::Conflict(_) => StatusCode::CONFLICT,
            Wrong::Mistakes(_) | Wrong::Malformed(_) => StatusCode::BAD_REQUEST,
            Wrong::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure::new(status, wrong.to_string())
    }
}
