//! Text without regard to case, and words within it.
//!
//! Folding follows Unicode's full case folding: `Straße`, `STRASSE` and `strasse` are one, and so are `Σίσυφος` and
//! `ΣΊΣΥΦΟΣ`. It is made of the standard library's conversions: lower, upper, lower again, so that `ẞ`, `ß` and `SS` meet. Only
//! `ı` must be kept from becoming `i`, as Unicode keeps it. Accents are not touched.

use std::cell::RefCell;

use memchr::memmem::Finder;

/// Folds one character.
pub(crate) fn fold_char(c: char, mut out: impl FnMut(char)) {
    match c {
        'ı' => out(c),
        c if c.is_ascii() => out(c.to_ascii_lowercase()),
        c => c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase).for_each(out),
    }
}

/// Appends `text` folded.
pub(crate) fn fold(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
    } else {
        text.chars().for_each(|c| fold_char(c, |c| out.push(c)));
    }
}

/// A word or phrase that is looked for in any text.
#[derive(Clone, Debug)]
pub struct Needle {
    finder: Finder<'static>,
}

/// A letter, digit, underscore, or a mark that belongs to the letter before it.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}')
}

thread_local! {
    /// Folded text; kept, so that nothing is allocated per value.
    static SCRATCH: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A scratch that grew past this is given back.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

impl Needle {
    pub(crate) fn new(text: &str) -> Needle {
        let mut folded = String::with_capacity(text.len());
        fold(text, &mut folded);
        Needle { finder: Finder::new(&folded).into_owned() }
    }

    /// The folded text that is looked for.
    pub fn folded(&self) -> &str {
        std::str::from_utf8(self.finder.needle()).expect("it was made of text")
    }

    /// Whether it occurs in `text`, ignoring case, with no word character beside it.
    pub fn occurs_in(&self, text: &str) -> bool {
        // Folding never shortens ASCII.
        if text.len() < self.finder.needle().len() && text.is_ascii() {
            return false;
        }
        with_scratch(|folded| {
            fold(text, folded);
            self.stands_in(folded)
        })
    }

    /// The same in bytes of any kind: what is not UTF-8 parts words.
    pub fn occurs_in_bytes(&self, bytes: &[u8]) -> bool {
        with_scratch(|folded| {
            for chunk in bytes.utf8_chunks() {
                fold(chunk.valid(), folded);
                if !chunk.invalid().is_empty() {
                    folded.push('\u{0}');
                }
            }
            self.stands_in(folded)
        })
    }

    fn stands_in(&self, folded: &str) -> bool {
        // Occurrences may overlap ("a a" in "xa a a"): the search goes on at the next place that a word can begin at.
        let (text, mut from) = (folded.as_bytes(), 0);
        while let Some(found) = self.finder.find(&text[from..]) {
            let (start, end) = (from + found, from + found + self.finder.needle().len());
            let before = folded[..start].chars().next_back();
            let after = folded[end..].chars().next();
            if !before.is_some_and(is_word) && !after.is_some_and(is_word) {
                return true;
            }
            let Some((gap, c)) = folded[start..].char_indices().find(|(_, c)| !is_word(*c)) else { return false };
            from = start + gap + c.len_utf8();
        }
        false
    }
}

/// Lends a text that is empty. Not to be asked for again within.
pub(crate) fn with_scratch<T>(work: impl FnOnce(&mut String) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        let done = work(scratch);
        if scratch.capacity() > SCRATCH_BYTES_MAX {
            *scratch = String::new();
        }
        done
    })
}

impl PartialEq for Needle {
    fn eq(&self, other: &Needle) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Needle {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needle: &str, text: &str, expected: bool) {
        assert_eq!(Needle::new(needle).occurs_in(text), expected, "{needle} in {text}");
        assert_eq!(Needle::new(needle).occurs_in_bytes(text.as_bytes()), expected, "{needle} in the bytes of {text}");
    }

    #[test]
    fn a_word_stands_alone() {
        check("paid", "was paid.", true);
        check("paid", "PAID", true);
        check("paid", "unpaid", false);
        check("paid", "paid2", false);
        check("paid", "order_paid", false);
        check("order_paid", "(Order_Paid)", true);
        check("paid", "unpaid, then paid", true);
        check("cafe", "cafe\u{301}", false);
        check("@acme.com", "bob@acme.com", false);
        check("acme.com", "bob@acme.com", true);
        check("a-b", "x a-b-c", true);
    }

    #[test]
    fn a_phrase_is_found_where_it_overlaps_itself() {
        check("new york", "in New  York", false);
        check("new york", "in New York!", true);
        check("a a", "xa a a", true);
        check("aaa aaa", "aaaa aaa aaa", true);
    }

    #[test]
    fn case_is_folded_as_unicode_folds_it() {
        check("STRASSE", "die Straße", true);
        check("straße", "DIE STRASSE", true);
        check("STRAẞE", "strasse", true);
        check("stras", "Straße", false);
        check("ΣΊΣΥΦΟΣ", "Σίσυφος", true);
        check("kelvin", "\u{212a}elvin", true);
        check("MÜNCHEN", "münchen", true);
        check("istanbul", "İstanbul", false);
        check("i", "ı", false);
        check("ПРИВЕТ", "привет, мир", true);
        check("北京", "在 北京 市", true);
        check("北京", "在北京市", false);
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for c in '\u{80}'..='\u{1ffff}' {
            let (mut once, mut twice) = (String::new(), String::new());
            fold(&c.to_string(), &mut once);
            fold(&once, &mut twice);
            assert_eq!(once, twice, "{c:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_part_words() {
        let needle = Needle::new("paid");
        assert!(needle.occurs_in_bytes(b"\xff\xfePAID\xff"));
        assert!(!needle.occurs_in_bytes(b"pa\xffid"));
        assert!(!needle.occurs_in_bytes(b"p\0a\0i\0d\0"));
    }
}
