//! Builds connectors out of YAML, as a pipeline would, for the tests of this crate.

use catchwater_sdk::config::{Mistake, Node, parse};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::BoxSource;
use catchwater_sdk::transform::BoxTransform;
use catchwater_sdk::{Context, Registry};

fn registry() -> Registry {
    let mut registry = Registry::new();
    crate::register(&mut registry);
    registry
}

fn node(yaml: &str) -> Node {
    let parsed = parse(yaml);
    assert!(parsed.mistakes.is_empty(), "{:?}", parsed.mistakes);
    parsed.documents.into_iter().next().expect("a document").root
}

fn context() -> Context {
    Context::unattached("test", "nowhere".into())
}

/// A source out of its own keys.
pub(crate) fn source(name: &str, yaml: &str) -> Result<BoxSource, Mistake> {
    registry().build_source(name, &node(yaml), &context())
}

/// A transform out of its own keys.
pub(crate) fn transform(name: &str, yaml: &str) -> BoxTransform {
    try_transform(name, yaml).expect("a good configuration")
}

/// The same, where they may be wrong.
pub(crate) fn try_transform(name: &str, yaml: &str) -> Result<BoxTransform, Mistake> {
    registry().build_transform(name, &node(yaml), &context())
}

/// A sink out of its own keys.
pub(crate) fn sink(name: &str, yaml: &str) -> Result<BoxSink, Mistake> {
    registry().build_sink(name, &node(yaml), &context())
}

/// Why a transform cannot be made out of its own keys.
pub(crate) fn mistake(name: &str, yaml: &str) -> String {
    match registry().build_transform(name, &node(yaml), &context()) {
        Ok(_) => panic!("a good configuration: {yaml}"),
        Err(mistake) => mistake.to_string(),
    }
}
