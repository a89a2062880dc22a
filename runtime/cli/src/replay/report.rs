//! What came of it: counts, the rate that was reached beside the one that was asked for, what was left out and why.

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_lake::replay::{Rate, Tally};
use catchwater_sdk::Error;
use indicatif::{BinaryBytes, HumanCount};

use super::Arguments;
use super::document::Job;
use crate::output::{complain, note};

/// How it ended.
pub(super) struct Outcome {
    /// Everything that was asked for is confirmed.
    pub(super) is_done: bool,
    /// There is something that it could go on with.
    pub(super) has_begun: bool,
    pub(super) failure: Option<Error>,
    pub(super) is_interrupted: bool,
    /// Records that the destination refused, where that was to be borne.
    pub(super) dropped: u64,
    pub(super) bytes: u64,
}

/// Tells it; answers the status to exit with.
pub(super) fn report(job: &Job, arguments: &Arguments, outcome: &Outcome, tally: &Tally, took: Duration) -> ExitCode {
    let sent = tally.sent.load(Relaxed);
    if sent > 0 || outcome.failure.is_none() {
        note(&format!(
            "sent {} events ({}){} to {} in {:.1} s{}",
            HumanCount(sent),
            BinaryBytes(outcome.bytes),
            confirmed(sent, tally.confirmed.load(Relaxed)),
            job.to,
            took.as_secs_f64(),
            pace(arguments, tally, outcome.bytes, took)
        ));
        left_out(tally).iter().for_each(|left_out| note(left_out));
    }
    if outcome.dropped > 0 {
        note(&format!("{} were refused and dropped", HumanCount(outcome.dropped)));
    }
    let left_open = tally.unproven.load(Relaxed);
    if left_open > 0 {
        note(&unproven(left_open));
    }
    let go_on = match job.is_lasting && outcome.has_begun {
        true => "\n  the same command goes on where it was, --restart begins anew",
        false => "",
    };
    match &outcome.failure {
        Some(failure) => complain(&format!("error: {}{go_on}", failure.chain())),
        None if outcome.is_interrupted => note(&format!("interrupted{go_on}")),
        None if left_open > 0 => {}
        // Whoever read standard output had enough.
        None if !job.is_lasting => return ExitCode::SUCCESS,
        None if !outcome.is_done => note(&format!("not all of it is confirmed{go_on}")),
        None if outcome.dropped == 0 => return ExitCode::SUCCESS,
        None => {}
    }
    ExitCode::FAILURE
}

/// That the files may not have been all.
pub(super) fn unproven(findings: u64) -> String {
    let warnings = if findings == 1 { "warning above leaves" } else { "warnings above leave" };
    format!("{findings} {warnings} open whether the files hold all of it")
}

/// How many are known to have arrived, where that is not all.
pub(super) fn confirmed(sent: u64, confirmed: u64) -> String {
    if confirmed >= sent { String::new() } else { format!(", {} of them confirmed,", HumanCount(confirmed)) }
}

fn pace(arguments: &Arguments, tally: &Tally, bytes: u64, took: Duration) -> String {
    if arguments.rate.is_none() && arguments.speed.is_none() {
        let sent = tally.sent.load(Relaxed) as f64;
        return format!(": {:.0}/s", sent / took.as_secs_f64().max(1e-3));
    }
    let Some(reached) = tally.by_second() else { return String::new() };
    let late = tally.late_ms.load(Relaxed);
    let late = if late > 100 { format!(", at most {:.1} s late", late as f64 / 1e3) } else { String::new() };
    match (arguments.rate, arguments.speed) {
        (Some(Rate::Records(asked)), _) => format!(": {reached:.1}/s of {asked}/s asked{late}"),
        (Some(rate @ Rate::Bytes(_)), _) => {
            let seconds = tally.seconds().unwrap_or(f64::INFINITY);
            format!(": {:.2} MiB/s of {rate} asked{late}", bytes as f64 / seconds / f64::from(1 << 20))
        }
        (None, Some(speed)) => format!(": {reached:.1}/s at {speed} of the original cadence{late}"),
        (None, None) => String::new(),
    }
}

fn left_out(tally: &Tally) -> Option<String> {
    let [replayed, doubled] = [&tally.replayed, &tally.doubled].map(|count| count.load(Relaxed));
    let mut parts = Vec::new();
    if replayed > 0 {
        parts.push(format!("{} that a replay had sent before (--replayed sends them)", HumanCount(replayed)));
    }
    if doubled > 0 {
        parts.push(format!("{} rows that were stored twice", HumanCount(doubled)));
    }
    let [differing, replaced] = [&tally.differing, &tally.files_replaced].map(|count| count.load(Relaxed));
    if replaced > 0 {
        parts.push(format!("{} files that others replace", HumanCount(replaced)));
    }
    if differing > 0 {
        note(&format!(
            "sent {} rows beside others of the same identity, as their contents differ",
            HumanCount(differing)
        ));
    }
    let unread = [
        ("files", &tally.files_ruled_out, &tally.files),
        ("row groups of the others", &tally.groups_ruled_out, &tally.groups),
        ("rows of the files that were read", &tally.rows_ruled_out, &tally.rows),
    ];
    let unread = unread.map(|(what, ruled_out, all)| (what, ruled_out.load(Relaxed), all.load(Relaxed)));
    let unread = unread.into_iter().filter(|(_, ruled_out, _)| *ruled_out > 0);
    let unread: Vec<_> = unread
        .map(|(what, ruled_out, all)| format!("{} of {} {what}", HumanCount(ruled_out), HumanCount(all)))
        .collect();
    if !unread.is_empty() {
        parts.push(format!("not read, since nothing in them can match: {}", unread.join(", ")));
    }
    (!parts.is_empty()).then(|| format!("left out: {}", parts.join("; ")))
}
