//! HTTP: who may ask, what for, and how the process is doing.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use catchwater_sdk::{Result, ResultExt};
use serde_json::json;
use tokio::net::TcpListener;

use crate::access::{Access, guard};
use crate::server::Server;
use crate::{connect, metrics, v1};

/// The largest request: a document of a pipeline is far smaller. (Invariant 9)
const BODY_BYTES_MAX: usize = 4 << 20;

/// Serves until `until` is over; requests under way are answered.
pub async fn serve(
    server: Server,
    listener: TcpListener,
    access: Access,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let router = router(server, access);
    axum::serve(listener, router).with_graceful_shutdown(until).await.or_unavailable(|| "serve HTTP".into())
}

/// All routes. Each part of the API keeps its own in a module of its own.
fn router(server: Server, access: Access) -> Router {
    let health = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(server.clone());
    let api = Router::new().merge(connect::router(server.clone())).merge(v1::router(server)).merge(health);
    let api = api.fallback(connect::unknown).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let api = api.layer(from_fn_with_state(access, guard));
    // The methods of a path are only told in what comes out of all of it.
    Router::new().fallback_service(api).layer(map_response(connect::with_options))
}

/// The server answers as soon as it has started everything once; pipelines in trouble are named, and are no reason to send
/// traffic elsewhere: they recover by themselves. So do files with mistakes once they are mended; which they are is not told to
/// everybody.
async fn ready(State(server): State<Server>) -> Json<serde_json::Value> {
    let (pipelines, has_mistakes) = (server.list(), server.reloads().error.is_some());
    let trouble = pipelines.iter().filter(|pipeline| matches!(pipeline.state(), "recovering" | "failed"));
    let trouble: Vec<_> = trouble.map(|pipeline| pipeline.name()).collect();
    Json(json!({ "pipelines": pipelines.len(), "in_trouble": trouble, "has_mistakes": has_mistakes }))
}

async fn numbers(State(server): State<Server>) -> Response {
    match metrics::encoded(&server) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE_TEXT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The parameters of a query, decoded.
pub(crate) fn parameters(query: Option<&str>) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}
