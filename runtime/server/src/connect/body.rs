//! The bodies of answers, with their fields in the order in which Kafka Connect has them.

use serde::{Deserialize, Serialize};

use super::flat::{Flat, Given};

/// What is asked of `POST /connectors`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) config: Given,
    #[serde(default)]
    pub(crate) initial_state: Option<String>,
}

/// A connector.
#[derive(Debug, Serialize)]
pub(crate) struct Info {
    pub(crate) name: String,
    pub(crate) config: Flat,
    pub(crate) tasks: Vec<TaskId>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// One of its tasks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskId {
    pub(crate) connector: String,
    pub(crate) task: u16,
}

/// A task with its configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) config: Flat,
}

/// How a connector is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) connector: ConnectorStatus,
    pub(crate) tasks: Vec<TaskStatus>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// How the connector itself is, and why it is not what its configuration says where its last change was put back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConnectorStatus {
    pub(crate) state: &'static str,
    pub(crate) worker_id: String,
    pub(crate) version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

/// How a task is, and why where it failed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskStatus {
    pub(crate) id: u16,
    pub(crate) state: &'static str,
    pub(crate) worker_id: String,
    pub(crate) version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

/// A plugin in the list of them.
#[derive(Debug, Serialize)]
pub(crate) struct Plugin {
    pub(crate) class: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) version: &'static str,
}

/// The worker.
#[derive(Debug, Serialize)]
pub(crate) struct Worker {
    /// Whose API this is, which clients go by.
    pub(crate) version: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) kafka_cluster_id: Option<String>,
}

/// Whether the worker works.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    pub(crate) status: &'static str,
    pub(crate) message: &'static str,
}

/// A sentence that says that something was done.
#[derive(Debug, Serialize)]
pub(crate) struct Said {
    pub(crate) message: &'static str,
}
