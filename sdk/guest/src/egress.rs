//! Requests that the host makes for a source or a sink. In tests on the author's own machine there is no host, and no answer.

use crate::Failure;

/// A request to an address that the pipeline grants. The host adds the credentials of the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// With scheme and host.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// What a server answered, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The pipeline does not grant it, or the request itself is wrong: it will not go better later.
    Denied(String),
    /// A bound of the grant is reached.
    Bounded(String),
    /// The server is away, or too slow.
    Away(String),
}

// === impl Request ===

impl Request {
    /// A request for what is there.
    pub fn get(url: impl Into<String>) -> Request {
        Request { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A request that hands something over.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Request {
        Request { method: "POST".into(), body: body.into(), ..Request::get(url) }
    }

    /// With a header more.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits for the answer. The `?` of a `Trouble` makes the right [`Failure`].
    pub fn send(self) -> Result<Response, Trouble> {
        send(self)
    }
}

impl Response {
    /// The answer, if its status is one of success: else the same call again later where that may help, and else an end.
    pub fn ok(self) -> Result<Response, Failure> {
        match self.status {
            200..300 => Ok(self),
            408 | 425 | 429 | 500.. => Err(Failure::Unavailable(self.said())),
            _ => Err(Failure::Refused(self.said())),
        }
    }

    fn said(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        format!("the server answers {}: {body}", self.status)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Denied(message) | Trouble::Bounded(message) => Failure::Refused(message),
            Trouble::Away(message) => Failure::Unavailable(message),
        }
    }
}

#[cfg(target_family = "wasm")]
fn send(request: Request) -> Result<Response, Trouble> {
    use crate::bindings::catchwater::plugin::egress::{self, Header, TroubleKind};
    let Request { method, url, headers, body } = request;
    let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
    let answer = egress::send(&egress::Request { method, url, headers, body });
    let answer = answer.map_err(|trouble| match trouble.kind {
        TroubleKind::Denied => Trouble::Denied(trouble.message),
        TroubleKind::Bounded => Trouble::Bounded(trouble.message),
        TroubleKind::Away => Trouble::Away(trouble.message),
    })?;
    let headers = answer.headers.into_iter().map(|header| (header.name, header.value)).collect();
    Ok(Response { status: answer.status, headers, body: answer.body })
}

#[cfg(not(target_family = "wasm"))]
fn send(request: Request) -> Result<Response, Trouble> {
    Err(Trouble::Away(format!("there is no host that could send a request to {}", request.url)))
}
