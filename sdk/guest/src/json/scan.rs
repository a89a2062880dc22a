//! One pass over a payload: whether it is JSON, and where the values are that paths name.

use std::fmt;
use std::ops::Range;
use std::str::from_utf8;

use super::{Found, Segment, Value, reach, unquoted};

/// Why a payload is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte from which on it is not.
    pub at: usize,
    pub(super) what: &'static str,
}

/// Past something that is as it must be; or what is wrong.
type Sound = Result<(), &'static str>;

/// One pass over a text.
pub(super) struct Scan<'p, 's> {
    bytes: &'p [u8],
    pub(super) at: usize,
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

const ESCAPE: &str = "an escape that stands for no character";
const DEPTH_MAX: u32 = 127;
const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Not zero if one of eight bytes is this one. The lowest bit is at its place, and those above it may be borrowed.
#[inline]
fn equal_in(word: u64, byte: u8) -> u64 {
    let zero_in = word ^ (ONES * u64::from(byte));
    zero_in.wrapping_sub(ONES) & !zero_in & HIGHS
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

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

// === impl Scan ===

impl<'p, 's> Scan<'p, 's> {
    pub(super) fn new(bytes: &'p [u8], at: usize, segments: &'s [Segment], notes: Notes) -> Scan<'p, 's> {
        Scan { bytes, at, depth: 0, segments, found: Vec::new(), notes }
    }

    pub(super) fn document(&mut self, first: &[usize]) -> Result<Value<'p>, &'static str> {
        self.notes.members.clear();
        self.notes.live.clear();
        self.notes.live.extend_from_slice(first);
        self.space();
        let from = self.at;
        self.value(0..first.len())?;
        let to = self.at;
        self.space();
        match self.at == self.bytes.len() {
            true => Ok(Value { text: self.bytes, begin: from, from, to }),
            false => Err("expected the end"),
        }
    }

    pub(super) fn done(self) -> (Vec<Found<'p>>, Notes) {
        (self.found, self.notes)
    }

    /// 0, which stands nowhere in JSON, behind the end.
    #[inline]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Past a value; `live` is what is looked for in it.
    fn value(&mut self, live: Range<usize>) -> Sound {
        match self.byte() {
            b'{' if !live.is_empty() => self.nested(|scan| scan.object(live)),
            b'[' if !live.is_empty() => self.nested(|scan| scan.list(live)),
            _ => self.skip(),
        }
    }

    /// Past a value in which nothing is looked for.
    pub(super) fn skip(&mut self) -> Sound {
        let around = self.depth;
        // The lowest bit says whether the innermost of those that are open is an object, the next one what is around it.
        let mut objects = 0_u128;
        loop {
            let byte = self.byte();
            match byte {
                b'"' => self.string().map(drop)?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                b'{' | b'[' => {
                    self.enter()?;
                    objects = objects << 1 | u128::from(byte == b'{');
                    if self.byte() != byte + 2 {
                        self.key_of(objects)?;
                        continue;
                    }
                    self.at += 1;
                    (self.depth, objects) = (self.depth - 1, objects >> 1);
                }
                _ => return Err("expected a value"),
            }
            loop {
                if self.depth == around {
                    return Ok(());
                }
                let end = if objects & 1 == 1 { b'}' } else { b']' };
                if self.goes_on(end)? {
                    break self.key_of(objects)?;
                }
                (self.depth, objects) = (self.depth - 1, objects >> 1);
            }
        }
    }

    /// Past a key, if what is open is an object.
    #[inline]
    fn key_of(&mut self, objects: u128) -> Sound {
        if objects & 1 == 1 { self.key().map(drop) } else { Ok(()) }
    }

    /// Past a key and the colon; where it is, and whether there are escapes in it.
    #[inline]
    fn key(&mut self) -> Result<(Range<usize>, bool), &'static str> {
        let begin = self.at;
        if self.byte() != b'"' {
            return Err("expected a key");
        }
        let has_escapes = self.string()?;
        let key = begin..self.at;
        self.space();
        if self.byte() != b':' {
            return Err("expected `:`");
        }
        self.at += 1;
        self.space();
        Ok((key, has_escapes))
    }

    fn enter(&mut self) -> Sound {
        if self.depth == DEPTH_MAX {
            return Err("nested deeper than 127 levels");
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        Ok(())
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Sound) -> Sound {
        self.enter()?;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Past what stands between two values; whether there is another one.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Result<bool, &'static str> {
        self.space();
        let byte = self.byte();
        if byte != b',' && byte != end {
            return Err("expected `,` or the end of the list or object");
        }
        self.at += 1;
        if byte == b',' {
            self.space();
        }
        Ok(byte == b',')
    }

    fn list(&mut self, live: Range<usize>) -> Sound {
        if self.byte() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(live.clone())?;
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, live: Range<usize>) -> Sound {
        if self.byte() == b'}' {
            self.at += 1;
            return Ok(());
        }
        let members = self.notes.members.len();
        // Equal keys lead to the same segments. One bit for each tells nearly always that no key came twice.
        let (mut seen, mut twice) = (0_u64, false);
        loop {
            let (key, has_escapes) = self.key()?;
            let below = match has_escapes {
                true => self.follow(live.clone(), Name::new(unquoted(&self.bytes[key.clone()]).as_bytes())),
                false => self.follow(live.clone(), Name::at(self.bytes, key.start + 1..key.end - 1)),
            };
            if below.is_empty() {
                self.skip()?;
            } else {
                let bit = 1 << (self.notes.live[below.start] % 64);
                twice |= seen & bit != 0;
                seen |= bit;
                self.member(key, below)?;
            }
            if !self.goes_on(b'}')? {
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
        let (first, from) = (self.found.len(), self.at);
        for live in below.clone() {
            if let Segment::End(path) = self.segments[self.notes.live[live]] {
                let value = Value { text: self.bytes, begin: key.start, from, to: from };
                self.found.push(Found { path, value, overruled: false });
            }
        }
        let own = first..self.found.len();
        self.value(below.clone())?;
        let to = self.at;
        self.found[own].iter_mut().for_each(|found| found.value.to = to);
        self.notes.live.truncate(below.start);
        self.notes.members.push(Member { key, found: first..self.found.len() });
        Ok(())
    }

    /// Of the members from that one on, those of the same key as a later one are overruled.
    fn overrule(&mut self, from: usize) {
        let key = |member: &Member| unquoted(&self.bytes[member.key.clone()]);
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

    /// Past a string; whether there are escapes in it. What is no quote, backslash or control character is skipped, eight
    /// bytes at once.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, &'static str> {
        self.at += 1;
        let begin = self.at;
        let (mut has_escapes, mut high) = (false, 0);
        loop {
            while let Some(eight) = self.bytes[self.at..].first_chunk() {
                let word = u64::from_le_bytes(*eight);
                let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
                let found = equal_in(word, b'"') | equal_in(word, b'\\') | controls;
                if found != 0 {
                    high |= word & HIGHS & (found - 1);
                    self.at += found.trailing_zeros() as usize / 8;
                    break;
                }
                high |= word & HIGHS;
                self.at += 8;
            }
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                0..0x20 => return Err("a control character or the end within a string"),
                byte => {
                    high |= u64::from(byte) & HIGHS;
                    self.at += 1;
                }
            }
        }
        if high != 0 {
            self.text(begin..self.at)?;
        }
        self.at += 1;
        Ok(has_escapes)
    }

    #[cold]
    fn text(&mut self, string: Range<usize>) -> Sound {
        from_utf8(&self.bytes[string.clone()]).map(drop).map_err(|error| {
            self.at = string.start + error.valid_up_to();
            "expected UTF-8"
        })
    }

    fn escape(&mut self) -> Sound {
        self.at += 1;
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => match self.unit()? {
                // Half a character, and the other half.
                0xd800..0xdc00 if self.bytes[self.at..].starts_with(b"\\u") => {
                    self.at += 1;
                    if !(0xdc00..0xe000).contains(&self.unit()?) {
                        return Err(ESCAPE);
                    }
                }
                0xd800..0xe000 => return Err(ESCAPE),
                _ => {}
            },
            _ => return Err(ESCAPE),
        }
        Ok(())
    }

    /// Past `u` and four hexadecimal digits, which are answered as a number.
    fn unit(&mut self) -> Result<u32, &'static str> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            unit = unit << 4 | char::from(self.byte()).to_digit(16).ok_or(ESCAPE)?;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> Sound {
        self.at += usize::from(self.byte() == b'-');
        match self.byte() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Sound {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == from { Err("expected a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Sound {
        if !self.bytes[self.at..].starts_with(word) {
            return Err("expected a value");
        }
        self.at += word.len();
        Ok(())
    }
}
