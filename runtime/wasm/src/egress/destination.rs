//! One destination that is granted, and the client that goes there.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};

use super::address::{Checked, Lookup, OutOfBounds, Scope};
use super::{away, denied};
use crate::bindings::egress::Trouble;
use crate::grants;

/// How long connecting may take, whatever a call may.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) struct Destination {
    origin: Url,
    /// What the host adds.
    headers: HeaderMap,
    lookup: Lookup,
    /// How near what the name stands for may be.
    nearest: Scope,
    client: OnceLock<Client>,
}

// === impl Destination ===

impl Destination {
    /// Reads a grant; else the key that is wrong, and how.
    pub(super) fn read(granted: &grants::Destination, lookup: &Lookup) -> Result<Destination, (String, String)> {
        let origin = origin(&granted.to).map_err(|what| ("to".to_owned(), what))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &granted.headers {
            let wrong = |what: &str| (format!("headers.{name}"), format!("is no {what} of a header"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("name"))?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong("value"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        let nearest = if names_port(&granted.to) { Scope::Private } else { Scope::Public };
        Ok(Destination { origin, headers, lookup: Arc::clone(lookup), nearest, client: OnceLock::new() })
    }

    /// Whether scheme, host and port are these. An address as such is granted by that, however near it is.
    pub(super) fn covers(&self, url: &Url) -> bool {
        self.origin.origin() == url.origin()
    }

    /// A request's headers: what the grant has counts, and what the plugin said of the same name does not.
    pub(super) fn headers(&self, mut own: HeaderMap) -> HeaderMap {
        for (name, value) in &self.headers {
            own.insert(name, value.clone());
        }
        own
    }

    pub(super) fn client(&self) -> Result<&Client, Trouble> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.connect().map_err(|error| away(format!("set up an HTTP client: {error}")))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn connect(&self) -> reqwest::Result<Client> {
        let checked = Checked { lookup: Arc::clone(&self.lookup), nearest: self.nearest };
        Client::builder()
            .user_agent(concat!("catchwater/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            // A body that is small on the way and large here would not be bounded where it is counted.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(CONNECT)
            .dns_resolver(Arc::new(checked))
            .build()
    }
}

fn origin(to: &str) -> Result<Url, String> {
    let url = Url::parse(to).map_err(|error| format!("is no address: {error}"))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "http" | "https" if is_bare && is_anonymous => Ok(url),
        "http" | "https" => Err("is scheme, host and port, and nothing else".into()),
        scheme => Err(format!("begins with `{scheme}`, and must with `http` or `https`")),
    }
}

/// Whether the port is written out, also one that goes without saying.
fn names_port(to: &str) -> bool {
    let authority = to.split_once("://").map_or(to, |(_, authority)| authority).trim_end_matches('/');
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Why there is no answer; whether it would go better later.
pub(super) fn failed(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut innermost = error.to_string();
    while let Some(error) = cause {
        if let Some(out) = error.downcast_ref::<OutOfBounds>() {
            return denied(out.to_string());
        }
        innermost = error.to_string();
        cause = error.source();
    }
    away(innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_an_origin() {
        for to in ["https://api.example.com", "http://127.0.0.1:8080/", "http://[::1]:80"] {
            origin(to).expect(to);
        }
        for to in ["api.example.com", "ftp://a", "https://a/path", "https://a?b", "https://user@a", "https://a#b", ""] {
            origin(to).expect_err(to);
        }
    }

    #[test]
    fn a_port_is_named_or_goes_without_saying() {
        for (to, named) in [("http://a:80", true), ("http://a", false), ("http://[::1]", false), ("http://a:", false)] {
            assert_eq!(names_port(to), named, "{to}");
        }
    }
}
