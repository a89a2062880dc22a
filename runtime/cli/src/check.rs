//! `catchwater check`: every mistake of every file, without contact or side effect.

use std::path::PathBuf;
use std::process::ExitCode;

use catchwater_engine::plan::plan_tested;
use catchwater_sdk::Registry;

use crate::output::{complain, complaints_have_colours, say};

/// Exits 0 when all is well, 2 when anything is wrong.
pub(crate) fn check(paths: &[PathBuf], registry: &Registry) -> ExitCode {
    match plan_tested(paths, registry) {
        Ok(plan) => {
            for planned in &plan.pipelines {
                say(&format!("{}: ok\n", planned.spec.name));
            }
            for destination in &plan.destinations {
                say(&format!("{}: ok, a destination\n", destination.name));
            }
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            complain(&mistakes.render(complaints_have_colours()));
            ExitCode::from(2)
        }
    }
}
