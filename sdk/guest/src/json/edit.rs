//! A payload with some values changed.

use std::cmp::Reverse;
use std::ops::Range;

use serde::Serialize;

use super::Value;

/// The payload with some values changed.
///
/// A value that is removed or in one that is changed itself cannot be changed any more, and of several changes to the same
/// value the first is made.
#[derive(Clone, Debug)]
pub struct Edit<'p> {
    text: &'p [u8],
    changes: Vec<Change>,
    /// The new values, one behind the other.
    written: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Change {
    what: What,
    replaced: Range<usize>,
    by: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Set,
    Remove,
    Insert,
}

// === impl Edit ===

impl<'p> Edit<'p> {
    pub(super) fn new(text: &'p [u8]) -> Edit<'p> {
        Edit { text, changes: Vec::new(), written: Vec::new() }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Puts another value in place of one.
    pub fn set(&mut self, value: Value<'_>, new: impl Serialize) {
        let by = self.writes(|written| write_json(written, new));
        self.changes.push(Change { what: What::Set, replaced: value.range(), by });
    }

    /// Takes a value out, with its key and a comma.
    pub fn remove(&mut self, value: Value<'_>) {
        self.changes.push(Change { what: What::Remove, replaced: value.begin..value.to, by: 0..0 });
    }

    /// Adds a field at the end of an object, which does not have it yet; to anything else, nothing is added.
    pub fn insert(&mut self, object: Value<'_>, name: &str, value: impl Serialize) {
        let Some(inner) = object.raw().strip_suffix('}') else { return };
        let by = self.writes(|written| {
            write_json(written, name);
            written.push(b':');
            write_json(written, value);
        });
        let end = object.from + inner.trim_ascii_end().len();
        self.changes.push(Change { what: What::Insert, replaced: end..end, by });
    }

    /// Writes the changed payload in place of what `out` held.
    pub fn write(mut self, out: &mut Vec<u8>) {
        out.clear();
        out.reserve(self.text.len() + self.written.len() + self.changes.len());
        self.changes.sort_by_key(|change| (change.replaced.start, Reverse(change.replaced.end)));
        let text = self.text;
        let mut at = 0;
        for Change { what, replaced, by } in self.changes {
            if replaced.start < at {
                continue;
            }
            out.extend_from_slice(&text[at..replaced.start]);
            at = replaced.end;
            match what {
                What::Insert if out.last() != Some(&b'{') => out.push(b','),
                What::Remove => at += comma(out, &text[at..]),
                _ => {}
            }
            out.extend_from_slice(&self.written[by]);
        }
        out.extend_from_slice(&text[at..]);
    }

    fn writes(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let from = self.written.len();
        write(&mut self.written);
        from..self.written.len()
    }
}

fn write_json(out: &mut Vec<u8>, value: impl Serialize) {
    serde_json::to_writer(out, &value).expect("JSON can say it");
}

/// Takes the comma away that is too many between what is written and the rest; answers how much of the rest that is.
fn comma(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    out.truncate(out.trim_ascii_end().len());
    let behind = rest.trim_ascii_start();
    match (out.last(), behind.first()) {
        (Some(b','), _) => drop(out.pop()),
        (_, Some(b',')) => return rest.len() - behind.len() + 1,
        _ => {}
    }
    0
}
