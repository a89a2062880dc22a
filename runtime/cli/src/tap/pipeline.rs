//! A pipeline by its name: its source is tapped, nothing of it runs.

use std::path::PathBuf;

use catchwater_connectors::taps::{self, Way};
use catchwater_engine::spec::{Pipeline, load, nearest};
use catchwater_engine::steps::Steps;
use catchwater_sdk::{Error, Registry, Result};

use super::Tapped;

/// What `NAME` or `NAME/STEP` stands for in these files.
pub(super) fn tapped(what: &str, files: &[PathBuf], way: Way, registry: &Registry) -> Result<Tapped> {
    let (pipeline, step) = find(what, files, registry)?;
    let steps = step.map(|step| Steps::up_to(step, &pipeline, registry)).transpose()?;
    Ok(Tapped { tap: taps::beside(&pipeline.source.type_name, &pipeline.source.node, way)?, steps })
}

/// The pipeline, and the name of the step if there is one. A `/` may stand in a pipeline's name, and in no step's.
fn find<'w>(what: &'w str, files: &[PathBuf], registry: &Registry) -> Result<(Pipeline, Option<&'w str>)> {
    let looked_in = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    if let Some(absent) = files.iter().find(|file| !file.exists()) {
        return Err(Error::config(format!(
            "`{what}` is no URL such as kafka://host:9092/topic, and pipelines are looked for in {}, which is not there; \
             name their folder with --pipelines",
            absent.display()
        )));
    }
    let pipelines = load(files, registry).map_err(|mistakes| Error::config(format!("--pipelines: {mistakes}")))?;
    let names: Vec<String> = pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
    let (name, step) = match what.rsplit_once('/').filter(|_| !names.iter().any(|name| name == what)) {
        Some((name, step)) => (name, Some(step)),
        None => (what, None),
    };
    let found = pipelines.into_iter().find(|pipeline| pipeline.name == name).map(|pipeline| (pipeline, step));
    found.ok_or_else(|| {
        let there_are = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        Error::config(format!("no pipeline in {looked_in} is named `{name}`; {there_are}"))
    })
}
