//! What a connector does, and how it is told to do otherwise.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use super::body::{Status, Task, TaskStatus};
use super::failure::Failure;
use super::request::Path;
use super::worker::{FAILED, RESTARTING, Worker, tasks as tasks_of};
use crate::http::parameters;
use crate::server::{Described, Wanted};

type Answer<T> = Result<T, Failure>;

pub(super) async fn status(worker: Worker, Path(name): Path<String>) -> Answer<Json<Status>> {
    let pipeline =
        worker.find(&name).ok_or_else(|| Failure::not_found(format!("No status found for connector {name}")))?;
    Ok(Json(worker.status(&pipeline)))
}

pub(super) async fn tasks(worker: Worker, Path(name): Path<String>) -> Answer<Json<Vec<Task>>> {
    let pipeline = worker.get(&name)?;
    let mut config = worker.config(&pipeline);
    config.set("task.class", worker.class(&pipeline).name().replace("Connector", "Task"));
    let tasks = tasks_of(&pipeline).into_iter().map(|id| Task { id, config: config.clone() });
    Ok(Json(tasks.collect()))
}

pub(super) async fn task_status(
    worker: Worker,
    Path((name, task)): Path<(String, String)>,
) -> Answer<Json<TaskStatus>> {
    let number = number(&task)?;
    let status = worker.find(&name).map(|pipeline| worker.status(&pipeline));
    let found = status.and_then(|status| status.tasks.into_iter().find(|status| u32::from(status.id) == number));
    found.map(Json).ok_or_else(|| Failure::not_found(format!("No status found for task {name}-{number}")))
}

/// What is no number leads nowhere.
fn number(task: &str) -> Answer<u32> {
    task.parse().map_err(|_| Failure::http(StatusCode::NOT_FOUND))
}

#[derive(Serialize)]
pub(super) struct Topics {
    topics: BTreeSet<String>,
}

/// The topics of a connector; none of one that is not there.
pub(super) async fn topics(worker: Worker, Path(name): Path<String>) -> Json<BTreeMap<String, Topics>> {
    let topics = worker.find(&name).map(|pipeline| worker.topics(&pipeline)).unwrap_or_default();
    Json(BTreeMap::from([(name, Topics { topics })]))
}

/// There is nothing to forget: topics are those of the configuration and of what runs.
pub(super) async fn reset_topics() -> StatusCode {
    StatusCode::ACCEPTED
}

pub(super) async fn pause(worker: Worker, Path(name): Path<String>) -> Answer<StatusCode> {
    known(&worker, &name)?;
    worker.server.pause(&name).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn resume(worker: Worker, Path(name): Path<String>) -> Answer<StatusCode> {
    known(&worker, &name)?;
    worker.server.resume(&name).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn stop(worker: Worker, Path(name): Path<String>) -> Answer<StatusCode> {
    known(&worker, &name)?;
    worker.server.stop(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn known(worker: &Worker, name: &str) -> Answer<Described> {
    worker.find(name).ok_or_else(|| Failure::not_found(format!("Unknown connector {name}")))
}

fn restartable(worker: &Worker, name: &str) -> Answer<Described> {
    worker.find(name).ok_or_else(|| Failure::not_found(format!("Unknown connector: {name}")))
}

/// Restarts the pipeline, which is connector and tasks in one; with `onlyFailed` only where it failed.
pub(super) async fn restart(worker: Worker, Path(name): Path<String>, RawQuery(query): RawQuery) -> Answer<Response> {
    let says = |key: &str| parameters(query.as_deref()).any(|(name, text)| name == key && text == "true");
    let (with_tasks, only_failed) = (says("includeTasks"), says("onlyFailed"));
    let pipeline = restartable(&worker, &name)?;
    let mut status = worker.status(&pipeline);
    let failed = status.tasks.iter().any(|task| task.state == FAILED);
    let restarts = pipeline.wanted == Wanted::Running && (!only_failed || (failed && with_tasks));
    if restarts {
        worker.server.restart(&name).await?;
    }
    if !with_tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !only_failed {
        status.connector.state = RESTARTING;
    }
    let chosen = status.tasks.iter_mut().filter(|task| with_tasks && (!only_failed || task.state == FAILED));
    chosen.for_each(|task| task.state = RESTARTING);
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

/// A task alone cannot be restarted: its pipeline is, where it has such a task.
pub(super) async fn restart_task(worker: Worker, Path((name, task)): Path<(String, String)>) -> Answer<StatusCode> {
    let number = number(&task)?;
    let pipeline = restartable(&worker, &name)?;
    if !tasks_of(&pipeline).iter().any(|id| u32::from(id.task) == number) {
        return Err(Failure::not_found(format!("Unknown task: {name}-{number}")));
    }
    if pipeline.wanted == Wanted::Running {
        worker.server.restart(&name).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
