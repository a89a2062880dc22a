//! One pass over a payload: whether it is JSON, and where the values are that paths name.

use std::fmt;
use std::ops::Range;

use super::{Found, Paths, Segment, Value, reach, unquoted};

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
    text: &'p str,
    bytes: &'p [u8],
    pub(super) at: usize,
    depth: u8,
    paths: &'s Paths,
    /// The segments that are looked for at this value, and below them those of the values around it.
    live: Vec<usize>,
    pub(super) found: Vec<Found<'p>>,
    members: Vec<Member<'p>>,
}

/// A field that a path leads to or through: its key as written, and which values were found in it.
struct Member<'p> {
    key: &'p str,
    found: Range<usize>,
}

const ESCAPE: &str = "an escape that stands for no character";
const DEPTH_MAX: u8 = 127;
const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

// === impl Scan ===

impl<'p, 's> Scan<'p, 's> {
    pub(super) fn new(text: &'p str, at: usize, paths: &'s Paths) -> Scan<'p, 's> {
        let (live, found, members) = (Vec::new(), Vec::new(), Vec::new());
        Scan { text, bytes: text.as_bytes(), at, depth: 0, paths, live, found, members }
    }

    pub(super) fn document(&mut self) -> Result<Value<'p>, &'static str> {
        self.live.clone_from(&self.paths.first);
        self.space();
        let from = self.at;
        self.value(0..self.live.len())?;
        let to = self.at;
        self.space();
        match self.at == self.bytes.len() {
            true => Ok(Value { text: self.text, begin: from, from, to }),
            false => Err("expected the end"),
        }
    }

    /// 0, which stands nowhere in JSON, behind the end.
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    pub(super) fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Past a value; `live` is what is looked for in it.
    pub(super) fn value(&mut self, live: Range<usize>) -> Sound {
        match self.byte() {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' => self.nested(|scan| scan.object(live)),
            b'[' => self.nested(|scan| scan.list(live)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err("expected a value"),
        }
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Sound) -> Sound {
        if self.depth == DEPTH_MAX {
            return Err("nested deeper than 127 levels");
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Past what stands between two values; whether there is another one.
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
        let members = self.members.len();
        // Equal keys lead to the same segments. One bit for each tells nearly always that no key came twice.
        let (mut seen, mut twice) = (0_u64, false);
        loop {
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
            let below = match live.is_empty() {
                true => 0..0,
                false if has_escapes => self.follow(live.clone(), &unquoted(&self.text[key.clone()])),
                false => self.follow(live.clone(), &self.text[key.start + 1..key.end - 1]),
            };
            if below.is_empty() {
                self.value(0..0)?;
            } else {
                let bit = 1 << (self.live[below.start] % 64);
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
        self.members.truncate(members);
        Ok(())
    }

    /// Past a value under a key that paths lead to or through.
    fn member(&mut self, key: Range<usize>, below: Range<usize>) -> Sound {
        let (first, from) = (self.found.len(), self.at);
        for live in below.clone() {
            if let Segment::End(path) = self.paths.segments[self.live[live]] {
                let value = Value { text: self.text, begin: key.start, from, to: from };
                self.found.push(Found { path, value, overruled: false });
            }
        }
        let own = first..self.found.len();
        self.value(below.clone())?;
        let to = self.at;
        self.found[own].iter_mut().for_each(|found| found.value.to = to);
        self.live.truncate(below.start);
        self.members.push(Member { key: &self.text[key], found: first..self.found.len() });
        Ok(())
    }

    /// Of the members from that one on, those of the same key as a later one are overruled.
    fn overrule(&mut self, from: usize) {
        let members = &mut self.members[from..];
        members.sort_by_cached_key(|member| unquoted(member.key).into_owned());
        for pair in members.windows(2).filter(|pair| unquoted(pair[0].key) == unquoted(pair[1].key)) {
            self.found[pair[0].found.clone()].iter_mut().for_each(|found| found.overruled = true);
        }
    }

    /// What is looked for below a key.
    fn follow(&mut self, live: Range<usize>, key: &str) -> Range<usize> {
        let from = self.live.len();
        self.step(live.clone(), key);
        if key.bytes().any(|byte| byte == b'.') {
            let whole = self.live.len();
            let parts = key.split('.').fold(live, |live, part| self.step(live, part));
            let ends = self.live[parts].to_vec();
            self.live.truncate(whole);
            ends.into_iter().for_each(|end| reach(&self.paths.segments, &mut self.live, from, end));
        }
        from..self.live.len()
    }

    fn step(&mut self, live: Range<usize>, key: &str) -> Range<usize> {
        let from = self.live.len();
        for live in live {
            let at = self.live[live];
            let next = match &self.paths.segments[at] {
                Segment::Key(name) if **name == *key => at + 1,
                Segment::Any => at + 1,
                Segment::Deep => at,
                _ => continue,
            };
            reach(&self.paths.segments, &mut self.live, from, next);
        }
        from..self.live.len()
    }

    /// Past a string; whether there are escapes in it. What is no quote, backslash or control character is skipped, eight
    /// bytes at once.
    fn string(&mut self) -> Result<bool, &'static str> {
        self.at += 1;
        let mut has_escapes = false;
        loop {
            while let Some(eight) = self.bytes[self.at..].first_chunk() {
                let word = u64::from_le_bytes(*eight);
                let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
                let quotes = zero_in(word ^ (ONES * u64::from(b'"')));
                let backslashes = zero_in(word ^ (ONES * u64::from(b'\\')));
                let controls = word.wrapping_sub(ONES * 0x20) & !word;
                // The lowest bit is right, and those above it may be borrowed.
                let found = (quotes | backslashes | controls) & HIGHS;
                if found != 0 {
                    self.at += found.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                0..0x20 => return Err("a control character or the end within a string"),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(has_escapes)
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
