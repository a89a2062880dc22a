//! The query language of search, replay, `filter` and `when`.
//!
//! A [`Query`] is parsed once and asked about many events: [`Query::matches`] is the one place that decides, for records in a
//! pipeline and for rows of a lake alike. What is known of rows without reading them only rules out: [`bounds`].
//! The language itself is described in `LANGUAGE.md` beside this crate, whose examples are run by a test.

pub mod bounds;
mod clues;
pub mod condition;
mod config;
mod error;
mod evaluate;
pub mod field;
mod fold;
pub mod number;
mod parse;
mod pattern;
mod subject;
mod syntax;
pub mod time;

use std::fmt;
use std::sync::Arc;

use catchwater_sdk::config::Problem;

pub use bounds::{Bounds, Evidence};
pub use condition::{Condition, Scalar};
pub use error::QueryError;
pub use field::Field;
pub use fold::Needle;
pub use parse::{DEPTH_MAX, QUERY_BYTES_MAX, TERMS_MAX};
pub use pattern::Pattern;
pub use subject::{Subject, row_id};
pub use syntax::Test;

use clues::Clues;
use syntax::Node;

/// A query. Cheap to clone; shown as it was written; equal to another that asks the same in the same order.
#[derive(Clone)]
pub struct Query {
    text: Arc<str>,
    root: Arc<Node>,
    clues: Arc<Clues>,
}

impl Query {
    /// Reads a query. Bounded in length, depth and terms.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        parse::parse(text).map(|root| Query::new(text, root))
    }

    /// `*`: everything matches, tombstones and payloads that are not understood too.
    pub fn everything() -> Query {
        Query::new("*", Node::All)
    }

    fn new(text: &str, root: Node) -> Query {
        Query { text: text.into(), clues: Arc::new(Clues::of(&root)), root: Arc::new(root) }
    }

    /// Whether an event is asked for.
    pub fn matches(&self, subject: &impl Subject) -> bool {
        evaluate::matches(&self.root, subject)
    }

    /// Whether a payload may be of an event that matches, by its bytes alone: false rules it out. For JSON only; it costs
    /// a fraction of decoding.
    pub fn may_contain_words(&self, payload: &[u8]) -> bool {
        self.clues.may_be_in(payload)
    }

    /// What can be said without the events.
    pub fn bounds<E: Evidence>(&self, evidence: &E) -> Bounds<E::Set> {
        bounds::bounds(&self.root, evidence)
    }

    /// Its leaves, in order.
    pub fn tests(&self) -> Vec<Test<'_>> {
        let mut tests = Vec::new();
        self.root.visit(&mut |test| tests.push(test));
        tests
    }

    /// The fields that it names, in order; one that is named twice comes twice.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.tests().into_iter().filter_map(|test| if let Test::Field(field, _) = test { Some(field) } else { None })
    }

    /// Refuses fields that are known of records in a lake only: what asks records on their way there would never match.
    pub fn check_for_records(&self) -> Result<(), Problem> {
        match self.fields().find(|field| field.is_of_the_lake()) {
            None => Ok(()),
            Some(field) => Err(Problem::new(format!(
                "`{field}` is known of records in a lake only, not of those on their way there"
            ))),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({:?})", self.text)
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.root == other.root
    }
}

#[cfg(test)]
mod tests;
