//! `catchwater demo`: the embedded first run.
//!
//! It is `catchwater run` of pipelines that the binary carries, and nothing besides: the events that pass by are what their
//! `stdout` sinks write, the rates and schema changes are what every run says. What is the demo's own is the guide, which
//! comes again and again, as everything above it scrolls away.

mod guide;
mod pipelines;
mod place;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_engine::plan::plan_texts;
use catchwater_engine::status::Status;
use catchwater_engine::topology::Stopper;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::{Registry, config};
use tokio::time::{interval, sleep};

use self::guide::Guide;
use self::pipelines::{Values, pipelines};
use crate::options::LakeOption;
use crate::output::{complain, complaints_have_colours, say};
use crate::run::{Means, Statuses, run_plan};

/// How often the guide comes: it is to be on the screen most of the time, and not to be the screen.
const GUIDE_EVERY: Duration = Duration::from_secs(20);

/// By then customers have ordered something, so that what the guide searches for is there.
const EVENTS_MIN: u64 = 24;

/// How often is looked whether they are in the lake.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: LakeOption,
    /// The port on 127.0.0.1 that takes events over HTTP.
    #[arg(long, default_value_t = 8085, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// End by itself after this long, such as `30s`.
    #[arg(long = "for", value_name = "DURATION")]
    length: Option<config::Duration>,
    /// Write the demo's pipelines into this folder, to read and to edit, instead of running them.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    #[command(flatten)]
    means: Means,
}

/// Exits 0 when it was stopped or its time was over, 1 when it could not run.
pub(crate) fn demo(arguments: &Arguments, registry: Registry) -> ExitCode {
    let pipelines = pipelines(&Values { lake: &arguments.place.lake, port: arguments.port });
    if let Some(folder) = &arguments.write {
        return write(&pipelines, folder, &registry);
    }
    // Before the plan, which knows files and lines: whoever typed `--lake` wrote neither. And a demo that fails in its
    // third second would be a bad one.
    if let Err(error) = place::prepare(&arguments.place.lake, arguments.port) {
        complain(&error.chain());
        return ExitCode::FAILURE;
    }
    let files: Vec<_> = pipelines.iter().map(|pipeline| (Path::new(pipeline.name), pipeline.text.as_str())).collect();
    let plan = match plan_texts(&files, &registry) {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes.render(complaints_have_colours()));
            return ExitCode::from(2);
        }
    };
    let guide = Guide::new(&arguments.place.lake, arguments.port);
    say(&guide.beginning());
    let ending = guide.ending(&arguments.means.data_dir);
    let length = arguments.length.map(config::Duration::get);
    let code =
        run_plan(&plan, &arguments.means, registry, |statuses, stopper| beside(guide, statuses, stopper, length));
    say(&ending);
    code
}

fn write(pipelines: &[pipelines::Pipeline], folder: &Path, registry: &Registry) -> ExitCode {
    match pipelines::write(pipelines, folder, registry) {
        Ok(files) => {
            say(&guide::written(&files, folder));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.chain());
            ExitCode::FAILURE
        }
    }
}

/// Shows the guide, and ends the demo when its time is over.
async fn beside(guide: Guide, statuses: Statuses, stopper: Stopper, length: Option<Duration>) {
    let shown = show(guide, statuses);
    match length {
        None => shown.await,
        Some(length) => {
            let _ = tokio::time::timeout(length, shown).await;
            stopper.stop();
        }
    }
}

/// As soon as there is something to find, and then now and then.
async fn show(guide: Guide, statuses: Statuses) {
    let (read, committed) =
        (|status: &Status| status.read.load(Relaxed), |status: &Status| status.committed_micros.load(Relaxed));
    look_until(|| statuses.iter().map(|(_, status)| read(status)).sum::<u64>() >= EVENTS_MIN).await;
    let now = SystemClock.now_micros();
    look_until(|| statuses.iter().any(|(_, status)| committed(status) > now)).await;
    let mut turn = interval(GUIDE_EVERY);
    loop {
        turn.tick().await;
        say(&guide.commands());
    }
}

async fn look_until(seen: impl Fn() -> bool) {
    while !seen() {
        sleep(LOOK_EVERY).await;
    }
}
