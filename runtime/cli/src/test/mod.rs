//! `catchwater test`: the tests of pipelines, without a source and without a sink.

mod difference;
mod junit;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_engine::plan::{Planned, plan_tested};
use catchwater_engine::spec::Trial;
use catchwater_engine::trial::{self, Difference};
use catchwater_sdk::{Registry, Result, plain};

use crate::output::{complain, complaints_have_colours, results_have_colours, say};
use report::Report;

/// A mistake in a file, or nothing to test.
const MISTAKEN: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pipeline files, or folders of them; `NAME.test.yaml` beside `NAME.yaml` is read with it.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Also write the outcome there, in JUnit's XML, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// A pipeline's tests, when they were run.
struct Suite {
    planned: Arc<Planned>,
    cases: Vec<Case>,
}

/// One of them.
struct Case {
    name: String,
    /// `file:line:column`.
    place: String,
    took: Duration,
    /// In what it failed; an error where a transform did.
    outcome: Result<Vec<Difference>>,
}

/// Exits 0 when all tests pass, 1 when one fails, 2 on a mistake in a file and where there is no test.
pub(crate) fn test(arguments: &Arguments, registry: Registry) -> ExitCode {
    let registry = Arc::new(registry);
    let plan = match plan_tested(&arguments.paths, &registry) {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes.render(complaints_have_colours()));
            return ExitCode::from(MISTAKEN);
        }
    };
    let mut report = Report::new(results_have_colours());
    let tested = plan.pipelines.iter().filter(|planned| !planned.spec.trials.0.is_empty());
    let suites: Vec<_> = tested.map(|planned| run(planned, &registry, &mut report)).collect();
    if suites.is_empty() {
        complain("no pipeline there has tests (`tests:` in its file, or NAME.test.yaml beside NAME.yaml)");
        return ExitCode::from(MISTAKEN);
    }
    say(&report.summary());
    match (write_junit(arguments.junit.as_deref(), &suites), report.all_passed()) {
        (true, true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs the tests of a pipeline, and says of each how it ended.
fn run(planned: &Arc<Planned>, registry: &Arc<Registry>, report: &mut Report) -> Suite {
    say(&report.pipeline(&planned.spec.name));
    let cases = planned.spec.trials.0.iter().map(|trial| {
        let case = Case::run(trial, planned, registry);
        say(&report.case(&case));
        case
    });
    Suite { cases: cases.collect(), planned: Arc::clone(planned) }
}

/// Whether it is written, if it was asked for.
fn write_junit(path: Option<&Path>, suites: &[Suite]) -> bool {
    let Some(path) = path else { return true };
    let written = junit::write(suites).and_then(|document| std::fs::write(path, document));
    if let Err(error) = &written {
        complain(&format!("write {}: {error}", path.display()));
    }
    written.is_ok()
}

impl Case {
    fn run(trial: &Trial, planned: &Arc<Planned>, registry: &Arc<Registry>) -> Case {
        let begun = Instant::now();
        let outcome = trial::run(trial, planned, registry);
        Case { name: trial.name.clone(), place: trial.place.describe(), took: begun.elapsed(), outcome }
    }

    fn passed(&self) -> bool {
        matches!(&self.outcome, Ok(differences) if differences.is_empty())
    }

    /// What is to be said of its failure, without colours; nothing where it passed.
    fn failures(&self) -> Vec<String> {
        match &self.outcome {
            Ok(differences) => differences.iter().map(|found| difference::shown(found, false)).collect(),
            Err(error) => vec![plain(error.chain().chars())],
        }
    }
}
