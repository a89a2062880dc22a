//! The tokens of JSON, one behind the other.
//!
//! A cursor is few words, which stay in registers: what comes often is inlined and goes without a loop, because each turn of a
//! loop in a plugin looks whether its time is over. What comes seldom is a function apart, which takes a cursor and gives it back.

use std::ops::Range;
use std::str::from_utf8;

/// A place in a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'p> {
    pub(super) bytes: &'p [u8],
    pub(super) at: usize,
}

/// Past something that is as it must be; or what is wrong.
pub(super) type Sound = Result<(), &'static str>;

const ESCAPE: &str = "an escape that stands for no character";
const DEPTH_MAX: u32 = 127;
const TOO_DEEP: &str = "nested deeper than 127 levels";
const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Not zero if one of eight bytes is this one. The lowest bit is at its place, and those above it may be borrowed.
#[inline(always)]
pub(super) fn equal_in(word: u64, byte: u8) -> u64 {
    let zero_in = word ^ (ONES * u64::from(byte));
    zero_in.wrapping_sub(ONES) & !zero_in & HIGHS
}

/// How many bytes at the start are neither a quote nor a backslash nor a control character, and ASCII.
#[cfg(target_feature = "simd128")]
#[inline(always)]
fn plain(sixteen: &[u8; 16]) -> usize {
    use std::arch::wasm32::{i8x16_bitmask, i8x16_eq, i8x16_lt, i8x16_splat, v128_load, v128_or};
    // SAFETY: sixteen bytes are read from where sixteen are; they may stand anywhere.
    let bytes = unsafe { v128_load(sixteen.as_ptr().cast()) };
    let quotes = v128_or(i8x16_eq(bytes, i8x16_splat(b'"' as i8)), i8x16_eq(bytes, i8x16_splat(b'\\' as i8)));
    // As numbers with a sign, those that are not ASCII are below zero.
    let special = v128_or(quotes, i8x16_lt(bytes, i8x16_splat(0x20)));
    (u32::from(i8x16_bitmask(special)) | 1 << 16).trailing_zeros() as usize
}

#[cfg(not(target_feature = "simd128"))]
#[inline(always)]
fn plain(sixteen: &[u8; 16]) -> usize {
    let plain = |word: u64| {
        let special = equal_in(word, b'"') | equal_in(word, b'\\') | word.wrapping_sub(ONES * 0x20) | word;
        (special & HIGHS).trailing_zeros() as usize / 8
    };
    let word = u128::from_le_bytes(*sixteen);
    match plain(word as u64) {
        8 => 8 + plain((word >> 64) as u64),
        plain => plain,
    }
}

/// How many bytes at the start are digits.
#[inline(always)]
fn digits(eight: [u8; 8]) -> usize {
    let word = u64::from_le_bytes(eight) ^ (ONES * u64::from(b'0'));
    // What is carried goes up, behind the first that is none.
    ((word.wrapping_add(ONES * 0x76) | word) & HIGHS).trailing_zeros() as usize / 8
}

// === impl Cursor ===

impl<'p> Cursor<'p> {
    /// 0, which stands nowhere in JSON, behind the end.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self, at: usize) -> Option<&'p [u8; N]> {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk)
    }

    #[inline(always)]
    pub(super) fn space(&mut self) {
        if self.byte() <= b' ' {
            *self = self.past_space();
        }
    }

    #[inline(never)]
    fn past_space(mut self) -> Self {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self
    }

    /// Past a value, which stands in so many others.
    #[inline(never)]
    pub(super) fn skip(mut self, around: u32) -> (Self, Sound) {
        let sound = self.value(around);
        (self, sound)
    }

    #[inline(always)]
    fn value(&mut self, around: u32) -> Sound {
        let mut depth = around;
        // The lowest bit says whether the innermost of those that are open is an object, the next one what is around it.
        let mut objects = 0_u128;
        loop {
            let byte = self.byte();
            if byte == b'"' {
                self.string()?;
            } else if byte | 0x20 == b'{' {
                self.open(&mut depth)?;
                objects = objects << 1 | u128::from(byte == b'{');
                if self.byte() != byte + 2 {
                    self.key_of(objects)?;
                    continue;
                }
                self.at += 1;
                (depth, objects) = (depth - 1, objects >> 1);
            } else if byte < b'a' {
                self.number()?;
            } else {
                self.word()?;
            }
            loop {
                if depth == around {
                    return Ok(());
                }
                if self.goes_on(objects & 1 == 1)? {
                    break self.key_of(objects)?;
                }
                (depth, objects) = (depth - 1, objects >> 1);
            }
        }
    }

    /// Into a list or an object, of which so many may be open.
    #[inline(always)]
    pub(super) fn open(&mut self, depth: &mut u32) -> Sound {
        if *depth == DEPTH_MAX {
            return Err(TOO_DEEP);
        }
        *depth += 1;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Past what stands between two values; whether there is another one.
    #[inline(always)]
    pub(super) fn goes_on(&mut self, in_object: bool) -> Result<bool, &'static str> {
        self.space();
        let byte = self.byte();
        if byte == b',' {
            self.at += 1;
            self.space();
            return Ok(true);
        }
        if byte != if in_object { b'}' } else { b']' } {
            return Err("expected `,` or the end of the list or object");
        }
        self.at += 1;
        Ok(false)
    }

    /// Past a key, if what is open is an object.
    #[inline(always)]
    fn key_of(&mut self, objects: u128) -> Sound {
        if objects & 1 == 1 { self.key().map(drop) } else { Ok(()) }
    }

    /// Past a key and the colon; where it is, and whether there are escapes in it.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<(Range<usize>, bool), &'static str> {
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

    /// Past a string; whether there are escapes in it. Most are short, and plain up to their end.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, &'static str> {
        let begin = self.at + 1;
        if let Some(sixteen) = self.chunk(begin) {
            let plain = plain(sixteen);
            if sixteen.get(plain) == Some(&b'"') {
                self.at = begin + plain + 1;
                return Ok(false);
            }
        }
        let (cursor, has_escapes) = self.any_string();
        *self = cursor;
        has_escapes
    }

    #[inline(never)]
    fn any_string(mut self) -> (Self, Result<bool, &'static str>) {
        let has_escapes = self.past_string();
        (self, has_escapes)
    }

    fn past_string(&mut self) -> Result<bool, &'static str> {
        self.at += 1;
        let begin = self.at;
        let (mut has_escapes, mut is_ascii) = (false, true);
        loop {
            while let Some(sixteen) = self.chunk(self.at) {
                let plain = plain(sixteen);
                self.at += plain;
                if plain < 16 {
                    break;
                }
            }
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                0..0x20 => return Err("a control character or the end within a string"),
                0x20..0x80 => self.at += 1,
                0x80.. => {
                    is_ascii = false;
                    while self.byte() >= 0x80 {
                        self.at += 1;
                    }
                }
            }
        }
        if !is_ascii {
            self.text(begin..self.at)?;
        }
        self.at += 1;
        Ok(has_escapes)
    }

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

    /// Past a number, or what is no value at all.
    #[inline(always)]
    fn number(&mut self) -> Sound {
        let byte = self.byte();
        if byte != b'-' && !byte.is_ascii_digit() {
            return Err("expected a value");
        }
        self.at += usize::from(byte == b'-');
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if self.byte() | 0x20 == b'e' {
            let (cursor, sound) = self.exponent();
            *self = cursor;
            sound?;
        }
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Sound {
        if let Some(eight) = self.chunk(self.at) {
            let digits = digits(*eight);
            if digits > 0 && digits < 8 {
                self.at += digits;
                return Ok(());
            }
        }
        let (cursor, sound) = self.any_digits();
        *self = cursor;
        sound
    }

    #[inline(never)]
    fn any_digits(mut self) -> (Self, Sound) {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        (self, if self.at == from { Err("expected a digit") } else { Ok(()) })
    }

    #[inline(never)]
    fn exponent(mut self) -> (Self, Sound) {
        self.at += 1;
        self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
        self.any_digits()
    }

    #[inline(always)]
    fn word(&mut self) -> Sound {
        let (cursor, sound) = self.past_word();
        *self = cursor;
        sound
    }

    #[inline(never)]
    fn past_word(mut self) -> (Self, Sound) {
        self.at += match self.chunk(self.at) {
            Some(b"true" | b"null") => 4,
            Some(b"fals") if self.bytes.get(self.at + 4) == Some(&b'e') => 5,
            _ => return (self, Err("expected a value")),
        };
        (self, Ok(()))
    }
}
