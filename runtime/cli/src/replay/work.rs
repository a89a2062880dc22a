//! Runs the job: as any other pipeline, with its progress shown and its end told.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use catchwater_engine::plan::plan_pipelines;
use catchwater_engine::positions;
use catchwater_engine::status::Status;
use catchwater_engine::topology::{Stopper, Topology};
use catchwater_lake::replay::{self, Board, Tally};
use catchwater_sdk::{Error, Registry, Result};

use super::Arguments;
use super::document::Job;
use super::dry_run::quick_total;
use super::progress::Progress;
use super::report::{Outcome, report};
use crate::output::{complain, note};
use crate::run::{Signals, exit_at_once, host, runtime};

/// Sends, and says what came of it.
pub(super) fn work(job: Job, arguments: &Arguments, registry: Registry, board: &Board) -> ExitCode {
    let tally = board.tally(&job.name);
    let began = Instant::now();
    match runtime().block_on(run(&job, arguments, registry, &tally)) {
        Ok(outcome) => report(&job, arguments, &outcome, &tally, began.elapsed()),
        Err(error) => {
            complain(&format!("error: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

async fn run(job: &Job, arguments: &Arguments, registry: Registry, tally: &Arc<Tally>) -> Result<Outcome> {
    let signals = Signals::listen()?;
    let (host, _slot) = host(&arguments.means)?;
    let data_dir = Arc::clone(&host.data_dir);
    if arguments.restart || !job.is_lasting {
        forget(job, &data_dir)?;
    }
    let was_interrupted = replay::is_interrupted(&data_dir, &job.name);
    if was_interrupted {
        note(&format!("goes on with `{}`, which was interrupted (--restart begins anew)", job.name));
    }
    let total = if was_interrupted { None } else { quick_total(job, &registry).await };
    let plan = plan_pipelines(vec![job.pipeline.clone()], &registry)
        .map_err(|mistakes| Error::bug(format!("what was planned before cannot be planned now: {mistakes}")))?;
    let mut topology = Topology::new(Arc::new(registry), host);
    topology.apply(&plan).await;
    let status = topology.statuses().remove(0).1;
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let stopping = tokio::spawn(stop(signals, topology.stopper(), Arc::clone(&is_interrupted)));
    let progress = tokio::spawn(Progress::new(total, Arc::clone(tally), Arc::clone(&status)).run());
    let ended = topology.ended().await.remove(0).1;
    for companion in [stopping, progress] {
        companion.abort();
        let _ = companion.await; // so that it says nothing after the end
    }
    let outcome = outcome(job, ended, &status, is_interrupted.load(Ordering::Relaxed), &data_dir);
    if outcome.is_done || !job.is_lasting {
        forget(job, &data_dir)?;
    }
    Ok(outcome)
}

fn outcome(job: &Job, ended: Result<()>, status: &Status, is_interrupted: bool, data_dir: &std::path::Path) -> Outcome {
    // A replay forgets what it settled once all of it is confirmed.
    let is_open = replay::is_interrupted(data_dir, &job.name);
    Outcome {
        is_done: ended.is_ok() && !is_interrupted && !is_open,
        has_begun: is_open,
        failure: ended.err(),
        is_interrupted,
        dropped: status.dropped.load(Ordering::Relaxed),
        bytes: status.read_bytes.load(Ordering::Relaxed),
    }
}

fn forget(job: &Job, data_dir: &std::path::Path) -> Result<()> {
    positions::forget(data_dir, &job.name)?;
    replay::forget(data_dir, &job.name)
}

/// The first drains, commits and stops; a second one stops at once.
async fn stop(mut signals: Signals, stopper: Stopper, is_interrupted: Arc<AtomicBool>) {
    signals.next().await;
    is_interrupted.store(true, Ordering::Relaxed);
    note("draining; once more to stop at once");
    stopper.stop();
    signals.next().await;
    exit_at_once();
}
