//! `/v1/pipelines`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;

use super::parameter;
use super::request::{Document, Name};
use super::shapes::{Health, Overview, Whole};
use crate::server::{Server, Wanted};
use crate::wrong::Wrong;

/// Every pipeline, by name.
pub(super) async fn list(State(server): State<Server>) -> Json<Vec<Overview>> {
    Json(server.list().iter().map(Overview::from).collect())
}

/// Makes a pipeline out of a document in YAML or JSON, and keeps it.
pub(super) async fn create(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    Document(document): Document,
) -> Result<(StatusCode, Json<Whole>), Wrong> {
    let wanted = parameter(query.as_deref(), "wanted").map_or(Ok(Wanted::Running), |word| word.parse())?;
    let made = server.create(document, wanted).await?;
    Ok((StatusCode::CREATED, Json(Whole::from(&made))))
}

/// One pipeline with its document.
pub(super) async fn show(State(server): State<Server>, Name(name): Name) -> Result<Json<Whole>, Wrong> {
    server.get(&name).map(|pipeline| Json(Whole::from(&pipeline)))
}

/// Puts another document in the place of a pipeline's, or makes it.
pub(super) async fn replace(
    State(server): State<Server>,
    Name(name): Name,
    Document(document): Document,
) -> Result<Json<Whole>, Wrong> {
    server.replace(&name, document).await.map(|pipeline| Json(Whole::from(&pipeline)))
}

/// Stops a pipeline and forgets it; what was committed stays committed.
pub(super) async fn delete(State(server): State<Server>, Name(name): Name) -> Result<StatusCode, Wrong> {
    server.delete(&name).await.map(|()| StatusCode::NO_CONTENT)
}

/// How a pipeline does, in numbers and words.
pub(super) async fn status(State(server): State<Server>, Name(name): Name) -> Result<Json<Health>, Wrong> {
    server.get(&name).map(|pipeline| Json(Health::from(&pipeline)))
}

/// Drains and stops a pipeline for now.
pub(super) async fn pause(State(server): State<Server>, Name(name): Name) -> Result<Json<Health>, Wrong> {
    server.pause(&name).await.map(|pipeline| Json(Health::from(&pipeline)))
}

/// Lets a paused or stopped pipeline go on where it was.
pub(super) async fn resume(State(server): State<Server>, Name(name): Name) -> Result<Json<Health>, Wrong> {
    server.resume(&name).await.map(|pipeline| Json(Health::from(&pipeline)))
}

/// Drains and stops a pipeline until it is resumed.
pub(super) async fn stop(State(server): State<Server>, Name(name): Name) -> Result<Json<Health>, Wrong> {
    server.stop(&name).await.map(|pipeline| Json(Health::from(&pipeline)))
}

/// Drains a pipeline and starts it again; also one that waits to be tried again, or has ended.
pub(super) async fn restart(State(server): State<Server>, Name(name): Name) -> Result<Json<Health>, Wrong> {
    server.restart(&name).await.map(|pipeline| Json(Health::from(&pipeline)))
}
