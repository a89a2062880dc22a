//! The server that a case names: gives the answers of the case in their order, and notes what it was sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catchwater_sdk::{Result, ResultExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server answers to one request.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    #[serde(default = "status")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) body: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

fn status() -> u16 {
    200
}

/// A server on this machine, for one case.
pub(super) struct Server {
    pub(super) address: String,
    script: Arc<Mutex<Script>>,
    serving: JoinHandle<()>,
}

struct Script {
    answers: VecDeque<Answer>,
    /// Nothing is noted where the answers come over and over.
    sent: Option<Vec<String>>,
}

// === impl Server ===

impl Server {
    /// Gives each answer once.
    pub(super) async fn start(answers: &[Answer]) -> Result<Server> {
        Server::with(Script { answers: answers.iter().cloned().collect(), sent: Some(Vec::new()) }).await
    }

    /// Gives the answers over and over, or an empty one where there are none.
    pub(super) async fn endless(answers: &[Answer]) -> Result<Server> {
        let mut answers: VecDeque<_> = answers.iter().cloned().collect();
        if answers.is_empty() {
            answers.push_back(Answer { status: status(), body: String::new() });
        }
        Server::with(Script { answers, sent: None }).await
    }

    async fn with(script: Script) -> Result<Server> {
        let doing = || "start a server for the case".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.or_refused(doing)?;
        let address = format!("http://{}", listener.local_addr().or_refused(doing)?);
        let script = Arc::new(Mutex::new(script));
        let serving = tokio::spawn(serve(listener, Arc::clone(&script)));
        Ok(Server { address, script, serving })
    }

    /// The bodies of the requests so far.
    pub(super) fn sent(&self) -> Vec<String> {
        lock(&self.script).sent.clone().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

// === impl Script ===

impl Script {
    fn answer(&mut self, body: &[u8]) -> Answer {
        let none = Answer { status: 404, body: "the case has no more `answers`".into() };
        let answer = self.answers.pop_front().unwrap_or(none);
        match &mut self.sent {
            Some(sent) => sent.push(String::from_utf8_lossy(body).into_owned()),
            None => self.answers.push_back(answer.clone()),
        }
        answer
    }
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((connection, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        let service = service_fn(move |request| answer(Arc::clone(&script), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}

async fn answer(script: Arc<Mutex<Script>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let Answer { status, body } = lock(&script).answer(&body);
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status.try_into().unwrap_or_default();
    Ok(response)
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
