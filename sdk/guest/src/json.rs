//! Values of JSON payloads, found and changed where they stand.
//!
//! No tree is built: one pass tells whether a payload is JSON and where the values are that [`Paths`] name, and an [`Edit`]
//! copies the payload with some of them changed. What is not changed keeps its bytes.
//!
//! ```
//! use catchwater_plugin::json::Paths;
//!
//! const EVENT: usize = 0;
//! const EMAIL: usize = 1;
//! let paths = Paths::new(["event", "customer.email"]).expect("sound paths");
//!
//! let order = paths.find(br#"{"event": "paid", "customer": {"email": "ada@example.com"}, "total": 1.50}"#)?;
//! assert_eq!(order.get(EVENT).and_then(|event| event.as_str()).as_deref(), Some("paid"));
//!
//! let mut edit = order.edit();
//! order.all(EMAIL).for_each(|email| edit.set(email, "***"));
//! edit.insert(order.root(), "seen", true);
//! let mut payload = Vec::new(); // one for all records
//! edit.write(&mut payload);
//! assert_eq!(payload, br#"{"event": "paid", "customer": {"email": "***"}, "total": 1.50,"seen":true}"#);
//! # Ok::<(), catchwater_plugin::json::Malformed>(())
//! ```

mod cursor;
mod edit;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use self::cursor::Cursor;
use self::scan::{Notes, Scan, head};
use crate::Mistake;

pub use edit::Edit;
pub use scan::Malformed;

/// Where values are: `customer.email`, `customer.*.email`, `**.email`.
///
/// `*` is any one key, `**` any number of keys, none included. Lists are passed through: `items.card` is the `card` of each
/// item. A key may itself hold dots: `a.b` is `{"a":{"b":1}}` and `{"a.b":1}`.
#[derive(Clone, Debug)]
pub struct Paths {
    /// All paths in a row, each with its end behind it.
    segments: Vec<Segment>,
    /// The segments that are looked for at the outermost value.
    first: Vec<usize>,
    notes: RefCell<Notes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// With its first bytes as a number, by which most differ.
    Key {
        head: u64,
        name: Box<[u8]>,
    },
    Any,
    Deep,
    End(usize),
}

/// A payload that is JSON, and the values that were found in it. Paths are asked for by their number.
#[derive(Clone, Debug)]
pub struct Document<'p> {
    root: Value<'p>,
    found: Vec<Found<'p>>,
}

#[derive(Clone, Copy, Debug)]
struct Found<'p> {
    path: usize,
    value: Value<'p>,
    /// Its key, or one that it is under, comes once more in the same object.
    overruled: bool,
}

/// A value as it stands in the payload.
#[derive(Clone, Copy, Debug)]
pub struct Value<'p> {
    /// The payload.
    text: &'p [u8],
    /// Where its key begins, if it has one.
    begin: usize,
    from: usize,
    to: usize,
}

// === impl Paths ===

impl Paths {
    /// Reads paths; the key of a mistake is the number of the path, such as `[1]`.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Result<Paths, Mistake> {
        let (mut segments, mut first) = (Vec::new(), Vec::new());
        for (number, path) in paths.into_iter().enumerate() {
            let begin = segments.len();
            segments.extend(path.as_ref().split('.').map(|segment| match segment {
                "*" => Segment::Any,
                "**" => Segment::Deep,
                key => Segment::Key { head: head(key.as_bytes()), name: key.as_bytes().into() },
            }));
            let mistake = |what| Err(Mistake::new(format!("[{number}]"), what));
            if path.as_ref().split('.').any(str::is_empty) {
                return mistake("has an empty part");
            }
            if segments.last() == Some(&Segment::Deep) {
                return mistake("names nothing: a key or `*` must follow on `**`");
            }
            segments.push(Segment::End(number));
            reach(&segments, &mut first, 0, begin);
        }
        Ok(Paths { segments, first, notes: RefCell::default() })
    }

    /// Reads a payload once from end to end. Sound is what `serde_json` takes: among others, values stand in at most 127
    /// others, and a number may have any size.
    pub fn find<'p>(&self, payload: &'p [u8]) -> Result<Document<'p>, Malformed> {
        let mut scan = Scan::new(payload, &self.segments, self.notes.take());
        let root = scan.document(&self.first).map_err(|what| Malformed { at: scan.cursor.at, what });
        let (found, notes) = scan.done();
        self.notes.replace(notes);
        Ok(Document { root: root?, found })
    }
}

/// Adds a segment to those that are looked for, from `from` on, once. `**` may stand for no key at all.
fn reach(segments: &[Segment], live: &mut Vec<usize>, from: usize, segment: usize) {
    if live[from..].contains(&segment) {
        return;
    }
    live.push(segment);
    if segments[segment] == Segment::Deep {
        reach(segments, live, from, segment + 1);
    }
}

// === impl Document, Value ===

impl<'p> Document<'p> {
    /// The outermost value.
    pub fn root(&self) -> Value<'p> {
        self.root
    }

    /// The value of a path; the first one, where a list, a wildcard or a dot leads to several.
    pub fn get(&self, path: usize) -> Option<Value<'p>> {
        self.values(path).next()
    }

    /// The values of a path in order. Of a key that comes twice in an object the last one counts.
    pub fn values(&self, path: usize) -> impl Iterator<Item = Value<'p>> {
        self.found.iter().filter(move |found| found.path == path && !found.overruled).map(|found| found.value)
    }

    /// As [`Document::values`], with those of keys that come once more: all of them are to be hidden, if one is.
    pub fn all(&self, path: usize) -> impl Iterator<Item = Value<'p>> {
        self.found.iter().filter(move |found| found.path == path).map(|found| found.value)
    }

    /// Begins a changed payload.
    pub fn edit(&self) -> Edit<'p> {
        Edit::new(self.root.text)
    }
}

impl<'p> Value<'p> {
    /// As it is written.
    pub fn raw(self) -> &'p str {
        std::str::from_utf8(&self.text[self.from..self.to]).expect("it was read as text")
    }

    /// Its place in the payload.
    pub fn range(self) -> Range<usize> {
        self.from..self.to
    }

    /// The text of a string; a copy only where it is written with escapes.
    pub fn as_str(self) -> Option<Cow<'p, str>> {
        self.text[self.from..].starts_with(b"\"").then(|| unquoted(&self.text[self.from..self.to]))
    }

    /// A number, as near as 64 bits come to it.
    pub fn as_f64(self) -> Option<f64> {
        self.raw().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        self.raw().parse().ok()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.text[self.from..self.to] == *b"null"
    }

    /// The values in a list; none in anything else.
    pub fn items(self) -> Option<impl Iterator<Item = Value<'p>>> {
        let mut at = self.from + 1;
        (self.text[self.from] == b'[').then_some(std::iter::from_fn(move || {
            let mut cursor = Cursor { bytes: self.text, at };
            cursor.space();
            let from = cursor.at;
            // Nothing but the end of the list is no value.
            let (mut cursor, sound) = cursor.skip(0);
            sound.ok()?;
            let to = cursor.at;
            cursor.space();
            at = cursor.at + 1;
            Some(Value { text: self.text, begin: from, from, to })
        }))
    }
}

/// The text that a sound string stands for.
fn unquoted(string: &[u8]) -> Cow<'_, str> {
    match string.contains(&b'\\') {
        false => Cow::Borrowed(std::str::from_utf8(&string[1..string.len() - 1]).expect("it was read as text")),
        true => Cow::Owned(serde_json::from_slice(string).expect("it was read before")),
    }
}
