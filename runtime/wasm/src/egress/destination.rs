//! One destination that is granted, and the client that goes there.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};

use super::address::{Checked, Lookup, OutOfBounds};
use super::origin::Origin;
use super::{away, denied};
use crate::bindings::egress::Trouble;
use crate::grants;

/// How long connecting may take, whatever a call may.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) struct Destination {
    origin: Origin,
    /// What the host adds.
    headers: HeaderMap,
    lookup: Lookup,
    client: OnceLock<Client>,
}

// === impl Destination ===

impl Destination {
    /// Reads a grant; else the key that is wrong, and how.
    pub(super) fn read(granted: &grants::Destination, lookup: &Lookup) -> Result<Destination, (String, String)> {
        let origin = Origin::read(&granted.to).map_err(|what| ("to".to_owned(), what))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &granted.headers {
            let wrong = |what: &str| (format!("headers.{name}"), format!("is no {what} of a header"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("name"))?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong("value"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(Destination { origin, headers, lookup: Arc::clone(lookup), client: OnceLock::new() })
    }

    /// Whether scheme, host and port are these. An address as such is granted by that, however near it is.
    pub(super) fn covers(&self, url: &Url) -> bool {
        self.origin.is_of(url)
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
        let checked = Checked { lookup: Arc::clone(&self.lookup), nearest: self.origin.nearest() };
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
