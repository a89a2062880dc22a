//! `/v1/reload`.

use axum::Json;
use axum::extract::State;

use crate::server::{Reload, Reloaded, Server};
use crate::wrong::Wrong;

/// How the last reload went.
pub(super) async fn last(State(server): State<Server>) -> Json<Reloaded> {
    Json(server.reloads())
}

/// Reads the folder again, and changes what has to; a mistake in a file of it, and nothing changes.
pub(super) async fn reload(State(server): State<Server>) -> Result<Json<Reloaded>, Wrong> {
    server.reload(Reload::Asked).await.map(Json)
}
