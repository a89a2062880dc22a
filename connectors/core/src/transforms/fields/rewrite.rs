//! A JSON text with some fields changed, everything else byte for byte.

use std::borrow::Cow;

use catchwater_sdk::Batch;
use catchwater_sdk::transform::Output;
use serde::de::IgnoredAny;

use super::paths::{Cursor, Paths};

/// What becomes of a field that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action<'n> {
    /// Its value is what was written instead.
    Written,
    /// The same is asked for each value in it that is no list and no object.
    Each,
    /// It goes, with its key and one comma.
    Drop,
    /// Its key becomes this one; paths are followed into its value.
    Rename(&'n str),
}

/// What is asked about each field that a path names.
pub(crate) type Edit<'e, 'n> = dyn FnMut(usize, &str, &mut Vec<u8>) -> Action<'n> + 'e;

/// Deeper values are refused: the way down takes stack.
const DEPTH_MAX: usize = 512;

/// Writes the payload to `out`, with each field that a path names as `edit` wants it: it gets the number of the path and
/// the value as it stands, and writes another one or says what else becomes of it. Answers whether anything changed, or
/// why the payload cannot be changed; `out` then holds a part of it.
pub(crate) fn rewrite<'n>(
    paths: &Paths,
    payload: &[u8],
    out: &mut Vec<u8>,
    edit: &mut Edit<'_, 'n>,
) -> Result<bool, String> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| format!("the payload is not JSON: not UTF-8 at byte {}", error.valid_up_to()))?;
    // From here on the text is known to be sound.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("the payload is not JSON: {error}"))?;
    out.reserve(text.len());
    let mut editor = Editor { text, at: 0, depth: 0, paths, out, edit, changed: false };
    editor.space();
    editor.value(&Way::Paths(paths.root()))?;
    editor.space();
    Ok(editor.changed)
}

/// Rewrites each payload of a batch; records go on as they are where nothing changed. `scratch` is kept for its memory.
pub(crate) fn rewrite_batch(
    paths: &Paths,
    batch: &Batch,
    out: &mut Output<'_>,
    scratch: &mut Vec<u8>,
    edit: &mut Edit<'_, '_>,
) {
    for (i, record) in batch.iter().enumerate() {
        let Some(payload) = record.payload() else {
            out.keep(i);
            continue;
        };
        scratch.clear();
        match rewrite(paths, payload, scratch, edit) {
            Ok(false) => out.keep(i),
            Ok(true) => out.replace_payload(i, Some(scratch)),
            Err(reason) => out.reject(i, reason),
        }
    }
}

/// What is looked for in a value.
enum Way {
    Paths(Cursor),
    /// All values in it, for the path of that number.
    Each(usize),
}

struct Editor<'a, 'e, 'n> {
    text: &'a str,
    at: usize,
    depth: usize,
    paths: &'e Paths,
    out: &'e mut Vec<u8>,
    edit: &'e mut Edit<'e, 'n>,
    changed: bool,
}

// === impl Editor ===

impl<'a, 'n> Editor<'a, '_, 'n> {
    fn byte(&self) -> u8 {
        self.text.as_bytes()[self.at]
    }

    fn copy(&mut self, from: usize) {
        self.out.extend_from_slice(&self.text.as_bytes()[from..self.at]);
    }

    /// Copies white space.
    fn space(&mut self) {
        let from = self.at;
        self.skip_space();
        self.copy(from);
    }

    fn skip_space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len());
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(found) = memchr::memchr2(b'"', b'\\', &self.text.as_bytes()[self.at..]) {
            self.at += found;
            if self.byte() == b'"' {
                break;
            }
            self.at += 2;
        }
        self.at += 1;
    }

    /// Past a value, whatever is in it.
    fn skip_value(&mut self) {
        let mut open = 0;
        loop {
            match self.byte() {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    open -= 1;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {
                    self.at += 1;
                    continue;
                }
                _ => self.skip_scalar(),
            }
            if open == 0 {
                return;
            }
        }
    }

    fn skip_scalar(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    fn value(&mut self, way: &Way) -> Result<(), String> {
        let from = self.at;
        if let Way::Paths(cursor) = way
            && cursor.is_lost()
        {
            self.skip_value();
            self.copy(from);
            return Ok(());
        }
        match self.byte() {
            b'{' => self.nested(|editor| editor.object(way)),
            b'[' => self.nested(|editor| editor.list(way)),
            _ => {
                self.skip_value();
                match way {
                    Way::Paths(_) => self.copy(from),
                    Way::Each(path) => drop(self.ask(*path, from)),
                }
                Ok(())
            }
        }
    }

    /// What becomes of the value from there to here.
    fn ask(&mut self, path: usize, from: usize) -> Action<'n> {
        self.changed = true;
        (self.edit)(path, &self.text[from..self.at], self.out)
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the payload is nested deeper than {DEPTH_MAX} levels at byte {}", self.at));
        }
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn list(&mut self, way: &Way) -> Result<(), String> {
        loop {
            // The bracket, or a comma.
            let from = self.at;
            self.at += 1;
            self.skip_space();
            self.copy(from);
            if self.byte() != b']' {
                self.value(way)?;
                self.space();
            }
            if self.byte() == b']' {
                self.at += 1;
                self.out.push(b']');
                return Ok(());
            }
        }
    }

    fn object(&mut self, way: &Way) -> Result<(), String> {
        let object = self.at;
        let (mut first, mut renamed) = (true, Vec::new());
        self.out.push(b'{');
        loop {
            // Behind the brace, or a comma.
            self.at += 1;
            let lead = self.at;
            self.skip_space();
            if self.byte() == b'}' {
                self.copy(lead);
                break;
            }
            let start = self.out.len();
            if !first {
                self.out.push(b',');
            }
            self.copy(lead);
            match self.member(way, object, &mut renamed)? {
                true => {
                    first = false;
                    self.space();
                }
                false => {
                    self.out.truncate(start);
                    self.skip_space();
                }
            }
            if self.byte() == b'}' {
                break;
            }
        }
        self.at += 1;
        self.out.push(b'}');
        Ok(())
    }

    /// A key and its value; whether they stay.
    fn member(&mut self, way: &Way, object: usize, renamed: &mut Vec<&'n str>) -> Result<bool, String> {
        let key_from = self.at;
        self.skip_string();
        let key_to = self.at;
        self.skip_space();
        self.at += 1; // the colon
        self.skip_space();
        let value_from = self.at;
        let Way::Paths(cursor) = way else {
            self.copy(key_from);
            return self.value(way).map(|()| true);
        };
        let below = self.paths.step(cursor, &decoded(&self.text[key_from..key_to]));
        let Some(path) = self.paths.ends(&below) else {
            self.copy(key_from);
            return self.value(&Way::Paths(below)).map(|()| true);
        };
        let member = self.out.len();
        self.copy(key_from);
        self.skip_value();
        match self.ask(path, value_from) {
            Action::Written => Ok(true),
            Action::Drop => Ok(false),
            Action::Each => {
                self.at = value_from;
                self.value(&Way::Each(path)).map(|()| true)
            }
            Action::Rename(name) => {
                self.free(object, name, renamed)?;
                self.out.truncate(member);
                serde_json::to_writer(&mut *self.out, name).expect("memory can be written");
                self.at = value_from;
                self.copy(key_to);
                renamed.push(name);
                self.value(&Way::Paths(below)).map(|()| true)
            }
        }
    }

    /// Whether no other field of the object has that name.
    fn free(&self, object: usize, name: &str, renamed: &[&str]) -> Result<(), String> {
        let taken = || Err(format!("there is a field `{name}` already, beside the one to be renamed"));
        if renamed.contains(&name) {
            return taken();
        }
        let (mut nothing, mut keep) = (Vec::new(), |_: usize, _: &str, _: &mut Vec<u8>| Action::Drop);
        let mut look = Editor { at: object, depth: 0, out: &mut nothing, edit: &mut keep, changed: false, ..*self };
        loop {
            look.at += 1;
            look.skip_space();
            let from = look.at;
            look.skip_string();
            if decoded(&look.text[from..look.at]) == name {
                return taken();
            }
            look.skip_space();
            look.at += 1;
            look.skip_space();
            look.skip_value();
            look.skip_space();
            if look.byte() == b'}' {
                return Ok(());
            }
        }
    }
}

/// The text that a JSON string stands for; one with half a character stays as it is written.
pub(crate) fn decoded(string: &str) -> Cow<'_, str> {
    let inner = &string[1..string.len() - 1];
    match inner.contains('\\') {
        false => Cow::Borrowed(inner),
        true => serde_json::from_str(string).map_or(Cow::Borrowed(inner), Cow::Owned),
    }
}
