//! Lines out of blocks of bytes, with bounded memory.
//!
//! A line ends with a newline, which is not part of it; a carriage return before it is, so that every byte is kept. An
//! empty line is a line. What follows the last newline is a line only once the input is known to have ended.

use catchwater_sdk::config::Size;
use catchwater_sdk::{BatchBuilder, Field, Record};
use memchr::memchr;

/// So much of a line that is too long is kept, to recognise it by.
const HEAD_BYTES: usize = 1024;

/// The lines of one input that is fed in block by block.
#[derive(Debug)]
pub(super) struct Lines {
    line_max: Size,
    block: Vec<u8>,
    /// Up to here the block was taken.
    at: usize,
    /// The line that began before the block, or the head of one that is too long.
    carry: Vec<u8>,
    /// The line in `carry` was handed out: the next call lets it go.
    carry_is_out: bool,
    /// Where in the input the current line begins.
    start: u64,
    /// How much of it was seen before the rest of the block.
    seen: u64,
}

/// A line, or what is left of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// Its first byte.
    pub(super) start: u64,
    /// The first byte behind it and its newline.
    pub(super) after: u64,
    /// It is longer than is taken; the text is its head.
    pub(super) too_long: bool,
}

impl Lines {
    /// Of an input that is read from byte `start` on.
    pub(super) fn new(line_max: Size, start: u64) -> Lines {
        Lines { line_max, block: Vec::new(), at: 0, carry: Vec::new(), carry_is_out: false, start, seen: 0 }
    }

    /// Where the line begins that is not yet taken.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Where in the input the next block begins.
    pub(super) fn fed_to(&self) -> u64 {
        self.start + self.seen + (self.block.len() - self.at) as u64
    }

    /// Feeds the next block, once there is no further line; answers the old one to be filled again.
    pub(super) fn feed(&mut self, block: Vec<u8>) -> Vec<u8> {
        debug_assert_eq!(self.at, self.block.len(), "the block before was taken");
        self.at = 0;
        std::mem::replace(&mut self.block, block)
    }

    /// The next line that ends within what was fed.
    pub(super) fn next(&mut self) -> Option<Line<'_>> {
        self.let_go();
        let from = self.at;
        let Some(len) = memchr(b'\n', &self.block[from..]) else {
            self.hold(from..self.block.len());
            self.at = self.block.len();
            return None;
        };
        self.at = from + len + 1;
        if self.seen > 0 || len > self.line_max.as_usize() {
            self.hold(from..from + len);
            return Some(self.carried(1));
        }
        let start = self.start;
        self.start += len as u64 + 1;
        Some(Line { text: &self.block[from..from + len], start, after: self.start, too_long: false })
    }

    /// The input has ended: what follows its last newline.
    pub(super) fn last(&mut self) -> Option<Line<'_>> {
        self.let_go();
        (self.seen > 0).then(|| self.carried(0))
    }

    /// Pushes lines until the batch is full or there is no further one.
    pub(super) fn push_all(&mut self, batch: &mut BatchBuilder, origin: u32, name: &str, properties: &[Field<'_>]) {
        let line_max = self.line_max;
        while !batch.is_full() {
            let Some(line) = self.next() else { return };
            line.push(batch, origin, name, line_max, properties);
        }
    }

    /// Pushes the last line, if there is one.
    pub(super) fn push_last(&mut self, batch: &mut BatchBuilder, origin: u32, name: &str, properties: &[Field<'_>]) {
        let line_max = self.line_max;
        if let Some(line) = self.last() {
            line.push(batch, origin, name, line_max, properties);
        }
    }

    fn let_go(&mut self) {
        if std::mem::take(&mut self.carry_is_out) {
            self.carry.clear();
        }
    }

    /// Keeps a part of a line until its end is there; of a line that is too long, only the head.
    fn hold(&mut self, part: std::ops::Range<usize>) {
        self.seen += part.len() as u64;
        if self.seen <= self.line_max.bytes() {
            self.carry.extend_from_slice(&self.block[part]);
            return;
        }
        let missing = HEAD_BYTES.saturating_sub(self.carry.len()).min(part.len());
        self.carry.extend_from_slice(&self.block[part.start..part.start + missing]);
        self.carry.truncate(HEAD_BYTES);
        self.carry.shrink_to(HEAD_BYTES);
    }

    fn carried(&mut self, newline: u64) -> Line<'_> {
        let (start, seen) = (self.start, std::mem::take(&mut self.seen));
        self.start = start + seen + newline;
        self.carry_is_out = true;
        Line { text: &self.carry, start, after: self.start, too_long: seen > self.line_max.bytes() }
    }
}

impl Line<'_> {
    fn push(self, batch: &mut BatchBuilder, origin: u32, name: &str, line_max: Size, properties: &[Field<'_>]) {
        let (position, after) = (self.start as i64, self.after as i64);
        let record = Record { properties, ..Record::payload(self.text) };
        if !self.too_long {
            return batch.push(origin, position, after, record);
        }
        let reason = format!(
            "the line at byte {position} of {name} takes {} bytes and `line_max` is {line_max}; its first {} bytes are kept",
            after - position,
            self.text.len(),
        );
        batch.reject(origin, position, after, record, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text in blocks of each size from 1 to its length: where blocks are cut makes no difference.
    fn check(text: &str, line_max: u64, expected: &[(&str, u64, u64, bool)]) {
        for size in 1..=text.len().max(1) {
            let mut lines = Lines::new(Size::new(line_max), 0);
            let mut found = Vec::new();
            let mut keep = |line: Line<'_>| {
                found.push((String::from_utf8_lossy(line.text).into_owned(), line.start, line.after, line.too_long));
            };
            for block in text.as_bytes().chunks(size) {
                lines.feed(block.to_vec());
                while let Some(line) = lines.next() {
                    keep(line);
                }
            }
            assert_eq!(lines.fed_to(), text.len() as u64);
            lines.last().into_iter().for_each(&mut keep);
            assert!(lines.last().is_none());
            let found: Vec<_> =
                found.iter().map(|(text, start, after, long)| (text.as_str(), *start, *after, *long)).collect();
            assert_eq!(found, expected, "{text:?} in blocks of {size}");
        }
    }

    #[test]
    fn keeps_every_byte_but_newlines() {
        check("", 9, &[]);
        check("a\n", 9, &[("a", 0, 2, false)]);
        check("a\r\n\n\nlast", 9, &[("a\r", 0, 3, false), ("", 3, 4, false), ("", 4, 5, false), ("last", 5, 9, false)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        check(
            "abcd\nabcde\nx\nabcdefgh",
            4,
            &[("abcd", 0, 5, false), ("abcde", 5, 11, true), ("x", 11, 13, false), ("abcdefgh", 13, 21, true)],
        );
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut lines = Lines::new(Size::new(4096), 0);
        for _ in 0..1000 {
            lines.feed(vec![b'x'; 10_000]);
            assert!(lines.next().is_none());
        }
        assert!(lines.carry.capacity() <= 20_000, "{}", lines.carry.capacity());
        let line = lines.last().expect("the input has ended");
        assert_eq!((line.text.len(), line.after, line.too_long), (HEAD_BYTES, 10_000_000, true));
    }
}
