//! What a user says about the source.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use catchwater_sdk::config::{Duration, Secret, Size};
use catchwater_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events that others post over HTTP, as webhooks do.
///
/// A request is answered `200` and `{"records": 3}` once its events are durable in every sink, and not before; events
/// that went to the dead letters or were dropped on purpose count too. Whoever gets another answer, or none, sends again:
/// nothing is lost, and an event may come twice. A client that hangs up takes back nothing of what it had sent whole.
/// A lake makes them durable in its hot log, within some 20 ms, and stores them later; only while it is storing do requests
/// wait for that, and so for as long as its store is away. Sinks that have no hot log are asked to store every quarter of a
/// second while requests wait (`commit_within`).
///
/// Each path is a stream. Events keep their order within a request. Every record has the request's headers, and the
/// properties `method`, `path`, `query` and `remote_address`; its time is that of its arrival. Refusals say in JSON what
/// is wrong and what to do. It speaks HTTP/1.1 without TLS: put a reverse proxy before it that has the certificates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The address and port to listen on. Anything but this machine's own `127.0.0.1` wants a `token` or a `signature`.
    #[serde(default = "listen")]
    #[schemars(extend("examples" = ["127.0.0.1:8080", "0.0.0.0:8080"], "x-names" = ["address", "bind", "host", "port"]))]
    pub(super) listen: String,
    /// The paths that take events, and the stream that the events of each belong to: what `${stream}` stands for.
    #[serde(default = "paths")]
    #[schemars(extend("examples" = [{"/hooks/github": "github", "/hooks/stripe": "payments"}], "x-names" = ["path", "url"]))]
    pub(super) paths: BTreeMap<String, String>,
    /// What a client must show as `Authorization: Bearer ...`.
    #[schemars(extend("x-names" = ["bearer_token", "api_key"]))]
    pub(super) token: Option<Secret>,
    /// How each body must be signed.
    pub(super) signature: Option<Signature>,
    /// What is in a body.
    #[serde(default)]
    #[schemars(extend("x-names" = ["format", "codec", "decoding"]))]
    pub(super) body: Body,
    /// Which request headers a record keeps, in lower case; `[]` keeps none. Default: all but those that belong to the
    /// connection, `authorization`, cookies and signatures.
    pub(super) headers: Option<Vec<String>>,
    /// The largest body, also once it is decompressed. A larger one is refused with `413`.
    #[serde(default = "body_max")]
    #[schemars(extend("x-names" = ["max_body_size", "max_size"], "x-min" = "1KiB"))]
    pub(super) body_max: Size,
    /// The most events in one request; more are refused with `413`.
    #[serde(default = "events_max")]
    #[schemars(range(min = 1, max = 1000000))]
    pub(super) events_max: usize,
    /// The most headers of a request; more are refused with `431`.
    #[serde(default = "headers_max")]
    #[schemars(range(min = 1, max = 200))]
    pub(super) headers_max: usize,
    /// The most requests under way; more are answered `503` with `Retry-After`.
    #[serde(default = "requests_max")]
    #[schemars(range(min = 1, max = 100000))]
    pub(super) requests_max: usize,
    /// The most open connections; more wait until one is closed.
    #[serde(default = "connections_max")]
    #[schemars(range(min = 1, max = 100000))]
    pub(super) connections_max: usize,
    /// How much all bodies together may take that the pipeline has not taken yet; more is answered `503`.
    #[serde(default = "buffer")]
    pub(super) buffer: Size,
    /// How long a client may take to send the head of a request, and then its body (else `408`). A connection that says
    /// nothing for that long is closed.
    #[serde(default = "read_timeout")]
    #[schemars(extend("x-names" = ["timeout"]))]
    pub(super) read_timeout: Duration,
    /// How long a client waits for its events to become durable; after that the answer is `503`. They may be stored all
    /// the same.
    #[serde(default = "answer_timeout")]
    pub(super) answer_timeout: Duration,
    /// How long events wait at most until the sinks are asked to make them durable. With a lake's `hot_log` they wait 20 ms.
    #[serde(default = "commit_within")]
    #[schemars(extend("x-min" = "10ms"))]
    pub(super) commit_within: Duration,
}

/// What is in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    /// Told by the content type: lines if it is `application/x-ndjson` (or `application/ndjson`, `jsonl`, `json-lines`),
    /// the elements of a list if it is JSON and a list, else one event.
    #[default]
    Auto,
    /// One event, whatever it is.
    Event,
    /// One event on each line; empty lines are passed over.
    Ndjson,
    /// A JSON list; each element is an event, byte for byte as it stands there.
    Array,
}

/// How each body must be signed: with a secret that both sides know, over the body as it was sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    /// Whose way of signing.
    pub(super) scheme: Scheme,
    /// The secret.
    pub(super) secret: Secret,
    /// How far the time in a signature may be off, where there is one (`stripe`).
    #[serde(default = "tolerance")]
    pub(super) tolerance: Duration,
}

/// Whose way of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scheme {
    /// `X-Hub-Signature-256: sha256=...`, HMAC with SHA-256.
    Github,
    /// `X-Signature: ...`, HMAC with SHA-1.
    Segment,
    /// `Stripe-Signature: t=...,v1=...`, HMAC with SHA-256 over time and body.
    Stripe,
}

fn listen() -> String {
    "127.0.0.1:8080".into()
}

fn paths() -> BTreeMap<String, String> {
    [("/events".to_owned(), "events".to_owned())].into()
}

fn body_max() -> Size {
    Size::mib(8)
}

fn events_max() -> usize {
    10_000
}

fn headers_max() -> usize {
    64
}

fn requests_max() -> usize {
    256
}

fn connections_max() -> usize {
    1024
}

fn buffer() -> Size {
    Size::mib(32)
}

fn read_timeout() -> Duration {
    Duration::seconds(10)
}

fn answer_timeout() -> Duration {
    Duration::seconds(30)
}

fn commit_within() -> Duration {
    Duration::millis(250)
}

fn tolerance() -> Duration {
    Duration::seconds(300)
}

// === impl Config ===

impl Config {
    /// Checks what a schema cannot say; answers the address.
    pub(super) fn check(&self) -> Result<SocketAddr> {
        let address = self.address()?;
        if !address.ip().is_loopback() && self.token.is_none() && self.signature.is_none() {
            return Err(Error::config(
                "whoever reaches this address could post events: give a `token` or a `signature`, or listen on 127.0.0.1",
            )
            .at_key("listen"));
        }
        if self.paths.is_empty() {
            return Err(Error::config("a path is needed, such as {/events: events}").at_key("paths"));
        }
        for (path, stream) in &self.paths {
            if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
                return Err(
                    Error::config(format!("`{path}` is no path; one is written like `/events`")).at_key("paths")
                );
            }
            if stream.is_empty() {
                return Err(Error::config(format!("the stream of `{path}` needs a name")).at_key("paths"));
            }
        }
        if self.buffer.bytes() < self.body_max.bytes() {
            return Err(
                Error::config(format!("must hold at least one body of `body_max`, {}", self.body_max)).at_key("buffer")
            );
        }
        let secrets = [self.token.as_ref(), self.signature.as_ref().map(|signature| &signature.secret)];
        for (secret, key) in secrets.into_iter().zip(["token", "signature.secret"]) {
            if secret.is_some_and(|secret| secret.expose().is_empty()) {
                return Err(Error::config("is empty: everybody knows it").at_key(key));
            }
        }
        Ok(address)
    }

    /// The streams, each once.
    pub(super) fn streams(&self) -> impl Iterator<Item = &str> {
        self.paths.values().map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }

    fn address(&self) -> Result<SocketAddr> {
        let written = self.listen.replace("localhost:", "127.0.0.1:");
        written.parse().map_err(|_| {
            let text = format!("`{}` is no address with a port; one is written like `127.0.0.1:8080`", self.listen);
            Error::config(text).at_key("listen")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::source;

    fn check(config: &str, expected: &str) {
        let said = source("http", config).map(drop).map_or_else(|mistake| mistake.to_string(), |()| "fine".into());
        assert!(said.contains(expected), "{config}: {said}");
    }

    #[test]
    fn anything_but_this_machine_wants_to_know_who_posts() {
        check("{}", "fine");
        check("listen: localhost:9000", "fine");
        check("listen: '[::1]:9000'", "fine");
        check("listen: 0.0.0.0:8080", "give a `token` or a `signature`");
        check("{listen: 0.0.0.0:8080, token: t}", "fine");
        check("{listen: 0.0.0.0:8080, signature: {scheme: github, secret: s}}", "fine");
        check("{token: ''}", "everybody knows it");
        check("signature: {scheme: stripe, secret: ''}", "everybody knows it");
    }

    #[test]
    fn says_what_is_wrong_with_an_address_or_a_path() {
        check("listen: 8080", "is no address with a port");
        check("paths: {}", "a path is needed");
        check("paths: {events: events}", "`events` is no path");
        check("paths: {'/a?b': events}", "is no path");
        check("paths: {/events: ''}", "needs a name");
        check("{buffer: 1MiB, body_max: 2MiB}", "must hold at least one body");
    }
}
