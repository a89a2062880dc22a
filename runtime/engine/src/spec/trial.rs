//! A test of a pipeline as its document describes it: what comes in, and what must come out.
//!
//! In here it is a trial, since `tests` is what Rust calls its own. What no schema can say is checked here: numbers of
//! inputs, names of sinks and steps, times. All mistakes of a list of tests are named at once.

mod belonging;
mod content;
mod files;
mod reader;
mod schema;

pub(super) use belonging::{add, add_beside};
pub(super) use files::{is_beside, owners, those_beside};
pub(super) use schema::{TESTS_BESIDE, beside_schema, trials_schema};

use catchwater_query::Query;
use catchwater_sdk::FieldKind;

use super::Place;
pub use content::Content;
use reader::read;

/// The key that holds tests.
pub(super) const TESTS: &str = "tests";
/// The key of a file of tests that names their pipeline.
pub(super) const PIPELINE: &str = "pipeline";

/// The tests of a pipeline. Any two are equal: what is tested changes nothing of what runs.
#[derive(Clone, Debug, Default)]
pub struct Trials(pub Vec<Trial>);

/// A test.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it shows; unique in its pipeline.
    pub name: String,
    /// The records that come in; at least one.
    pub input: Vec<Given>,
    /// What each of these sinks gets, in order. A sink that is not named is not compared.
    pub sinks: Vec<(String, Vec<Expected>)>,
    /// What is rejected. Whatever else is rejected is a failure.
    pub rejected: Vec<Rejection>,
    /// The numbers of the inputs of which nothing comes out anywhere, where that is compared.
    pub dropped: Option<Vec<usize>>,
    /// Where its name stands.
    pub place: Place,
}

/// A record that comes in.
#[derive(Clone, Debug)]
pub struct Given {
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// `None` is no key.
    pub key: Option<Vec<u8>>,
    /// In order.
    pub headers: Vec<Named>,
    /// In order.
    pub properties: Vec<Named>,
    /// In microseconds.
    pub timestamp: Option<i64>,
    /// The stream that it is of.
    pub stream: String,
    /// The stream's partition.
    pub partition: i32,
}

/// A header or property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// What the value is, where that was said.
    pub kind: Option<FieldKind>,
}

/// A record that must come out. What is not said of it is not compared.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The number of the input, from 1, that it is made of.
    pub input: Option<usize>,
    /// The whole payload.
    pub payload: Option<Content>,
    /// The key, which may be none.
    pub key: Option<Option<Vec<u8>>>,
    /// All headers, in order.
    pub headers: Option<Vec<Named>>,
    /// All properties, in order.
    pub properties: Option<Vec<Named>>,
    /// In microseconds.
    pub timestamp: Option<i64>,
    /// A query that it must match.
    pub matching: Option<Query>,
    /// Where it stands.
    pub place: Place,
}

/// A record that must be rejected.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The number of the input, from 1.
    pub input: usize,
    /// The step that rejects it.
    pub step: Option<String>,
    /// A part of the reason.
    pub reason: Option<String>,
    /// Where it stands.
    pub place: Place,
}

impl PartialEq for Trials {
    fn eq(&self, _: &Trials) -> bool {
        true
    }
}
