//! One request: who sends it, what is in it, and what became of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use catchwater_sdk::ResultExt;
use catchwater_sdk::clock::Clock;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::answer::{Answer, Refusal};
use super::body::{self, Budget, Encoding, Held, larger_than};
use super::config::{Body, Config, Signature};
use super::events::split;
use super::signature::Token;

/// The events of one request, on their way to the pipeline.
pub(super) struct Delivery {
    /// The number of its stream.
    pub(super) stream: usize,
    pub(super) body: Vec<u8>,
    /// Where each event stands in the body.
    pub(super) events: Vec<Range<usize>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) properties: Vec<(&'static str, String)>,
    pub(super) arrived_micros: i64,
    pub(super) ticket: Ticket,
    pub(super) _held: Held,
}

/// Who waits for it. Dropped without an answer, it says that the events are not taken.
pub(super) struct Ticket {
    answer: oneshot::Sender<()>,
    _under_way: OwnedSemaphorePermit,
}

/// Takes requests.
pub(super) struct Intake {
    /// The number of each path's stream.
    paths: BTreeMap<String, usize>,
    token: Option<Token>,
    signature: Option<Signature>,
    body: Body,
    headers: Option<BTreeSet<String>>,
    body_max: usize,
    events_max: usize,
    headers_max: usize,
    read_timeout: Duration,
    answer_timeout: Duration,
    budget: Arc<Budget>,
    under_way: Arc<Semaphore>,
    queue: mpsc::Sender<Delivery>,
    clock: Arc<dyn Clock>,
}

/// Bodies above that are looked at off the threads that must not wait.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Headers that are about the connection or the body's way, or that nobody else should see.
const NOT_KEPT: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "stripe-signature",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature",
];

// === impl Ticket ===

impl Ticket {
    /// The events are durable everywhere.
    pub(super) fn stored(self) {
        let _ = self.answer.send(()); // a client that has gone does not hear it
    }
}

// === impl Intake ===

impl Intake {
    /// One that fills the queue whose other end it gives back.
    pub(super) fn new(config: Config, clock: Arc<dyn Clock>) -> (Intake, mpsc::Receiver<Delivery>) {
        let (queue, deliveries) = mpsc::channel(config.requests_max);
        let streams: Vec<_> = config.streams().map(str::to_owned).collect();
        let number = |stream: &String| streams.iter().position(|known| known == stream).expect("each is known");
        let intake = Intake {
            paths: config.paths.iter().map(|(path, stream)| (path.clone(), number(stream))).collect(),
            token: config.token.as_ref().map(Token::new),
            signature: config.signature,
            body: config.body,
            headers: config.headers.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect()),
            body_max: config.body_max.as_usize(),
            events_max: config.events_max,
            headers_max: config.headers_max,
            read_timeout: config.read_timeout.get(),
            answer_timeout: config.answer_timeout.get(),
            budget: Budget::new(config.buffer.as_usize()),
            under_way: Arc::new(Semaphore::new(config.requests_max)),
            queue,
            clock,
        };
        (intake, deliveries)
    }

    pub(super) fn read_timeout(&self) -> Duration {
        self.read_timeout
    }

    /// Answers once the events are durable, or why they are not.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let (head, mut body) = request.into_parts();
        match self.take(&head, &mut body, peer).await {
            Ok(records) => Answer::Stored(records),
            Err(refusal) => {
                // Who waits for leave to send the body is not given it.
                if !body.is_end_stream() && !head.headers.contains_key(EXPECT) {
                    body::discard(body).await;
                }
                refusal.into()
            }
        }
    }

    async fn take(&self, head: &Parts, body: &mut Incoming, peer: SocketAddr) -> Result<usize, Refusal> {
        self.admit(&head.headers)?;
        let stream = self.route(head)?;
        let under_way = Arc::clone(&self.under_way).try_acquire_owned();
        let under_way = under_way.map_err(|_| Refusal::not_now("too many requests are under way"))?;
        let encoding = Encoding::of(&head.headers)?;
        if body.size_hint().lower() > self.body_max as u64 {
            return Err(larger_than(self.body_max));
        }
        let mut held = Held::nothing_of(&self.budget);
        let sent = body::read(body, self.body_max, self.read_timeout, &mut held).await?;
        self.verify(&head.headers, &sent)?;
        let (body, events, held) = self.unpack(encoding, &head.headers, sent, held).await?;
        let records = events.len();
        if records > 0 {
            let (headers, properties) = (self.kept(&head.headers), properties(head, peer));
            let arrived_micros = self.clock.now_micros();
            let deliver =
                |ticket| Delivery { stream, body, events, headers, properties, arrived_micros, ticket, _held: held };
            self.deliver(under_way, deliver).await?;
        }
        Ok(records)
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.len() > self.headers_max {
            return Err(Refusal::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!("the request has more than {} headers", self.headers_max),
                "send fewer, or raise `headers_max`",
            ));
        }
        match &self.token {
            Some(token) if !token.is_shown(headers) => Err(Refusal::unauthorized(
                "the token is missing or wrong",
                "send the header `Authorization: Bearer TOKEN` with the source's `token`",
            )),
            _ => Ok(()),
        }
    }

    fn route(&self, head: &Parts) -> Result<usize, Refusal> {
        let path = head.uri.path();
        let stream = self.paths.get(path).ok_or_else(|| {
            let help = "post to one of the source's `paths`";
            Refusal::new(StatusCode::NOT_FOUND, format!("no events are taken at {path}"), help)
        })?;
        match head.method {
            Method::POST | Method::PUT => Ok(*stream),
            _ => Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} brings no events", head.method),
                "send events with POST",
            )),
        }
    }

    fn verify(&self, headers: &HeaderMap, sent: &[u8]) -> Result<(), Refusal> {
        let Some(signature) = &self.signature else { return Ok(()) };
        let help = "sign the body as it is sent, with the secret that the source has";
        signature.verify(headers, sent, self.clock.now_micros()).map_err(|error| Refusal::unauthorized(error, help))
    }

    /// The body as its sender had it, and where its events stand.
    async fn unpack(
        &self,
        encoding: Encoding,
        headers: &HeaderMap,
        sent: Vec<u8>,
        mut held: Held,
    ) -> Result<(Vec<u8>, Vec<Range<usize>>, Held), Refusal> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let (kind, body_max, events_max) = (self.body, self.body_max, self.events_max);
        let inline = encoding == Encoding::Identity && sent.len() <= INLINE_BYTES_MAX;
        let unpack = move || {
            let body = body::inflate(encoding, sent, body_max, &mut held)?;
            let events = split(kind, &content_type, &body, events_max)?;
            held.grow(events.len() * size_of::<Range<usize>>())?;
            Ok((body, events, held))
        };
        if inline {
            return unpack();
        }
        let unpacked = tokio::task::spawn_blocking(unpack).await.or_bug(|| "unpack a body".into());
        unpacked.unwrap_or_else(|error| {
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.chain(), "please report this"))
        })
    }

    fn kept(&self, headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
        let is_kept = |name: &str| match &self.headers {
            Some(names) => names.contains(name),
            None => !NOT_KEPT.contains(&name),
        };
        let kept = headers.iter().filter(|(name, _)| is_kept(name.as_str()));
        kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
    }

    async fn deliver(
        &self,
        under_way: OwnedSemaphorePermit,
        deliver: impl FnOnce(Ticket) -> Delivery,
    ) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        let delivery = deliver(Ticket { answer, _under_way: under_way });
        let stored = async {
            let stops = |_| Refusal::not_now("the pipeline stops");
            self.queue.send(delivery).await.map_err(stops)?;
            answered
                .await
                .map_err(|_| Refusal::not_now("the pipeline stopped or started anew before the events were durable"))
        };
        let late = |_| {
            let after = self.answer_timeout.as_secs_f64();
            Refusal::not_now(format!("the events are not durable after {after} s; they may be stored all the same"))
        };
        timeout(self.answer_timeout, stored).await.map_err(late)?
    }
}

fn properties(head: &Parts, peer: SocketAddr) -> Vec<(&'static str, String)> {
    let mut properties = vec![("method", head.method.to_string()), ("path", head.uri.path().to_owned())];
    properties.extend(head.uri.query().map(|query| ("query", query.to_owned())));
    properties.push(("remote_address", peer.ip().to_string()));
    properties
}
