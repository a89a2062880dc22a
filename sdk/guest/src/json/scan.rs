//! One pass over a payload: whether it is JSON, and where the values are that paths name.

use std::fmt;
use std::ops::Range;

use super::cursor::{Cursor, Sound, equal_in};
use super::{Found, Segment, Value, reach, unquoted};

/// Why a payload is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte from which on it is not.
    pub at: usize,
    pub(super) what: &'static str,
}

/// One pass over a text.
pub(super) struct Scan<'p, 's> {
    pub(super) cursor: Cursor<'p>,
    depth: u32,
    segments: &'s [Segment],
    pub(super) found: Vec<Found<'p>>,
    notes: Notes,
}

/// What a scan writes down on its way; kept from one to the next for its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// The segments that are looked for at this value, and below them those of the values around it.
    live: Vec<usize>,
    members: Vec<Member>,
}

/// A field that a path leads to or through: where its key is, and which values were found in it.
#[derive(Clone, Debug)]
struct Member {
    key: Range<usize>,
    found: Range<usize>,
}

/// A key, and its first eight bytes as a number: most keys differ in it.
#[derive(Clone, Copy)]
struct Name<'p> {
    head: u64,
    text: &'p [u8],
}

// === impl Name ===

impl<'p> Name<'p> {
    fn new(text: &'p [u8]) -> Name<'p> {
        Name { head: head(text), text }
    }

    /// The key there in a payload, whose bytes behind it spare a loop.
    #[inline]
    fn at(payload: &'p [u8], key: Range<usize>) -> Name<'p> {
        let text = &payload[key.clone()];
        let head = match payload[key.start..].first_chunk() {
            Some(eight) if text.len() < 8 => u64::from_le_bytes(*eight) & ((1 << (8 * text.len())) - 1),
            _ => head(text),
        };
        Name { head, text }
    }

    /// Whether neither the key nor its first part, up to a dot, can be one of those with these heads.
    #[inline]
    fn is_none_of(self, heads: u64) -> bool {
        // A first part of eight bytes or more has the head of the whole key.
        heads & bit(self.head) == 0 && equal_in(self.head, b'.') == 0
    }

    #[inline]
    fn has_dot(self) -> bool {
        equal_in(self.head, b'.') != 0 || self.text.get(8..).is_some_and(|rest| rest.contains(&b'.'))
    }
}

/// The first eight bytes, or all and zeros behind them.
#[inline]
pub(super) fn head(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => text.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte)),
    }
}

/// One of 64 bits for a head.
#[inline]
fn bit(head: u64) -> u64 {
    1 << (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

// === impl Segment ===

impl Segment {
    /// The bits of the heads of keys that it leads to.
    fn heads(&self) -> u64 {
        match self {
            Segment::Key { head, .. } => bit(*head),
            Segment::Any | Segment::Deep => u64::MAX,
            Segment::End(_) => 0,
        }
    }
}

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

// === impl Scan ===

impl<'p, 's> Scan<'p, 's> {
    pub(super) fn new(bytes: &'p [u8], segments: &'s [Segment], notes: Notes) -> Scan<'p, 's> {
        Scan { cursor: Cursor { bytes, at: 0 }, depth: 0, segments, found: Vec::new(), notes }
    }

    pub(super) fn document(&mut self, first: &[usize]) -> Result<Value<'p>, &'static str> {
        self.notes.members.clear();
        self.notes.live.clear();
        self.notes.live.extend_from_slice(first);
        self.cursor.space();
        let from = self.cursor.at;
        self.value(0..first.len())?;
        let to = self.cursor.at;
        self.cursor.space();
        match self.cursor.at == self.cursor.bytes.len() {
            true => Ok(Value { text: self.cursor.bytes, begin: from, from, to }),
            false => Err("expected the end"),
        }
    }

    pub(super) fn done(self) -> (Vec<Found<'p>>, Notes) {
        (self.found, self.notes)
    }

    /// Past a value; `live` is what is looked for in it.
    fn value(&mut self, live: Range<usize>) -> Sound {
        match self.cursor.byte() {
            b'{' if !live.is_empty() => self.nested(|scan| scan.object(live)),
            b'[' if !live.is_empty() => self.nested(|scan| scan.list(live)),
            _ => self.skip(),
        }
    }

    /// Past a value in which nothing is looked for.
    fn skip(&mut self) -> Sound {
        let (cursor, sound) = self.cursor.skip(self.depth);
        self.cursor = cursor;
        sound
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Sound) -> Sound {
        self.cursor.open(&mut self.depth)?;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn list(&mut self, live: Range<usize>) -> Sound {
        if self.cursor.byte() == b']' {
            self.cursor.at += 1;
            return Ok(());
        }
        loop {
            self.value(live.clone())?;
            if !self.cursor.goes_on(false)? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, live: Range<usize>) -> Sound {
        if self.cursor.byte() == b'}' {
            self.cursor.at += 1;
            return Ok(());
        }
        let members = self.notes.members.len();
        let heads = live.clone().fold(0, |heads, live| heads | self.segments[self.notes.live[live]].heads());
        // Equal keys lead to the same segments. One bit for each tells nearly always that no key came twice.
        let (mut seen, mut twice) = (0_u64, false);
        loop {
            let (key, has_escapes) = self.cursor.key()?;
            let name = Name::at(self.cursor.bytes, key.start + 1..key.end - 1);
            let below = match has_escapes {
                true => self.follow(live.clone(), Name::new(unquoted(&self.cursor.bytes[key.clone()]).as_bytes())),
                false if name.is_none_of(heads) => 0..0,
                false => self.follow(live.clone(), name),
            };
            if below.is_empty() {
                self.skip()?;
            } else {
                let bit = 1 << (self.notes.live[below.start] % 64);
                twice |= seen & bit != 0;
                seen |= bit;
                self.member(key, below)?;
            }
            if !self.cursor.goes_on(true)? {
                break;
            }
        }
        if twice {
            self.overrule(members);
        }
        self.notes.members.truncate(members);
        Ok(())
    }

    /// Past a value under a key that paths lead to or through.
    fn member(&mut self, key: Range<usize>, below: Range<usize>) -> Sound {
        let (first, from) = (self.found.len(), self.cursor.at);
        for live in below.clone() {
            if let Segment::End(path) = self.segments[self.notes.live[live]] {
                let value = Value { text: self.cursor.bytes, begin: key.start, from, to: from };
                self.found.push(Found { path, value, overruled: false });
            }
        }
        let own = first..self.found.len();
        self.value(below.clone())?;
        let to = self.cursor.at;
        self.found[own].iter_mut().for_each(|found| found.value.to = to);
        self.notes.live.truncate(below.start);
        self.notes.members.push(Member { key, found: first..self.found.len() });
        Ok(())
    }

    /// Of the members from that one on, those of the same key as a later one are overruled.
    fn overrule(&mut self, from: usize) {
        let key = |member: &Member| unquoted(&self.cursor.bytes[member.key.clone()]);
        let members = &mut self.notes.members[from..];
        members.sort_by_cached_key(|member| key(member).into_owned());
        for pair in members.windows(2).filter(|pair| key(&pair[0]) == key(&pair[1])) {
            self.found[pair[0].found.clone()].iter_mut().for_each(|found| found.overruled = true);
        }
    }

    /// What is looked for below a key.
    fn follow(&mut self, live: Range<usize>, key: Name<'_>) -> Range<usize> {
        let from = self.notes.live.len();
        self.step(live.clone(), key);
        if key.has_dot() {
            let whole = self.notes.live.len();
            let parts = key.text.split(|byte| *byte == b'.').map(Name::new);
            let parts = parts.fold(live, |live, part| self.step(live, part));
            let ends = self.notes.live[parts].to_vec();
            self.notes.live.truncate(whole);
            ends.into_iter().for_each(|end| reach(self.segments, &mut self.notes.live, from, end));
        }
        from..self.notes.live.len()
    }

    fn step(&mut self, live: Range<usize>, key: Name<'_>) -> Range<usize> {
        let from = self.notes.live.len();
        for live in live {
            let at = self.notes.live[live];
            let next = match &self.segments[at] {
                Segment::Key { head, name } if *head == key.head && **name == *key.text => at + 1,
                Segment::Any => at + 1,
                Segment::Deep => at,
                _ => continue,
            };
            reach(self.segments, &mut self.notes.live, from, next);
        }
        from..self.notes.live.len()
    }
}
