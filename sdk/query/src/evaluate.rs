//! The one evaluator: whether an event is what a query asks for.

mod envelope;
pub(crate) mod payload;

use catchwater_sdk::value::Decoded;

use crate::condition::{Condition, Scalar, like};
use crate::field::Field;
use crate::subject::Subject;
use crate::syntax::{Node, Test};

pub(crate) fn matches(node: &Node, subject: &impl Subject) -> bool {
    match node {
        Node::All => true,
        Node::Not(node) => !matches(node, subject),
        Node::And(nodes) => nodes.iter().all(|node| matches(node, subject)),
        Node::Or(nodes) => nodes.iter().any(|node| matches(node, subject)),
        Node::Field(field, condition) => field_matches(field, condition, subject),
        Node::Word(word) => any_value(subject, &|scalar| word.matches(scalar)),
        Node::Value(pattern) => any_value(subject, &|scalar| like(pattern, scalar)),
    }
}

fn field_matches(field: &Field, condition: &Condition, subject: &impl Subject) -> bool {
    match field {
        Field::Envelope(field) => envelope::matches(field, condition, subject),
        Field::Payload(path) => match subject.value() {
            Decoded::Value(value) => payload::at(value, &path.keys, &|scalar| condition.matches(scalar)),
            Decoded::Absent | Decoded::Undecodable(_) => false,
        },
    }
}

/// A payload that is not understood is one value: its bytes.
fn any_value(subject: &impl Subject, test: &dyn Fn(Scalar<'_>) -> bool) -> bool {
    match subject.value() {
        Decoded::Value(value) => payload::any(value, test),
        Decoded::Undecodable(_) => subject.payload().is_some_and(|payload| test(Scalar::of_bytes(payload))),
        Decoded::Absent => false,
    }
}

impl Test<'_> {
    /// Whether this leaf alone matches.
    pub fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Test::Field(field, condition) => field_matches(field, condition, subject),
            Test::Word(word) => any_value(subject, &|scalar| word.matches(scalar)),
            Test::Value(pattern) => any_value(subject, &|scalar| like(pattern, scalar)),
        }
    }
}
