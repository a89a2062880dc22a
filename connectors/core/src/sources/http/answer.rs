//! What a client is told.

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many records are durable everywhere.
    Stored(usize),
    /// They are not, and why.
    Refused(Refusal),
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What is wrong.
    pub(super) error: String,
    /// What to do.
    pub(super) help: String,
}

/// When a client that could not be served may come again.
const RETRY_AFTER_SECONDS: &str = "1";

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into(), help: help.into() }
    }

    pub(super) fn bad(error: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, error, help)
    }

    pub(super) fn too_large(error: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error, help)
    }

    pub(super) fn unauthorized(error: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, error, help)
    }

    /// Not now; with `Retry-After`.
    pub(super) fn not_now(error: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error, "send the request again a little later")
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer::Refused(refusal)
    }
}

// === impl Answer ===

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, body) = match &self {
            Answer::Stored(records) => (StatusCode::OK, json!({ "records": records })),
            Answer::Refused(refusal) => (refusal.status, json!({ "error": refusal.error, "help": refusal.help })),
        };
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (status, kind, format!("{body}\n")).into_response();
        let advice = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "POST, PUT")),
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        response.headers_mut().extend(advice.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}
