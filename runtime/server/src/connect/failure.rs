//! Answers that say no: a status, and a body with the same number and a sentence, as Kafka Connect's clients expect it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::flat::KEYS_MAX;
use super::invalid::Invalid;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
}

#[derive(Serialize)]
struct Body {
    error_code: u16,
    message: String,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    pub(crate) fn into_message(self) -> String {
        self.message
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::CONFLICT, message)
    }

    /// What cannot be read is an error of the server there, and clients know it as that.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// An answer that HTTP itself has a name for.
    pub(crate) fn http(status: StatusCode) -> Failure {
        Failure::new(status, format!("HTTP {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()))
    }

    pub(crate) fn no_connector(name: &str) -> Failure {
        Failure::not_found(format!("Connector {name} not found"))
    }

    /// A configuration, or a change of one, that nobody looks through.
    pub(crate) fn too_many_keys() -> Failure {
        Failure::bad_request(format!("A connector's configuration has at most {KEYS_MAX} keys, and this one has more"))
    }

    /// All that is wrong with a configuration.
    pub(crate) fn invalid(wrong: &[Invalid]) -> Failure {
        let messages: Vec<_> = wrong.iter().map(|one| one.message.as_str()).collect();
        Failure::bad_request(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above list of \
             errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
            messages.len(),
            messages.join("\n")
        ))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(Body { error_code: self.status.as_u16(), message: self.message })).into_response()
    }
}
