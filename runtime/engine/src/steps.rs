//! The transforms of a pipeline without the pipeline: for who looks at what comes out of one of them, or goes to a sink.

use std::path::PathBuf;

use catchwater_sdk::{Batch, Context, Error, Registry, Result, nearest};

use crate::spec::{Component, OnError, Pipeline, Sink, When};
use crate::task::{Router, Stage, Stages};

/// The way through a pipeline as far as one of its steps.
pub struct Steps {
    before_sinks: Stages,
    branch: Option<Branch>,
}

/// The way on to a sink.
struct Branch {
    router: Router,
    /// The number of the sink.
    sink: usize,
    stages: Stages,
}

impl Steps {
    /// The transforms up to and with the one of that name, or all that lie before the sink of that name.
    pub fn up_to(step: &str, pipeline: &Pipeline, registry: &Registry) -> Result<Steps> {
        let stages = |transforms: &[Component]| {
            let stages = transforms.iter().map(|transform| stage(transform, pipeline, registry));
            Ok::<_, Error>(Stages::new(stages.collect::<Result<_>>()?))
        };
        if let Some(through) = through(&pipeline.transforms, step) {
            return Ok(Steps { before_sinks: stages(through)?, branch: None });
        }
        let mut branches = pipeline.sinks.iter().enumerate();
        let branch = branches.find_map(|(number, sink)| Some((number, through_branch(sink, step)?)));
        let (sink, through) = branch.ok_or_else(|| no_step(step, pipeline))?;
        let conditions = pipeline.sinks.iter().map(|sink| sink.component.when.clone()).collect();
        let branch = Branch { router: Router::new(conditions, pipeline.unmatched), sink, stages: stages(through)? };
        Ok(Steps { before_sinks: stages(&pipeline.transforms)?, branch: Some(branch) })
    }

    /// What becomes of a batch. `rejected` is told the step and the reason for each record that one could not handle.
    pub fn apply(&mut self, batch: Batch, mut rejected: impl FnMut(&str, &str)) -> Result<Vec<Batch>> {
        let mut letters = Vec::new();
        let mut batches = self.before_sinks.apply(batch, &mut letters)?;
        if let Some(Branch { router, sink, stages }) = &mut self.branch {
            let mut through = Vec::new();
            for batch in batches {
                through.extend(stages.apply(router.route(&batch).to.swap_remove(*sink), &mut letters)?);
            }
            batches = through;
        }
        for letter in letters {
            letter.rejected.records.iter().for_each(|_| rejected(&letter.step, &letter.rejected.reason));
        }
        Ok(batches)
    }
}

/// Those up to and with the one of that name.
fn through<'a>(transforms: &'a [Component], step: &str) -> Option<&'a [Component]> {
    let last = transforms.iter().position(|transform| transform.name == step)?;
    Some(&transforms[..=last])
}

fn through_branch<'a>(sink: &'a Sink, step: &str) -> Option<&'a [Component]> {
    if sink.component.name == step { Some(&sink.transforms) } else { through(&sink.transforms, step) }
}

/// Whatever the pipeline wants done about a record that is rejected, here it is told.
fn stage(transform: &Component, pipeline: &Pipeline, registry: &Registry) -> Result<Stage> {
    let context =
        Context { component: transform.name.as_str().into(), ..Context::unattached(&pipeline.name, PathBuf::new()) };
    let built = registry.build_transform(&transform.type_name, &transform.node, &context);
    let built = built.map_err(|mistake| Error::config(mistake.to_string()))?;
    let when = if let When::Matching(query) = &transform.when { Some(query.clone()) } else { None };
    Ok(Stage::new(context.component, built, OnError::DeadLetter, when))
}

fn no_step(step: &str, pipeline: &Pipeline) -> Error {
    let branches = pipeline.sinks.iter().flat_map(|sink| sink.transforms.iter().chain([&sink.component]));
    let names: Vec<&str> = pipeline.transforms.iter().chain(branches).map(|step| step.name.as_str()).collect();
    let there_are = match nearest(step, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Error::config(format!("pipeline `{}` has no transform and no sink `{step}`; {there_are}", pipeline.name))
}
