//! Kafka Connect's REST API, so that its command lines and user interfaces work.
//!
//! Every pipeline is a connector, whoever made it. A configuration in Connect's form, one level of keys, becomes the document
//! of a pipeline ([`document`]), which the server checks, keeps and runs as it does any other; a pipeline out of a file is
//! shown in that form ([`show`]) and cannot be changed over this API. What is not supported is refused by name.
//!
//! Names, state words, codes and sentences are those that a worker of Kafka Connect 4.1 answered with: `tests/connect` has
//! the exchanges. Where the two differ on purpose, `docs/kafka-connect-api.md` says so.

mod body;
pub(crate) mod brokers;
mod check;
mod class;
mod cluster;
mod common;
mod connectors;
mod control;
mod definitions;
mod document;
mod failure;
mod flat;
mod invalid;
mod kept;
mod keys;
mod loggers;
mod offsets;
mod plugins;
mod request;
pub(crate) mod settings;
mod show;
mod worker;

use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use axum::{Extension, Router};

use self::cluster::Cluster;
use self::failure::Failure;
pub use self::loggers::{on_level_change, on_logger};
use crate::server::Server;

/// Everything of it.
pub(crate) fn router(server: Server) -> Router {
    let connector = |rest: &str| format!("/connectors/{{name}}{rest}");
    let routes: Vec<(String, MethodRouter<Server>)> = vec![
        ("/".into(), get(plugins::root)),
        ("/health".into(), get(plugins::health)),
        ("/connectors".into(), get(connectors::list).post(connectors::create)),
        (connector(""), get(connectors::show).delete(connectors::delete)),
        (connector("/config"), get(connectors::config).put(connectors::put).patch(connectors::patch)),
        (connector("/status"), get(control::status)),
        (connector("/tasks"), get(control::tasks).post(unsigned)),
        (connector("/fence"), put(unsigned)),
        (connector("/tasks/{task}/status"), get(control::task_status)),
        (connector("/tasks/{task}/restart"), post(control::restart_task)),
        (connector("/topics"), get(control::topics)),
        (connector("/topics/reset"), put(control::reset_topics)),
        (connector("/offsets"), get(offsets::show).patch(offsets::alter).delete(offsets::reset)),
        (connector("/pause"), put(control::pause)),
        (connector("/resume"), put(control::resume)),
        (connector("/stop"), put(control::stop)),
        (connector("/restart"), post(control::restart)),
        ("/connector-plugins".into(), get(plugins::list)),
        ("/connector-plugins/{class}/config".into(), get(plugins::definitions)),
        ("/connector-plugins/{class}/config/validate".into(), put(plugins::validate)),
    ];
    let mut router = Router::new();
    for (path, methods) in routes {
        router = router.route(&path, methods.clone());
        // A slash at the end changes nothing.
        if path.len() > 1 {
            router = router.route(&format!("{path}/"), methods);
        }
    }
    let router = router.merge(loggers::router()).method_not_allowed_fallback(other_method);
    router.layer(from_fn(request::wants_json)).layer(Extension(Cluster::default())).with_state(server)
}

/// Whoever asks for what there is not expects an answer of this API.
pub(crate) async fn unknown() -> Response {
    Failure::http(StatusCode::NOT_FOUND).into_response()
}

/// `OPTIONS` asks which methods there are, which the router says with each answer to one that is not.
async fn other_method(method: Method) -> Response {
    match method == Method::OPTIONS {
        true => StatusCode::OK.into_response(),
        false => Failure::http(StatusCode::METHOD_NOT_ALLOWED).into_response(),
    }
}

/// Which methods a path has: who asks is told of `OPTIONS` too.
pub(crate) async fn with_options(mut response: Response) -> Response {
    let allowed = response.headers().get(ALLOW).filter(|_| response.status() == StatusCode::OK);
    if let Some(Ok(allowed)) =
        allowed.map(|allowed| HeaderValue::from_bytes(&[allowed.as_bytes(), b",OPTIONS"].concat()))
    {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// What workers of one cluster say to each other; there is one here.
async fn unsigned() -> Failure {
    Failure::bad_request("Internal request missing required signature")
}
