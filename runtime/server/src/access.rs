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
use base64::prelude::{BASE64_STANDARD, Engine};
use catchwater_sdk::{Error, Result, ResultExt};
use subtle::ConstantTimeEq;

/// Paths that need no token: whoever watches over the process asks them.
const OPEN_TO_ALL: &[&str] = &["/livez", "/readyz"];

/// How a client may show its token. Many send a password only once they are asked for it.
const CHALLENGES: [&str; 2] = ["Bearer realm=\"catchwater\"", "Basic realm=\"catchwater\""];

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
        let foreign = Some((StatusCode::FORBIDDEN, "a page of another site may not talk to this server"));
        match &self.token {
            Some(token) if bearer(headers).is_some_and(|shown| token.is(shown)) => None,
            // A browser that knows a password shows it on behalf of any page.
            Some(token) if password(headers).is_some_and(|shown| token.is(&shown)) => {
                foreign.filter(|_| is_of_another_site(headers))
            }
            Some(_) => Some((
                StatusCode::UNAUTHORIZED,
                "a token is needed: Authorization: Bearer TOKEN, or the token as the password of any user",
            )),
            None => foreign.filter(|_| is_of_another_site(headers) || !is_loopback(host(headers))),
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
                for challenge in CHALLENGES {
                    response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            response
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    shown_as("Bearer", headers)
}

/// What is shown by a scheme, which may be written in capitals or not (RFC 9110, 11.1).
fn shown_as<'h>(scheme: &str, headers: &'h HeaderMap) -> Option<&'h str> {
    let (named, shown) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| shown.trim_start_matches(' '))
}

/// The password of a user, whoever that is: clients of Kafka Connect can show nothing else.
fn password(headers: &HeaderMap) -> Option<String> {
    let encoded = shown_as("Basic", headers)?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// Whether a browser sent it on behalf of a page that is not this server's.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let is_another = |origin: &str| origin.split_once("://").is_none_or(|(_, at)| at != host(headers));
    headers.get(ORIGIN).is_some_and(|origin| is_another(origin.to_str().unwrap_or_default()))
}

/// The name by which the client reaches the server, which somebody else's DNS server may have pointed here.
fn host(headers: &HeaderMap) -> &str {
    headers.get(HOST).map_or("localhost", |host| host.to_str().unwrap_or_default())
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
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
            let shown = format!("{scheme} secret");
            check(Some("secret"), &[("authorization", &shown), ("host", "lake.example")], None);
        }
    }

    #[test]
    fn a_token_is_as_good_as_the_password_of_any_user_but_not_for_pages_of_other_sites() {
        let shown = |user: &str| format!("Basic {}", BASE64_STANDARD.encode(user));
        let (right, wrong) = (shown("admin:secret"), shown("admin:secreT"));
        let (host, other) = (("host", "lake.example:8083"), ("origin", "https://evil.example"));
        check(Some("secret"), &[("authorization", &right), host], None);
        check(Some("secret"), &[("authorization", &right), host, ("origin", "http://lake.example:8083")], None);
        check(Some("secret"), &[("authorization", &right), host, other], Some(403));
        check(Some("secret"), &[("authorization", &right.replace("Basic", "basic")), host], None);
        check(Some("secret"), &[("authorization", &wrong), host], Some(401));
        check(Some("secret"), &[("authorization", &shown("secret")), host], Some(401));
        check(Some("se:cret"), &[("authorization", &shown(":se:cret")), host], None);
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
