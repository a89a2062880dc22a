//! Connections: how many, how long they may keep silent, and their end.
//!
//! On hyper itself: `axum::serve` does not let a slow head time out.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use catchwater_sdk::{Error, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::intake::Intake;

/// A head of more bytes is answered `431`.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Above what a setting allows: those are refused in words.
const HEADERS_MAX: usize = 256;
/// How long requests that were answered may take to hear it, once the source closes.
const CLOSING: Duration = Duration::from_secs(5);
/// How long no connection is accepted after one could not be: out of file descriptors, for example.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A listening server.
pub(super) struct Server {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

// === impl Server ===

impl Server {
    /// Accepts from now on.
    pub(super) fn start(listener: TcpListener, intake: Intake, connections_max: usize) -> Server {
        let (stop, stopped) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(connections_max));
        let accepting = tokio::spawn(accept(listener, Arc::new(intake), connections, stopped));
        Server { stop, accepting }
    }

    /// Accepts no more, lets the answers that are due go out, closes.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.accepting.await; // it ends within `CLOSING`
    }
}

/// Takes the address.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))?;
    let address = listener.local_addr().map_err(|error| cannot_listen(address, error))?;
    info!(%address, "listening for events over HTTP");
    Ok(listener)
}

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Error {
    let doing = format!("listen on {address}");
    match error.kind() {
        // Another process may be about to leave.
        ErrorKind::AddrInUse => Error::unavailable(doing).because(error),
        _ => Error::refused(doing).because(error),
    }
}

async fn accept(
    listener: TcpListener,
    intake: Arc<Intake>,
    connections: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    let stop = stopped.clone();
    let accepting = async {
        loop {
            while open.try_join_next().is_some() {}
            let permit = Arc::clone(&connections).acquire_owned().await.expect("nobody closes it");
            match listener.accept().await {
                Ok((stream, peer)) => drop(open.spawn(serve(stream, peer, Arc::clone(&intake), permit, stop.clone()))),
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop_wished(&mut stopped) => {}
    }
    drop(listener);
    let closed = async { while open.join_next().await.is_some() {} };
    if timeout(CLOSING, closed).await.is_err() {
        warn!("clients that were slow to hear their answer were cut off");
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    intake: Arc<Intake>,
    _permit: OwnedSemaphorePermit,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let read_timeout = intake.read_timeout();
    let service = service_fn(|request| {
        let intake = Arc::clone(&intake);
        async move { Ok::<_, Infallible>(intake.answer(request, peer).await.into_response()) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(read_timeout);
    server.max_headers(HEADERS_MAX).max_header_size(HEAD_BYTES_MAX);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop_wished(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection ended early");
    }
}

async fn stop_wished(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await; // a source that is gone wishes for the same
}
