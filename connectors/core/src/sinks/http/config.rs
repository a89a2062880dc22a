//! What a user says about the sink.

use std::collections::BTreeMap;

use catchwater_sdk::config::{Duration, Part, Secret, Size, Template};
use catchwater_sdk::{Context, Error, Result, ResultExt};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::Tls;

/// Posts records to a server over HTTP: one by one, as lines, or as lists.
///
/// A record is done once the server has answered with a status from 200 to 299. While it is away, is busy (408, 425, 429)
/// or fails (5xx), the same request is sent again with growing pauses, or when `Retry-After` says. Any other status from
/// 400 to 499 blames the records: a request of several is halved until those to blame stand alone, and they are rejected
/// with the answer. 401, 403 and 407 stop the pipeline, as does a redirect, which is never followed.
///
/// With `concurrency: 1` records of a partition arrive in order. A record is sent at least once: after a crash, or an
/// answer that was lost, it comes again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to; may differ from record to record. What a placeholder stands for is percent-encoded, so that no record
    /// can choose another path or server.
    #[schemars(extend("examples" = ["http://localhost:8000/events", "https://example.com/${stream}/${field:customer.id}"]))]
    #[schemars(extend("x-names" = ["uri", "endpoint", "address"]))]
    url: Template,
    /// With which method.
    #[serde(default)]
    #[schemars(extend("x-names" = ["verb"]))]
    method: Method,
    /// How many records a request holds, and how.
    #[serde(default)]
    #[schemars(extend("x-names" = ["batching", "framing"]))]
    body: Body,
    /// What is sent of a record.
    #[serde(default)]
    #[schemars(extend("x-names" = ["format", "codec"]))]
    encoding: Encoding,
    /// The most records in one request, with `ndjson` and `array`.
    #[serde(default = "batch_records")]
    #[schemars(range(min = 1, max = 100000))]
    batch_records: usize,
    /// No further record once a request holds so much, with `ndjson` and `array`.
    #[serde(default = "batch_size")]
    #[schemars(extend("x-min" = "1KiB"))]
    batch_size: Size,
    /// Headers to send; their values may differ from record to record. `content-type` follows from `body` unless it is
    /// here.
    #[serde(default)]
    #[schemars(extend("examples" = [{"x-stream": "${stream}", "content-type": "text/plain"}]))]
    headers: BTreeMap<String, Template>,
    /// Sent as `Authorization: Bearer ...`.
    #[schemars(extend("x-names" = ["bearer_token", "api_key"]))]
    token: Option<Secret>,
    /// Sent as `Authorization: Basic ...`.
    #[schemars(extend("x-names" = ["basic_auth", "auth"]))]
    basic: Option<Basic>,
    /// TLS towards the server, for `https://`. Without it the certificate authorities of the system are trusted.
    #[schemars(extend("x-names" = ["ssl"]))]
    tls: Option<Tls>,
    /// How bodies are compressed.
    #[serde(default)]
    compression: Compression,
    /// How many requests may be under way at once. With more than one, records of a partition may arrive out of order.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 64), extend("x-names" = ["max_in_flight", "parallelism"]))]
    concurrency: usize,
    /// How long one request may take, from connecting to the end of the answer. Then it is sent again.
    #[serde(default = "timeout")]
    timeout: Duration,
    /// The longest wait that a `Retry-After` is granted.
    #[serde(default = "retry_after_max")]
    retry_after_max: Duration,
}

/// With which method.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Method {
    /// Here is something new.
    #[default]
    #[serde(rename = "POST", alias = "post")]
    Post,
    /// This is what is at that address from now on.
    #[serde(rename = "PUT", alias = "put")]
    Put,
    /// This changes what is at that address.
    #[serde(rename = "PATCH", alias = "patch")]
    Patch,
}

/// How many records a request holds, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    /// One record.
    #[default]
    Event,
    /// Several, each on a line. A payload with a newline is rejected.
    Ndjson,
    /// Several, as a JSON list. A payload that is not JSON is rejected.
    Array,
}

/// What is sent of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    /// The payload as it is. A tombstone has none and is rejected.
    #[default]
    Payload,
    /// A JSON object with all that the record has: source, stream, partition, position, timestamp, key, headers,
    /// properties, payload, and redelivered where it is true.
    Json,
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With `Content-Encoding: gzip`.
    Gzip,
}

/// A user and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    /// The user.
    #[schemars(extend("x-names" = ["username"]))]
    user: String,
    /// The password.
    password: Secret,
}

fn batch_records() -> usize {
    500
}

fn batch_size() -> Size {
    Size::mib(1)
}

fn concurrency() -> usize {
    1
}

fn timeout() -> Duration {
    Duration::seconds(30)
}

fn retry_after_max() -> Duration {
    Duration::seconds(300)
}

/// What the sink is to do; nothing is touched yet.
pub(super) struct Plan {
    pub(super) url: Template,
    pub(super) method: reqwest::Method,
    pub(super) body: Body,
    pub(super) encoding: Encoding,
    /// How much one request holds.
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
    pub(super) headers: Vec<(HeaderName, Template)>,
    /// The same for each request.
    pub(super) fixed: Vec<(HeaderName, HeaderValue)>,
    pub(super) tls: Tls,
    pub(super) compression: Compression,
    pub(super) concurrency: usize,
    pub(super) timeout: std::time::Duration,
    pub(super) retry_after_max: std::time::Duration,
    pub(super) buffer_bytes: usize,
}

impl Plan {
    /// Checks what a schema cannot say.
    pub(super) fn new(config: Config, context: &Context) -> Result<Plan> {
        check_url(&config.url)?;
        config.tls.iter().for_each(|tls| tls.note_files(context));
        let mut headers = Vec::with_capacity(config.headers.len());
        for (name, value) in &config.headers {
            let at = || format!("headers.{name}");
            let known = HeaderName::try_from(name).or_config(|| format!("`{name}` is no name of a header"));
            headers.push((known.map_err(|error| error.at_key(at()))?, value.clone()));
        }
        let fixed = fixed(&config, &headers)?;
        let (records_max, bytes_max) = match config.body {
            Body::Event => (1, usize::MAX),
            _ => (config.batch_records, config.batch_size.as_usize()),
        };
        Ok(Plan {
            url: config.url,
            method: match config.method {
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Patch => reqwest::Method::PATCH,
            },
            body: config.body,
            encoding: config.encoding,
            records_max,
            bytes_max,
            headers,
            fixed,
            tls: config.tls.unwrap_or_default(),
            compression: config.compression,
            concurrency: config.concurrency,
            timeout: config.timeout.get(),
            retry_after_max: config.retry_after_max.get(),
            buffer_bytes: usize::try_from(context.memory_bytes / 4).unwrap_or(usize::MAX).max(1 << 20),
        })
    }
}

fn check_url(url: &Template) -> Result<()> {
    let no_server = || Error::config("must begin with `http://` or `https://` and a server").at_key("url");
    let Some(Part::Text(start)) = url.parts().first() else { return Err(no_server()) };
    let server = start.strip_prefix("http://").or_else(|| start.strip_prefix("https://")).ok_or_else(no_server)?;
    if url.constant().is_none() && !server.contains('/') {
        let text = "no record may choose the server: placeholders come behind the first `/`";
        return Err(Error::config(text).at_key("url"));
    }
    // More slashes would be passed over, and what follows them be the server.
    if server.is_empty() || server.starts_with(['/', '\\']) {
        return Err(no_server());
    }
    if start.starts_with("https://") && cfg!(not(feature = "http-tls")) {
        return Err(
            Error::config("this program was built without TLS; build it with the feature `http-tls`").at_key("url")
        );
    }
    let parsed =
        reqwest::Url::parse(start).or_config(|| format!("`{start}` is no URL")).map_err(|e| e.at_key("url"))?;
    match parsed.username().is_empty() && parsed.password().is_none() {
        true => Ok(()),
        false => Err(Error::config("a password in a URL ends up in logs: use `basic`").at_key("url")),
    }
}

fn fixed(config: &Config, headers: &[(HeaderName, Template)]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let is_given = |name: &HeaderName| headers.iter().any(|(given, _)| given == name);
    let mut fixed = Vec::new();
    if !is_given(&CONTENT_TYPE) {
        let kind = if config.body == Body::Ndjson { "application/x-ndjson" } else { "application/json" };
        fixed.push((CONTENT_TYPE, HeaderValue::from_static(kind)));
    }
    let (value, key) = match (&config.token, &config.basic) {
        (None, None) => return Ok(fixed),
        (Some(_), Some(_)) => return Err(Error::config("give `token` or `basic`, not both").at_key("token")),
        (Some(token), None) => (format!("Bearer {}", token.expose()), "token"),
        (None, Some(basic)) => (basic.header(), "basic"),
    };
    if is_given(&AUTHORIZATION) {
        return Err(Error::config("`headers` has an `authorization` of its own").at_key(key));
    }
    // The cause would show the secret.
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| Error::config("holds characters that no header may have, such as a newline").at_key(key))?;
    value.set_sensitive(true);
    fixed.push((AUTHORIZATION, value));
    Ok(fixed)
}

impl Basic {
    fn header(&self) -> String {
        use base64::Engine;
        let pair = format!("{}:{}", self.user, self.password.expose());
        format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::sink;

    fn check(config: &str, expected: &str) {
        let said = sink("http", config).map(drop).map_or_else(|mistake| mistake.to_string(), |()| "fine".into());
        assert!(said.contains(expected), "{config}: {said}");
    }

    #[test]
    fn a_url_names_the_server_before_anything_of_a_record() {
        check("url: http://localhost:8000/${stream}", "fine");
        check("url: http://localhost:8000", "fine");
        check("url: localhost:8000", "must begin with");
        check("url: ${stream}", "must begin with");
        check("url: http:///x${stream}", "must begin with");
        check("url: http://", "must begin with");
        check("url: http://${stream}/", "no record may choose the server");
        check("url: http://a:b@localhost/", "use `basic`");
        check("url: 'http://[::1/'", "is no URL");
    }

    #[test]
    fn one_way_to_say_who_we_are_is_enough() {
        check("{url: 'http://h/', token: t}", "fine");
        check("{url: 'http://h/', basic: {user: u, password: p}}", "fine");
        check("{url: 'http://h/', token: t, basic: {user: u, password: p}}", "not both");
        check("{url: 'http://h/', token: t, headers: {Authorization: x}}", "of its own");
        check("{url: 'http://h/', headers: {'a b': x}}", "is no name of a header");
        check("{url: 'http://h/', token: \"a\\nb\"}", "such as a newline");
    }
}
