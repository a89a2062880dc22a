//! `/v1/plan` and `/v1/apply`.

use axum::Json;
use axum::extract::{RawQuery, State};

use super::parameter;
use super::request::Body;
use crate::server::{Outlook, Reloaded, Server, Wish};
use crate::wrong::Wrong;

/// What would change if these were the server's pipelines; changes nothing.
pub(super) async fn plan(State(server): State<Server>, Body(wish): Body<Wish>) -> Result<Json<Outlook>, Wrong> {
    server.plan(&wish).map(Json)
}

/// Makes what was planned so; refuses if the server has moved on since.
pub(super) async fn apply(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    Body(wish): Body<Wish>,
) -> Result<Json<Reloaded>, Wrong> {
    let hash = parameter(query.as_deref(), "hash");
    let hash = hash.ok_or_else(|| Wrong::Malformed("say which plan: ?hash=HASH, as /v1/plan answered".into()))?;
    server.apply(wish, hash).await.map(Json)
}
