//! `catchwater check`: every mistake of every file, without contact or side effect.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catchwater_engine::plan::plan_tested;
use catchwater_engine::spec::{SETTINGS, is_settings};
use catchwater_sdk::Registry;

use crate::output::{complain, complaints_have_colours, say};

/// Exits 0 when all is well, 2 when anything is wrong.
pub(crate) fn check(paths: &[PathBuf], registry: &Registry) -> ExitCode {
    let settings = paths.iter().filter_map(|path| settings_in(path)).collect::<Vec<_>>();
    let pipelines = paths.iter().filter(|path| !is_settings(path)).cloned().collect::<Vec<_>>();
    let pipelines_are_well = check_pipelines(&pipelines, registry);
    let wrong = settings.iter().filter(|path| !check_settings(path)).count();
    if pipelines_are_well && wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn check_pipelines(paths: &[PathBuf], registry: &Registry) -> bool {
    match plan_tested(paths, registry) {
        Ok(plan) => {
            for planned in &plan.pipelines {
                say(&format!("{}: ok\n", planned.spec.name));
            }
            for destination in &plan.destinations {
                say(&format!("{}: ok, a destination\n", destination.name));
            }
            true
        }
        Err(mistakes) => {
            complain(&mistakes.render(complaints_have_colours()));
            false
        }
    }
}

/// The settings of a server that would serve this folder, or that are meant themselves.
fn settings_in(path: &Path) -> Option<PathBuf> {
    [path.to_owned(), path.join(SETTINGS)].into_iter().find(|path| is_settings(path))
}

#[cfg(feature = "server")]
fn check_settings(path: &Path) -> bool {
    match catchwater_server::check_settings(path.parent().unwrap_or(Path::new(""))) {
        Ok(()) => {
            say(&format!("{}: ok, a server's settings\n", path.display()));
            true
        }
        Err(wrong) => {
            complain(&format!("error: {wrong}"));
            false
        }
    }
}

#[cfg(not(feature = "server"))]
fn check_settings(_: &Path) -> bool {
    true
}
