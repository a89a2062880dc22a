//! `catchwater serve`: a server that keeps pipelines running until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use catchwater_engine::spec::Retry;
use catchwater_engine::topology::Topology;
use catchwater_sdk::config::Duration;
use catchwater_sdk::{Registry, Result, ResultExt};
use catchwater_server::{Access, Brokers, Reload, Server, Settings, Token, Watch, Wrong, http};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::info;

use crate::output::complain;
use crate::run::{Means, Signals, exit_at_once, host, runtime};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of pipelines.
    folder: PathBuf,
    /// Where the API is.
    #[arg(long, env = "CATCHWATER_LISTEN", default_value = "127.0.0.1:8083", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A file with the token that clients have to show; needed where others can reach the address.
    #[arg(long, env = "CATCHWATER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long a changed pipeline may take to connect before what ran before it is put back.
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    put_back_after: Duration,
    #[command(flatten)]
    pub(crate) means: Means,
}

/// Exits 0 after a stop that was asked for, 1 when the server cannot work.
pub(crate) fn serve(arguments: &Arguments, registry: Registry) -> ExitCode {
    let runtime = runtime();
    let served = runtime.block_on(serve_until_stopped(arguments, Arc::new(registry)));
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            complain(&wrong.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn serve_until_stopped(arguments: &Arguments, registry: Arc<Registry>) -> Result<(), Wrong> {
    let mut signals = Signals::listen()?;
    let hang_ups = signal(SignalKind::hangup()).or_bug(|| "listen for SIGHUP".into())?;
    let token = arguments.token_file.as_deref().map(Token::read).transpose()?;
    let access = Access::new(arguments.listen, token)?;
    let (host, _slot) = host(&arguments.means)?;
    let listener =
        TcpListener::bind(arguments.listen).await.or_refused(|| format!("listen on {}", arguments.listen))?;
    let (folder, data_dir) = (arguments.folder.clone(), arguments.means.data_dir.clone());
    let settings = Settings { folder, data_dir, brokers: brokers() };
    let topology =
        Topology::new(Arc::clone(&registry), host).recovering(recovery()).with_patience(arguments.put_back_after.get());
    let server = Server::open(settings, registry, topology)?;
    let watch = Watch::new(server.clone());
    server.reload(Reload::Start).await?;
    let address = listener.local_addr().or_bug(|| "ask for the port".into())?;
    info!(%address, "serving");
    let (stop, stopped) = oneshot::channel::<()>();
    let http = tokio::spawn(http::serve(server.clone(), listener, access, async { drop(stopped.await) }));
    let watching = [tokio::spawn(watch.watch()), tokio::spawn(reload_when_asked(server.clone(), hang_ups))];
    signals.next().await;
    watching.iter().for_each(JoinHandle::abort);
    info!("draining; once more to stop at once");
    tokio::select! {
        () = server.stop_all() => {}
        () = signals.next() => exit_at_once(),
    }
    drop(stop);
    http.abort(); // a client that keeps its connection open does not keep the server
    Ok(())
}

/// SIGHUP, as of old.
async fn reload_when_asked(server: Server, mut hang_ups: Signal) {
    while hang_ups.recv().await.is_some() {
        let _ = server.reload(Reload::Asked).await; // it has said itself what is wrong
    }
}

#[cfg(feature = "kafka")]
fn brokers() -> Option<Arc<dyn Brokers>> {
    Some(Arc::new(crate::brokers::Kafka))
}

#[cfg(not(feature = "kafka"))]
fn brokers() -> Option<Arc<dyn Brokers>> {
    None
}

/// Soon at first, then ever more rarely.
fn recovery() -> Retry {
    Retry { initial: Duration::seconds(1), max: Duration::seconds(300), attempts: None }
}
