//! Which pipeline tests are for.

use std::sync::Arc;

use catchwater_sdk::config::{Mistake, Node};
use catchwater_sdk::nearest;

use super::{PIPELINE, TESTS, read};
use crate::spec::{Pipeline, SourceFile};

/// Adds tests to the pipeline that they are for, or names every mistake in them.
pub(in crate::spec) fn add(tests: &Node, pipeline: &mut Pipeline, file: &Arc<SourceFile>) -> Vec<Mistake> {
    match read(tests, pipeline, file) {
        Ok(trials) => {
            pipeline.trials.0.extend(trials);
            Vec::new()
        }
        Err(mistakes) => mistakes,
    }
}

/// Adds the tests of a document of its own to the one of these pipelines that it is for.
pub(in crate::spec) fn add_beside(root: &Node, pipelines: &mut [Pipeline], file: &Arc<SourceFile>) -> Vec<Mistake> {
    let Some(tests) = root.get(TESTS) else { return Vec::new() };
    let name = root.get(PIPELINE).and_then(Node::as_text);
    let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
    let is_meant = |pipeline: &&mut Pipeline| name.is_none_or(|name| pipeline.name == name);
    match (name, pipelines.iter_mut().find(is_meant)) {
        (Some(_), Some(pipeline)) => add(tests, pipeline, file),
        (None, Some(pipeline)) if names.len() == 1 => add(tests, pipeline, file),
        (name, _) => vec![no_such_pipeline(root, name, &names)],
    }
}

fn no_such_pipeline(root: &Node, name: Option<&str>, names: &[String]) -> Mistake {
    let near = name.and_then(|name| nearest(name, names.iter().map(String::as_str)));
    let help =
        near.map_or_else(|| format!("there are: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
    let message = match name {
        Some(name) => format!("the file beside this one holds no pipeline `{name}`"),
        None => "is missing: the file beside this one holds several pipelines, or none".to_owned(),
    };
    Mistake::new(root.span_of(PIPELINE), message).help(help).key(PIPELINE)
}
