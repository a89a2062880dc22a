//! What a request has to be before anyone looks into it: of a type that is read, for an answer of a type that is written.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::failure::Failure;

const JSON: &str = "application/json";

/// A body of JSON. What cannot be read is answered as Kafka Connect does: 415 for another type, 500 for what is no JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Failure> {
        if !names(request.headers(), CONTENT_TYPE, &[JSON]) {
            return Err(Failure::http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|refused| Failure::new(refused.status(), refused.body_text()))?;
        let read = serde_json::from_slice(&bytes);
        read.map(Body).map_err(|error| Failure::internal(format!("read the body as JSON: {error}")))
    }
}

/// What stands in the path. A name that is no text is answered as any other wrong request.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Failure> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        let read = read.map(|axum::extract::Path(read)| Path(read));
        read.map_err(|refused| Failure::new(refused.status(), refused.body_text()))
    }
}

/// Answers 406 where no JSON is wanted.
pub(crate) async fn wants_json(request: Request, next: Next) -> Response {
    let accepted = [JSON, "application/*", "*/*"];
    match !request.headers().contains_key(ACCEPT) || names(request.headers(), ACCEPT, &accepted) {
        true => next.run(request).await,
        false => Failure::http(StatusCode::NOT_ACCEPTABLE).into_response(),
    }
}

/// Whether a header names one of these media types, whatever its parameters.
fn names(headers: &HeaderMap, header: HeaderName, types: &[&str]) -> bool {
    let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    let mut named =
        values.flat_map(|value| value.split(',')).map(|one| one.split(';').next().unwrap_or_default().trim());
    named.any(|one| types.iter().any(|known| known.eq_ignore_ascii_case(one)))
}
