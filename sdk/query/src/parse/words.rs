//! The characters of a word, some of which are wildcards.

use std::ops::Range;

use crate::pattern::{Part, Pattern};

pub(super) type Piece = Part;

/// A word as it was written.
pub(super) struct Written {
    pub(super) pieces: Vec<Piece>,
    pub(super) span: Range<usize>,
}

pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '"')
}

/// A range's end also ends at its bracket.
pub(super) fn ends_end(c: char) -> bool {
    ends_word(c) || matches!(c, ']' | '}')
}

/// The text of a word without wildcards.
pub(super) fn text(pieces: &[Piece]) -> String {
    let char_of = |piece: &Piece| if let Piece::Char(c) = piece { Some(*c) } else { None };
    pieces.iter().filter_map(char_of).collect()
}

/// The pattern of a word with any.
pub(super) fn pattern(pieces: &[Piece]) -> Option<Pattern> {
    let wild = pieces.iter().any(|piece| !matches!(piece, Piece::Char(_)));
    wild.then(|| Pattern::new(pieces.iter().copied()))
}
