//! Requests that the host makes for a plugin, to the destinations that its pipeline grants and nowhere else.
//!
//! `request -> Destination (scheme, host and port are granted) -> addresses of the name, checked -> answer, bounded`
//!
//! Architecture Invariant: what a plugin says decides nothing but the path, the query, the body and headers that are its
//! own. No redirect is followed, since it could lead anywhere; no proxy is used, since a variable of the environment would
//! name it; addresses are checked where they are connected to, so that a name cannot change in between.

mod address;
mod destination;
mod origin;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use self::address::Lookup;
use self::destination::{Destination, failed};
pub(crate) use self::origin::Origin;
use crate::bindings::egress::{Header, Request, Response, Trouble, TroubleKind};
use crate::grants::Grants;
use crate::journal::plain;

/// What is granted to one step.
pub(crate) struct Egress {
    destinations: Vec<Destination>,
    whole: Budget,
    body_bytes_max: usize,
    is_stopped: watch::Sender<bool>,
}

/// What is left of what one call may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    requests: u32,
    time: Duration,
}

/// So many headers a request may have.
const HEADERS_MAX: usize = 100;
/// Headers that say how a message is sent, and are the host's.
const HOSTS_OWN: [&str; 9] =
    ["host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"];

// === impl Egress ===

impl Egress {
    /// Reads what is granted; nobody is contacted.
    pub(crate) fn new(grants: &Grants) -> Result<Egress> {
        Egress::with_lookup(grants, &address::system())
    }

    fn with_lookup(grants: &Grants, lookup: &Lookup) -> Result<Egress> {
        let mut destinations = Vec::new();
        for (number, granted) in grants.egress.iter().enumerate() {
            let read = Destination::read(granted, lookup);
            destinations.push(
                read.map_err(|(key, what)| Error::config(what).at_key(format!("grants.egress[{number}].{key}")))?,
            );
        }
        let whole = Budget { requests: *grants.requests_max, time: grants.requests_time_max.get() };
        let is_stopped = watch::Sender::new(false);
        Ok(Egress { destinations, whole, body_bytes_max: grants.body_max.as_usize(), is_stopped })
    }

    /// What one call may take.
    pub(crate) fn budget(&self) -> Budget {
        self.whole
    }

    /// Ends what is under way, for good.
    pub(crate) fn stop(&self) {
        self.is_stopped.send_replace(true);
    }

    /// Sends a request and waits for the answer. Called in a thread that may wait.
    pub(crate) fn send(&self, request: Request, budget: &mut Budget) -> Result<Response, Trouble> {
        let (destination, url) = self.find(&request.url)?;
        if request.body.len() > self.body_bytes_max {
            return Err(self.too_large("the request"));
        }
        let method = method(&request.method)?;
        let headers = destination.headers(own_headers(&request.headers)?);
        self.take(budget)?;
        let runtime = Handle::try_current().map_err(|_| away("nothing is running that could send it"))?;
        let started = Instant::now();
        let answer = runtime.block_on(async {
            let outgoing = destination.client()?.request(method, url).headers(headers).body(request.body);
            let mut is_stopped = self.is_stopped.subscribe();
            tokio::select! {
                answer = timeout(budget.time, self.exchange(outgoing)) => answer.unwrap_or_else(|_| Err(self.too_slow())),
                _ = is_stopped.wait_for(|is_stopped| *is_stopped) => Err(away("the pipeline stops")),
            }
        });
        budget.time = budget.time.saturating_sub(started.elapsed());
        answer
    }

    /// The destination that this address belongs to.
    fn find(&self, text: &str) -> Result<(&Destination, Url), Trouble> {
        let url = Url::parse(text).map_err(|error| denied(format!("`{}` is no address: {error}", plain(text))))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(denied("credentials do not stand in an address: the pipeline's grant has them".into()));
        }
        match self.destinations.iter().find(|destination| destination.covers(&url)) {
            Some(destination) => Ok((destination, url)),
            None => Err(denied(format!("`{}` is not granted", plain(&url.origin().ascii_serialization())))),
        }
    }

    fn take(&self, budget: &mut Budget) -> Result<(), Trouble> {
        if budget.requests == 0 {
            let max = self.whole.requests;
            return Err(bounded(format!("one call may send {max} requests (`grants.requests_max`)")));
        }
        budget.requests -= 1;
        match budget.time.is_zero() {
            true => Err(self.too_slow()),
            false => Ok(()),
        }
    }

    async fn exchange(&self, outgoing: reqwest::RequestBuilder) -> Result<Response, Trouble> {
        let mut answer = outgoing.send().await.map_err(failed)?;
        let (status, headers) = (answer.status().as_u16(), texts(answer.headers()));
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > self.body_bytes_max {
                return Err(self.too_large("the answer"));
            }
            body.extend_from_slice(&part);
        }
        Ok(Response { status, headers, body })
    }

    fn too_large(&self, what: &str) -> Trouble {
        bounded(format!("the body of {what} has more than {} bytes (`grants.body_max`)", self.body_bytes_max))
    }

    fn too_slow(&self) -> Trouble {
        let time = self.whole.time;
        away(format!("the requests of one call took longer than {time:?} (`grants.requests_time_max`)"))
    }
}

fn method(text: &str) -> Result<Method, Trouble> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if method != Method::CONNECT && method != Method::TRACE => Ok(method),
        _ => Err(denied(format!("`{}` is no method that can be sent", plain(text)))),
    }
}

/// What the plugin says itself, without what is the host's to say.
fn own_headers(headers: &[Header]) -> Result<HeaderMap, Trouble> {
    if headers.len() > HEADERS_MAX {
        return Err(bounded(format!("a request with {} headers, and {HEADERS_MAX} may be", headers.len())));
    }
    let mut own = HeaderMap::new();
    for Header { name, value } in headers {
        let wrong = || denied(format!("`{}` is no header that a plugin can send", plain(name)));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        if HOSTS_OWN.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
            return Err(wrong());
        }
        own.append(name.clone(), HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(own)
}

fn texts(headers: &HeaderMap) -> Vec<Header> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
    };
    headers.iter().filter_map(text).collect()
}

fn denied(message: String) -> Trouble {
    Trouble { kind: TroubleKind::Denied, message }
}

fn bounded(message: String) -> Trouble {
    Trouble { kind: TroubleKind::Bounded, message }
}

fn away(message: impl Into<String>) -> Trouble {
    Trouble { kind: TroubleKind::Away, message: message.into() }
}
