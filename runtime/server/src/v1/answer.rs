//! Answers that are no success.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use catchwater_engine::spec::Located;
use schemars::JsonSchema;
use serde::Serialize;

use crate::wrong::Wrong;

/// Why a request was not carried out.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// For a person.
    error: String,
    /// Each mistake with its place, where a document has any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<PlacedMistake>,
}

/// A mistake in a document.
#[derive(Debug, Serialize, JsonSchema)]
struct PlacedMistake {
    /// The file; `request` is what was sent.
    file: String,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// The key, such as `sinks[0].path`.
    key: Option<String>,
    /// What is wrong.
    message: String,
    /// What to do.
    help: Option<String>,
}

/// A request that nobody could make out.
pub(super) struct Unreadable {
    status: StatusCode,
    error: String,
}

// === impl Unreadable ===

impl Unreadable {
    pub(super) fn new(status: StatusCode, error: String) -> Unreadable {
        Unreadable { status, error }
    }

    /// What there is not.
    pub(super) async fn path(uri: Uri) -> Unreadable {
        Unreadable::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
    }

    /// A method that a path does not have; the header `Allow` says which it has.
    pub(super) async fn method(method: Method, uri: Uri) -> Unreadable {
        Unreadable::new(StatusCode::METHOD_NOT_ALLOWED, format!("there is no {method} of {}", uri.path()))
    }
}

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        (self.status, Json(Refusal { error: self.error, mistakes: Vec::new() })).into_response()
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let status = match &self {
            Wrong::Unknown(_) => StatusCode::NOT_FOUND,
            Wrong::Exists(_) | Wrong::FromFile { .. } | Wrong::Conflict(_) => StatusCode::CONFLICT,
            Wrong::Mistakes(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Wrong::Malformed(_) => StatusCode::BAD_REQUEST,
            Wrong::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mistakes = match &self {
            Wrong::Mistakes(mistakes) => mistakes.list().iter().map(placed).collect(),
            _ => Vec::new(),
        };
        (status, Json(Refusal { error: self.to_string(), mistakes })).into_response()
    }
}

fn placed(located: &Located) -> PlacedMistake {
    let mistake = &located.mistake;
    let (line, column) = located.file.line_and_column(mistake.span.start);
    PlacedMistake {
        file: located.file.path().display().to_string(),
        line,
        column,
        key: mistake.key.clone(),
        message: mistake.message.clone(),
        help: mistake.help.clone(),
    }
}
