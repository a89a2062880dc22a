//! What a request brings along. One that cannot be read is answered in the shape in which all of them are refused.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::answer::Unreadable;

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

/// The text of a pipeline's document.
pub(super) struct Document(pub(super) String);

/// The name of a pipeline in the path.
pub(super) struct Name(pub(super) String);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Unreadable;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Unreadable> {
        let read = axum::Json::from_request(request, state).await;
        let read = read.map(|axum::Json(body)| Body(body));
        read.map_err(|refused| Unreadable::new(refused.status(), refused.body_text()))
    }
}

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Unreadable;

    async fn from_request(request: Request, state: &S) -> Result<Document, Unreadable> {
        let read = String::from_request(request, state).await.map(Document);
        read.map_err(|refused| Unreadable::new(refused.status(), refused.body_text()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Unreadable;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Name, Unreadable> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        let read = read.map(|axum::extract::Path(name)| Name(name));
        read.map_err(|refused| Unreadable::new(refused.status(), refused.body_text()))
    }
}
