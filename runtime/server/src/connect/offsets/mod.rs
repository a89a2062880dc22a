//! `/connectors/{name}/offsets`: how far a connector is, and changed while it is stopped.
//!
//! Those of one that reads Kafka are its consumer group's; those of another are what is committed in the data folder.

mod group;
mod place;

use axum::Json;
use serde::Serialize;
use serde_json::Value;

use self::group::Group;
use super::body::Said;
use super::failure::Failure;
use super::request::{Body, Path};
use super::worker::Worker;
use crate::server::{Described, Wanted};

type Answer<T> = Result<T, Failure>;

#[derive(Serialize)]
pub(super) struct Offsets {
    offsets: Vec<Entry>,
}

/// What a connector calls one of its partitions, and how far it is there.
#[derive(Serialize)]
struct Entry {
    partition: Value,
    offset: Value,
}

pub(super) async fn show(worker: Worker, Path(name): Path<String>) -> Answer<Json<Offsets>> {
    let pipeline = worker.get(&name)?;
    let offsets = match Group::of(&worker, &pipeline)? {
        Some(group) => group.show().await?,
        None => place::show(&worker, &pipeline)?,
    };
    Ok(Json(Offsets { offsets }))
}

pub(super) async fn alter(worker: Worker, Path(name): Path<String>, Body(asked): Body<Value>) -> Answer<Json<Said>> {
    let pipeline = stopped(&worker, &name)?;
    let entries = asked["offsets"].as_array().filter(|entries| !entries.is_empty());
    let none = || Failure::bad_request("Partitions / offsets need to be provided for an alter offsets request");
    let entries = entries.ok_or_else(none)?;
    match Group::of(&worker, &pipeline)? {
        Some(group) => group.alter(entries).await?,
        None => place::alter(&worker, &pipeline, entries).await?,
    }
    Ok(Json(Said { message: "The offsets for this connector have been altered successfully" }))
}

pub(super) async fn reset(worker: Worker, Path(name): Path<String>) -> Answer<Json<Said>> {
    let pipeline = stopped(&worker, &name)?;
    match Group::of(&worker, &pipeline)? {
        Some(group) => group.reset().await?,
        None => place::reset(&worker, &pipeline).await?,
    }
    Ok(Json(Said { message: "The offsets for this connector have been reset successfully" }))
}

fn stopped(worker: &Worker, name: &str) -> Answer<Described> {
    let pipeline = worker.get(name)?;
    match pipeline.wanted {
        Wanted::Stopped => Ok(pipeline),
        _ => Err(Failure::bad_request(format!(
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified \
             connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
        ))),
    }
}
