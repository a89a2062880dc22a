//! A record for the eyes of a person at a terminal: one line, its place and key first, dimmed.

use std::fmt::Display;

use catchwater_sdk::RecordRef;

const DIM: &str = "\x1b[2m";
const KEY: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// A line under construction.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// How many more characters there is room for.
    left: usize,
    is_cut: bool,
}

/// Appends the line, cut after `width` characters if it has more. What a terminal would obey is written as an escape: a
/// record must not move the cursor.
pub(crate) fn write(record: RecordRef<'_>, width: Option<usize>, out: &mut Vec<u8>) {
    let mut line = Line { out, left: width.map_or(usize::MAX, |width| width.saturating_sub(1)), is_cut: false };
    line.styled(DIM, format_args!("{}@{}", record.partition(), record.position()));
    if let Some(key) = record.key() {
        line.styled(KEY, String::from_utf8_lossy(key));
    }
    for header in record.headers() {
        let value = String::from_utf8_lossy(header.value.unwrap_or(b"(null)"));
        line.styled(DIM, format_args!("{}={value}", header.name));
    }
    match record.payload() {
        Some(payload) => line.text(&String::from_utf8_lossy(payload)),
        None => line.style(DIM, "(tombstone)"),
    }
    line.end();
}

// === impl Line ===

impl Line<'_> {
    /// A part in a style, and the blank after it.
    fn styled(&mut self, style: &str, part: impl Display) {
        self.style(style, part);
        self.text(" ");
    }

    fn style(&mut self, style: &str, part: impl Display) {
        self.out.extend_from_slice(style.as_bytes());
        self.text(&part.to_string());
        self.out.extend_from_slice(PLAIN.as_bytes());
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            if self.is_cut {
                return;
            }
            match character.is_control() {
                true => self.character(character.escape_default()),
                false => self.character(std::iter::once(character)),
            }
        }
    }

    /// Whole or not at all: half an escape would be another text.
    fn character(&mut self, shown: impl Iterator<Item = char> + Clone) {
        let count = shown.clone().count();
        self.is_cut = count > self.left;
        if !self.is_cut {
            self.left -= count;
            let mut bytes = [0; 4];
            shown.for_each(|shown| self.out.extend_from_slice(shown.encode_utf8(&mut bytes).as_bytes()));
        }
    }

    fn end(self) {
        self.out.extend_from_slice(if self.is_cut { "…\n" } else { "\n" }.as_bytes());
    }
}
