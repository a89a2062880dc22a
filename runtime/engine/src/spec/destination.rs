//! A sink that is kept under a name, so that replays can be sent to it.

use std::sync::Arc;

use catchwater_sdk::config::{Mistake, Node};

use super::pipeline::Reader;
use super::{OnError, Place, Sink, SourceFile};

/// The key that makes a document a destination.
pub(super) const DESTINATION: &str = "destination";

/// A destination as its document describes it: its name beside the keys of a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Its name, unique among all destinations.
    pub name: String,
    /// The sink, with the transforms of its branch.
    pub sink: Sink,
    /// Where its name stands.
    pub place: Place,
}

impl Destination {
    /// Whether a document is one.
    pub(super) fn is_in(root: &Node) -> bool {
        root.get(DESTINATION).is_some()
    }

    /// Reads a document in which the walker found no mistake.
    pub(super) fn read(mut root: Node, file: &Arc<SourceFile>) -> Result<Destination, Mistake> {
        let span = root.span_of(DESTINATION);
        let name = root.take(DESTINATION);
        let mut reader = Reader { file, on_error: OnError::Fail };
        Ok(Destination {
            name: name.as_ref().and_then(Node::as_text).unwrap_or_default().to_owned(),
            place: reader.place(span, String::new()),
            sink: reader.sink(root, String::new())?,
        })
    }
}
