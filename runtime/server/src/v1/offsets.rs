//! `/v1/pipelines/{name}/offsets`.

use axum::Json;
use axum::extract::State;
use catchwater_engine::offsets::{Move, Offset};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::{Body, Name};
use crate::server::Server;
use crate::wrong::Wrong;

/// Where a partition goes on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Place {
    /// Topic, queue or file; the name of one where the stream has several.
    stream: String,
    /// The number of the partition.
    partition: i32,
    /// Its next position.
    position: i64,
    /// Whether that was committed; else the source's `start` leads there.
    committed: bool,
}

/// Other places for partitions: numbers for some, or one word for all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Places {
    /// The partitions that are not among them stay where they are.
    Some(Numbers),
    /// Every partition of a `kafka` source.
    All(Beginning),
}

/// See [`Places`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    /// The places.
    offsets: Vec<Target>,
}

/// See [`Places`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Beginning {
    /// `earliest`, `latest`, a time (RFC 3339, a date, or an age such as `1h`), or `-N` for the last N.
    to: String,
}

/// Another place for a partition.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Topic, queue or file; the name of one where the stream has several.
    stream: String,
    /// The number of the partition.
    partition: i32,
    /// Its next position.
    position: i64,
}

/// Where a pipeline goes on: what was committed since the start, or, of one that does not run, what its source says.
pub(super) async fn show(State(server): State<Server>, Name(name): Name) -> Result<Json<Vec<Place>>, Wrong> {
    server.offsets(&name).await.map(places)
}

/// Moves a stopped pipeline to other places.
pub(super) async fn change(
    State(server): State<Server>,
    Name(name): Name,
    Body(places): Body<Places>,
) -> Result<Json<Vec<Place>>, Wrong> {
    let to =
        |target: Target| Move { stream: target.stream, partition: target.partition, position: Some(target.position) };
    let moved = match places {
        Places::Some(numbers) => server.set_offsets(&name, numbers.offsets.into_iter().map(to).collect()).await,
        Places::All(Beginning { to }) => server.reset_offsets(&name, to).await,
    };
    moved.map(self::places)
}

fn places(offsets: Vec<Offset>) -> Json<Vec<Place>> {
    let place = |offset: Offset| Place {
        stream: offset.called().to_owned(),
        partition: offset.partition.number,
        position: offset.position,
        committed: offset.is_committed,
    };
    Json(offsets.into_iter().map(place).collect())
}
