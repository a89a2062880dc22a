//! Who may talk to the server.
//!
//! Without a token only this machine can reach it. A web page in a browser on this machine can as well, and could make
//! pipelines that write files; it cannot forge the headers `Host` and `Origin`, which tell it apart from a command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use catchwater_sdk::{Error, Result, ResultExt};
use subtle::ConstantTimeEq;

/// Paths that need no token: whoever watches over the process asks them.
const OPEN_TO_ALL: &[&str] = &["/livez", "/readyz"];

/// What a client has to show.
#[derive(Clone)]
pub struct Token(String);

/// What is asked of requests.
#[derive(Clone, Debug)]
pub struct Access {
    token: Option<Token>,
}

impl Token {
    /// Out of a file that holds nothing else.
    pub fn read(path: &Path) -> Result<Token> {
        let text = std::fs::read_to_string(path).or_refused(|| format!("read the token in {}", path.display()))?;
        match text.trim() {
            "" => Err(Error::refused(format!("the token file {} is empty", path.display()))),
            token => Ok(Token(token.to_owned())),
        }
    }

    /// Takes the same time wherever the two differ.
    fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Access {
    /// Refuses an address that others can reach where no token is asked for.
    pub fn new(listen: SocketAddr, token: Option<Token>) -> Result<Access> {
        if token.is_none() && !listen.ip().is_loopback() {
            return Err(Error::refused(format!(
                "{listen} can be reached by others: give --token-file, or listen on 127.0.0.1"
            )));
        }
        Ok(Access { token })
    }

    /// Why a request with these headers may not pass.
    fn refuse(&self, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        if OPEN_TO_ALL.contains(&path) {
            return None;
        }
        match &self.token {
            Some(token) if bearer(headers).is_some_and(|shown| token.is(shown)) => None,
            Some(_) => Some((StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN")),
            None if is_foreign(headers) => {
                Some((StatusCode::FORBIDDEN, "a page of another site may not talk to this server"))
            }
            None => None,
        }
    }
}

/// Lets pass what may.
pub(crate) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.refuse(request.uri().path(), request.headers()) {
        None => next.run(request).await,
        Some((status, why)) => {
            let mut response = (status, axum::Json(serde_json::json!({ "error": why }))).into_response();
            if status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whether a browser sent it on behalf of another site, or by a name that somebody else's DNS server points here.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = text(HOST).unwrap_or("localhost");
    let is_other_origin = text(ORIGIN).is_some_and(|origin| origin.split_once("://").is_none_or(|(_, at)| at != host));
    is_other_origin || !is_loopback(host)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(token: Option<&str>, headers: &[(&'static str, &str)], expected: Option<u16>) {
        let access = Access { token: token.map(|token| Token(token.to_owned())) };
        let value = |text: &str| HeaderValue::from_str(text).expect("a header's value");
        let headers =
            headers.iter().map(|(name, text)| (axum::http::HeaderName::from_static(name), value(text))).collect();
        let refused = access.refuse("/v1/pipelines", &headers).map(|(status, _)| status.as_u16());
        assert_eq!(refused, expected, "{headers:?}");
    }

    #[test]
    fn a_token_has_to_be_the_right_one() {
        check(Some("secret"), &[], Some(401));
        check(Some("secret"), &[("authorization", "Bearer secreT")], Some(401));
        check(Some("secret"), &[("authorization", "Basic secret")], Some(401));
        check(Some("secret"), &[("authorization", "Bearer secret"), ("host", "lake.example")], None);
    }

    #[test]
    fn without_a_token_only_this_machine_and_its_own_pages_pass() {
        check(None, &[("host", "127.0.0.1:8083")], None);
        check(None, &[("host", "[::1]:8083")], None);
        check(None, &[("host", "localhost:8083"), ("origin", "http://localhost:8083")], None);
        check(None, &[("host", "localhost:8083"), ("origin", "https://evil.example")], Some(403));
        check(None, &[("host", "localhost:8083"), ("origin", "null")], Some(403));
        check(None, &[("host", "rebound.example:8083")], Some(403));
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let open: SocketAddr = "0.0.0.0:8083".parse().expect("an address");
        assert!(Access::new(open, None).is_err());
        assert!(Access::new(open, Some(Token("t".into()))).is_ok());
        assert!(Access::new("127.0.0.1:0".parse().expect("an address"), None).is_ok());
    }
}
