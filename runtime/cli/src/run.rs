//! `catchwater run`: pipelines without a server; ends with their sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_engine::data_dir::DataDir;
use catchwater_engine::plan::{Plan, plan};
use catchwater_engine::spec::Pipeline;
use catchwater_engine::status::Status;
use catchwater_engine::topology::{Host, Stopper, Topology};
use catchwater_lake::{Forgotten, forgotten_hot_logs};
use catchwater_sdk::clock::SystemClock;
use catchwater_sdk::config::Size;
use catchwater_sdk::{Error, Registry, Result, ResultExt};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::allocator;
use crate::output::{complain, complaints_have_colours};
use crate::progress::Progress;

/// What a shell reports of a process that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pipeline files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) means: Means,
}

/// The folder in which what is our own is kept, and the variable that names another.
pub(crate) const DATA_DIR: &str = ".catchwater";
pub(crate) const DATA_DIR_VARIABLE: &str = "CATCHWATER_DATA_DIR";

/// What pipelines run with.
#[derive(clap::Args)]
pub(crate) struct Means {
    /// Positions of sources that have no other place, and this process's identity.
    #[arg(long, env = DATA_DIR_VARIABLE, default_value = DATA_DIR, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The memory budget for records in flight.
    #[arg(long, env = "CATCHWATER_MEMORY", default_value = "256MiB", value_name = "SIZE")]
    memory: Size,
}

/// What goes on beside running pipelines: it is told their numbers, ends with them, and may ask them to stop before that.
pub(crate) trait Beside: Future<Output = ()> + Send + 'static {}

impl<T: Future<Output = ()> + Send + 'static> Beside for T {}

/// The running pipelines by name.
pub(crate) type Statuses = Vec<(String, Arc<Status>)>;

/// Exits 0 when every source has ended or a stop was asked for, 1 when a pipeline failed, 2 on a mistake in a file.
pub(crate) fn run(arguments: Arguments, registry: Registry) -> ExitCode {
    match plan(&arguments.paths, &registry) {
        Ok(plan) => run_plan(&plan, &arguments.means, registry, |_, _| std::future::pending()),
        Err(mistakes) => {
            complain(&mistakes.render(complaints_have_colours()));
            ExitCode::from(2)
        }
    }
}

/// The same of a plan, with something beside it.
pub(crate) fn run_plan<B: Beside>(
    plan: &Plan,
    means: &Means,
    registry: Registry,
    beside: impl FnOnce(Statuses, Stopper) -> B,
) -> ExitCode {
    let runtime = runtime();
    let ended = runtime.block_on(run_until_ended(plan, means, registry, beside));
    runtime.shutdown_background();
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error.chain());
            ExitCode::FAILURE
        }
    }
}

/// Threads for everything that a command does.
pub(crate) fn runtime() -> Runtime {
    let workers = std::thread::available_parallelism().map_or(4, |cores| cores.get().max(4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    runtime.expect("a process that starts can start its threads")
}

/// What all pipelines share, with the place in the data folder that it holds.
pub(crate) fn host(means: &Means) -> Result<(Host, DataDir)> {
    let data_dir = DataDir::take(&means.data_dir)?;
    let host = Host {
        data_dir: data_dir.path().into(),
        instance: Arc::clone(data_dir.instance()),
        memory_bytes: means.memory.bytes(),
        clock: Arc::new(SystemClock),
        give_back: allocator::give_back,
    };
    Ok((host, data_dir))
}

/// Whether all pipelines ended well.
async fn run_until_ended<B: Beside>(
    plan: &Plan,
    means: &Means,
    registry: Registry,
    beside: impl FnOnce(Statuses, Stopper) -> B,
) -> Result<bool> {
    let signals = Signals::listen()?;
    let (host, _slot) = host(means)?;
    warn_of_forgotten_logs(&host.data_dir, plan);
    let mut topology = Topology::new(Arc::new(registry), host);
    topology.apply(plan).await;
    let statuses: BTreeMap<_, _> = topology.statuses().into_iter().collect();
    let companions = [
        tokio::spawn(Progress::new(topology.statuses()).run()),
        tokio::spawn(signals.stop(topology.stopper())),
        tokio::spawn(beside(topology.statuses(), topology.stopper())),
    ];
    let mut well = true;
    for (name, outcome) in topology.ended().await {
        match outcome {
            Ok(()) => ended(&name, &statuses[&name]),
            Err(failure) => {
                well = false;
                report(&name, &failure);
            }
        }
    }
    for companion in companions {
        companion.abort();
        let _ = companion.await; // so that it says nothing after the end
    }
    Ok(well)
}

/// A lake sink brings in what its own hot log was left with. One that was renamed has another, one of another type has none.
fn warn_of_forgotten_logs(data_dir: &Path, plan: &Plan) {
    let sinks = |pipeline: &Pipeline| -> Vec<(String, String)> {
        let components = pipeline.sinks.iter().map(|sink| &sink.component).chain(&pipeline.dead_letters);
        let lakes = components.filter(|component| component.type_name == "lake");
        lakes.map(|component| (pipeline.name.clone(), component.name.clone())).collect()
    };
    let known: Vec<_> = plan.pipelines.iter().flat_map(|planned| sinks(&planned.spec)).collect();
    let known = known.iter().map(|(pipeline, sink)| (pipeline.as_str(), sink.as_str()));
    for Forgotten { path, pipeline, sink } in forgotten_hot_logs(data_dir, known) {
        warn!(
            path = %path.display(), %pipeline, %sink,
            "records in a hot log are in no table, and no pipeline with a lake sink of these names runs here; were they renamed? \
             run them once more under the old names, and what the log holds is brought in"
        );
    }
}

fn ended(name: &str, status: &Status) {
    let [records, dead_lettered, dropped] =
        [&status.read, &status.dead_lettered, &status.dropped].map(|count| count.load(Relaxed));
    info!(pipeline = %name, records, dead_lettered, dropped, "ended");
}

fn report(name: &str, failure: &Error) {
    error!(pipeline = %name, kind = ?failure.kind(), error = %failure.chain(), "failed");
}

/// Ctrl-C and the wish to terminate.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on they no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Signals> {
        let interrupt = signal(SignalKind::interrupt()).or_bug(|| "listen for Ctrl-C".into())?;
        let terminate = signal(SignalKind::terminate()).or_bug(|| "listen for termination".into())?;
        Ok(Signals { interrupt, terminate })
    }

    /// Waits for either.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The first drains, commits and stops; a second one stops at once. Nothing is lost either way: what is not durable is
    /// read again. (Invariant 8)
    async fn stop(mut self, stopper: Stopper) {
        self.next().await;
        info!("draining; once more to stop at once");
        stopper.stop();
        self.next().await;
        exit_at_once();
    }
}

/// As a shell expects it of a process that Ctrl-C ended.
pub(crate) fn exit_at_once() -> ! {
    std::process::exit(i32::from(INTERRUPTED))
}
