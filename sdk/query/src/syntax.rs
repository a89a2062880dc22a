//! The tree that a query is.

use std::sync::Arc;

use crate::condition::{Condition, Word};
use crate::field::Field;
use crate::pattern::Pattern;

/// A query or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// `*`
    All,
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Field(Arc<Field>, Condition),
    Word(Box<Word>),
    Value(Pattern),
}

/// A leaf of a query: what is wanted of one field, or of any value.
#[derive(Clone, Copy, Debug)]
pub enum Test<'q> {
    /// Any value of the field fulfils the condition.
    Field(&'q Field, &'q Condition),
    /// The word occurs in any value of the payload, or in the bytes of a payload that is not understood.
    Word(&'q Word),
    /// The whole of any value of the payload fits, ignoring case.
    Value(&'q Pattern),
}

impl Node {
    /// Calls `visit` with each leaf.
    pub(crate) fn visit<'q>(&'q self, visit: &mut impl FnMut(Test<'q>)) {
        match self {
            Node::All => {}
            Node::Not(node) => node.visit(visit),
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.visit(visit)),
            Node::Field(field, condition) => visit(Test::Field(field, condition)),
            Node::Word(word) => visit(Test::Word(word)),
            Node::Value(pattern) => visit(Test::Value(pattern)),
        }
    }
}
