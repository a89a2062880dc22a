//! Ruling out: what can be said of a query's answer without the events.
//!
//! Whoever knows something of a set of rows (a file's statistics, a row group's bloom filter, a typed column) is
//! [`Evidence`]: it answers for one leaf of the query which rows **may** match and which certainly **must**. The query
//! combines the answers. One algebra serves all: a set is a `bool` for a file or a row group as a whole, and a bitmap for the
//! rows of a batch.
//!
//! What is outside of `may` is never looked at; what is within `must` need not be. All between is decided by
//! [`Query::matches`](crate::Query::matches) on the event itself. So evidence can be as weak as it likes, and never wrong.

use std::ops::{BitAnd, BitOr, Not};

use crate::syntax::{Node, Test};

/// What is known of a set of rows, short of the rows themselves.
pub trait Evidence {
    /// Some of the rows.
    type Set: Set;
    /// All rows.
    fn all(&self) -> Self::Set;
    /// No row.
    fn none(&self) -> Self::Set {
        self.all().others()
    }
    /// Which rows may match a leaf and which must. What nothing is known of is [`Bounds::unknown`].
    fn test(&self, test: Test<'_>) -> Bounds<Self::Set>;
}

/// Some of the rows: a `bool` where they are all or none, a bitmap where each counts. Whatever has `&`, `|` and `!` is one.
pub trait Set: Clone {
    /// The rows in both.
    fn and(&self, other: &Self) -> Self;
    /// The rows in either.
    fn or(&self, other: &Self) -> Self;
    /// The rows that are not in it.
    fn others(&self) -> Self;
}

impl<S: Clone> Set for S
where
    for<'a> &'a S: BitAnd<&'a S, Output = S> + BitOr<&'a S, Output = S> + Not<Output = S>,
{
    fn and(&self, other: &S) -> S {
        self & other
    }

    fn or(&self, other: &S) -> S {
        self | other
    }

    fn others(&self) -> S {
        !self
    }
}

/// The answer between its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds<S> {
    /// Every row that matches is in it.
    pub may: S,
    /// Every row in it matches.
    pub must: S,
}

impl<S: Set> Bounds<S> {
    /// Nothing is known.
    pub fn unknown<E: Evidence<Set = S>>(evidence: &E) -> Bounds<S> {
        Bounds { may: evidence.all(), must: evidence.none() }
    }

    /// It is exactly these rows.
    pub fn exactly(set: S) -> Bounds<S> {
        Bounds { may: set.clone(), must: set }
    }

    /// At most these rows.
    pub fn at_most<E: Evidence<Set = S>>(evidence: &E, may: S) -> Bounds<S> {
        Bounds { may, must: evidence.none() }
    }

    /// What matches both.
    pub fn and(&self, other: &Bounds<S>) -> Bounds<S> {
        Bounds { may: self.may.and(&other.may), must: self.must.and(&other.must) }
    }

    /// What matches either.
    pub fn or(&self, other: &Bounds<S>) -> Bounds<S> {
        Bounds { may: self.may.or(&other.may), must: self.must.or(&other.must) }
    }

    /// What does not match.
    pub fn others(&self) -> Bounds<S> {
        Bounds { may: self.must.others(), must: self.may.others() }
    }
}

pub(crate) fn bounds<E: Evidence>(node: &Node, evidence: &E) -> Bounds<E::Set> {
    match node {
        Node::All => Bounds::exactly(evidence.all()),
        Node::Not(node) => bounds(node, evidence).others(),
        Node::And(nodes) => join(nodes, evidence, Bounds::and),
        Node::Or(nodes) => join(nodes, evidence, Bounds::or),
        Node::Field(field, condition) => evidence.test(Test::Field(field, condition)),
        Node::Word(word) => evidence.test(Test::Word(word)),
        Node::Value(pattern) => evidence.test(Test::Value(pattern)),
    }
}

fn join<E: Evidence>(
    nodes: &[Node],
    evidence: &E,
    join: impl Fn(&Bounds<E::Set>, &Bounds<E::Set>) -> Bounds<E::Set>,
) -> Bounds<E::Set> {
    let joined = nodes.iter().map(|node| bounds(node, evidence)).reduce(|one, other| join(&one, &other));
    joined.expect("the parser joins two nodes or more")
}
