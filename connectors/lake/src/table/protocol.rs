//! Which tables we may write: what Delta calls the protocol.
//!
//! A table names the least version of the protocol that a reader and a writer must know, from version 3 (readers) and 7
//! (writers) on as a list of features. Ours ask for the least there is, which every engine reads. A table that asks for more
//! was changed by another tool, and writing it regardless would break what that tool relies on.

use serde::{Deserialize, Serialize};

/// Features that ask nothing of someone who only appends files and reads them whole.
const HARMLESS: [&str; 2] = ["appendOnly", "invariants"];

/// Features that ask nothing of someone who only reads, as long as no column is mapped and no file has deleted rows: that is
/// looked at where it is said.
const READABLE: [&str; 4] = ["columnMapping", "deletionVectors", "timestampNtz", "vacuumProtocolCheck"];

/// What a table asks of its readers and writers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protocol {
    min_reader_version: i32,
    min_writer_version: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reader_features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writer_features: Option<Vec<String>>,
}

impl Protocol {
    /// What a new table asks for.
    pub(super) const NEW: Protocol =
        Protocol { min_reader_version: 1, min_writer_version: 2, reader_features: None, writer_features: None };

    /// Why we may not touch a table that asks for this; none if we may.
    pub(super) fn refusal(&self) -> Option<String> {
        let Protocol { min_reader_version: reader, min_writer_version: writer, .. } = self;
        let unknown = self.unknown_features();
        match (reader, writer) {
            (1, 1 | 2) => None,
            (1 | 3, 7) if unknown.is_empty() => None,
            (1 | 3, 7) => Some(format!("it uses the feature {}, which Catchwater does not write", unknown.join(", "))),
            _ => Some(format!(
                "it asks for reader version {reader} and writer version {writer}, and Catchwater writes 1 and 2"
            )),
        }
    }

    /// Why we cannot read a table that asks for this; none if we can.
    pub(super) fn reading_refusal(&self) -> Option<String> {
        let features = self.reader_features.iter().flatten().map(String::as_str);
        let unknown: Vec<&str> = features.filter(|feature| !READABLE.contains(feature)).collect();
        match self.min_reader_version {
            1 | 2 => None,
            3 if unknown.is_empty() => None,
            3 => Some(format!("it uses the feature {}, which Catchwater does not read", unknown.join(", "))),
            reader => Some(format!("it asks for reader version {reader}, and Catchwater reads up to 3")),
        }
    }

    fn unknown_features(&self) -> Vec<&str> {
        let features = self.reader_features.iter().chain(&self.writer_features).flatten().map(String::as_str);
        let mut unknown: Vec<&str> = features.filter(|feature| !HARMLESS.contains(feature)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reader: i32, writer: i32, features: Option<&[&str]>, expected: Option<&str>) {
        let features = features.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let protocol = Protocol {
            min_reader_version: reader,
            min_writer_version: writer,
            reader_features: (reader == 3).then(|| features.clone()).flatten(),
            writer_features: features,
        };
        let refusal = protocol.refusal();
        assert_eq!(refusal.is_some(), expected.is_some(), "{refusal:?}");
        assert!(refusal.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    fn check_reading(reader: i32, features: Option<&[&str]>, expected: Option<&str>) {
        let reader_features = features.map(|names| names.iter().map(ToString::to_string).collect());
        let protocol =
            Protocol { min_reader_version: reader, min_writer_version: 99, reader_features, writer_features: None };
        let refusal = protocol.reading_refusal();
        assert_eq!(refusal.is_some(), expected.is_some(), "{refusal:?}");
        assert!(refusal.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn reads_whatever_asks_nothing_of_its_readers() {
        check_reading(1, None, None);
        check_reading(2, None, None);
        check_reading(3, Some(&["deletionVectors", "timestampNtz"]), None);
        check_reading(3, Some(&["v2Checkpoint", "deletionVectors"]), Some("the feature v2Checkpoint, which"));
        check_reading(4, None, Some("reader version 4"));
    }

    #[test]
    fn takes_what_asks_nothing_of_us() {
        check(1, 2, None, None);
        check(1, 7, Some(&["appendOnly", "invariants"]), None);
    }

    #[test]
    fn refuses_what_another_tool_switched_on() {
        check(3, 7, Some(&["deletionVectors"]), Some("the feature deletionVectors"));
        check(1, 7, Some(&["checkConstraints", "appendOnly"]), Some("the feature checkConstraints,"));
        check(2, 5, None, Some("reader version 2 and writer version 5"));
        check(4, 8, None, Some("reader version 4"));
    }
}
