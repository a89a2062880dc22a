//! The transforms of a pipeline without the pipeline: for who looks at what comes out of one of them.

use std::path::PathBuf;

use catchwater_sdk::{Batch, Context, Error, Registry, Result, nearest};

use crate::spec::{Component, OnError, Pipeline, When};
use crate::task::{Stage, Stages};

/// Some first transforms of a pipeline.
pub struct Steps(Stages);

impl Steps {
    /// The transforms up to and with the one of that name, which must come before the records go to sinks.
    pub fn up_to(step: &str, pipeline: &Pipeline, registry: &Registry) -> Result<Steps> {
        let transforms = &pipeline.transforms;
        let Some(last) = transforms.iter().position(|transform| transform.name == step) else {
            return Err(no_step(step, pipeline));
        };
        let stages = transforms[..=last].iter().map(|transform| stage(transform, pipeline, registry));
        Ok(Steps(Stages::new(stages.collect::<Result<_>>()?)))
    }

    /// What becomes of a batch. `rejected` is told the step and the reason for each record that one could not handle.
    pub fn apply(&mut self, batch: Batch, mut rejected: impl FnMut(&str, &str)) -> Result<Vec<Batch>> {
        let mut letters = Vec::new();
        let batches = self.0.apply(batch, &mut letters)?;
        for letter in letters {
            letter.rejected.records.iter().for_each(|_| rejected(&letter.step, &letter.rejected.reason));
        }
        Ok(batches)
    }
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
    let names: Vec<&str> = pipeline.transforms.iter().map(|transform| transform.name.as_str()).collect();
    let there_are = match (nearest(step, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, true) => "it has no transforms".to_owned(),
        (None, false) => format!("there are: {}", names.join(", ")),
    };
    Error::config(format!("pipeline `{}` has no step `{step}` before its sinks; {there_are}", pipeline.name))
}
