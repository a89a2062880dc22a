//! What the bytes of a JSON payload must hold for a query to match: looked for before anything is decoded.
//!
//! A clue is a run of characters that JSON can write in one way only, or as `\u`: where the payload has neither the run
//! nor such an escape, the leaf cannot match. Words are looked for in lower case; characters that fold into ASCII (`ß`, `K`)
//! count as if they were there. A number has one plain notation but for zeros at its end: exponents, and fractions of more
//! digits than a float holds, count as if they were there too.

use std::cell::{Cell, RefCell};

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use crate::condition::{Condition, Literal, Word};
use crate::field::{Field, Path};
use crate::fold::fold_char;
use crate::pattern::{Part, Pattern};
use crate::syntax::Node;

/// What a payload must hold.
#[derive(Debug)]
pub(crate) enum Clues {
    /// Nothing is known.
    Anything,
    All(Vec<Clues>),
    Any(Vec<Clues>),
    Run(Box<Run>),
}

/// A run of characters.
#[derive(Debug)]
pub(crate) struct Run {
    finder: Finder<'static>,
    /// It is looked for in lower case.
    folded: bool,
    /// It may be of a number, which has other notations.
    numeric: bool,
    /// Characters beyond ASCII that fold into some of it.
    foldable: Option<AhoCorasick>,
}

// === impl Clues ===

impl Clues {
    pub(crate) fn of(node: &Node) -> Clues {
        match node {
            // Clues tell what may match, never what must: they say nothing of the contrary.
            Node::All | Node::Not(_) => Clues::Anything,
            Node::And(nodes) => Clues::all(nodes.iter().map(Clues::of)),
            Node::Or(nodes) => Clues::any(nodes.iter().map(Clues::of)),
            Node::Field(field, condition) => match &**field {
                Field::Envelope(_) => Clues::Anything,
                Field::Payload(path) => Clues::all([of_path(path), of_condition(condition)]),
            },
            Node::Word(word) => of_word(word),
            Node::Value(pattern) => of_pattern(pattern),
        }
    }

    fn all(clues: impl IntoIterator<Item = Clues>) -> Clues {
        let mut known: Vec<_> = clues.into_iter().filter(|clues| !matches!(clues, Clues::Anything)).collect();
        match known.len() {
            0 => Clues::Anything,
            1 => known.remove(0),
            _ => Clues::All(known),
        }
    }

    fn any(clues: impl IntoIterator<Item = Clues>) -> Clues {
        let clues: Vec<_> = clues.into_iter().collect();
        if clues.iter().any(|clues| matches!(clues, Clues::Anything)) { Clues::Anything } else { Clues::Any(clues) }
    }

    pub(crate) fn may_be_in(&self, payload: &[u8]) -> bool {
        matches!(self, Clues::Anything) || LOWER.with_borrow_mut(|lower| self.holds(&Payload::new(payload, lower)))
    }

    fn holds(&self, payload: &Payload<'_>) -> bool {
        match self {
            Clues::Anything => true,
            Clues::All(clues) => clues.iter().all(|clues| clues.holds(payload)),
            Clues::Any(clues) => clues.iter().any(|clues| clues.holds(payload)),
            Clues::Run(run) => run.may_be_in(payload),
        }
    }
}

/// The last key stands in the payload, by itself or behind a dot.
fn of_path(path: &Path) -> Clues {
    path.keys.last().map_or(Clues::Anything, |key| exact(&key.name, false))
}

fn of_condition(condition: &Condition) -> Clues {
    match condition {
        Condition::Exists | Condition::Within(_) => Clues::Anything,
        Condition::Equals(Literal { moment: Some(_), .. }) => Clues::Anything,
        Condition::Equals(Literal { number: Some(_), text, .. }) => {
            plain_number(text).map_or(Clues::Anything, |digits| exact(digits, true))
        }
        Condition::Equals(literal) => exact(&literal.text, false),
        Condition::Like(pattern) => of_pattern(pattern),
    }
}

fn of_word(word: &Word) -> Clues {
    match &word.number {
        None => folded(word.needle.folded(), false),
        Some(_) => plain_number(word.needle.folded()).map_or(Clues::Anything, |digits| folded(digits, true)),
    }
}

/// The longest text between wildcards. One that could be of a number is none: `1e-5` shows a payload's `0.00001`.
fn of_pattern(pattern: &Pattern) -> Clues {
    let char_of = |part: &Part| if let Part::Char(c) = part { Some(*c) } else { None };
    let texts = pattern.parts().split(|part| char_of(part).is_none());
    let texts = texts.map(|parts| parts.iter().filter_map(char_of).collect::<String>());
    let of_number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ".e+-".contains(c));
    let longest = texts.filter(|text| !of_number(text)).max_by_key(String::len).unwrap_or_default();
    if pattern.ignores_case() { folded(&longest, false) } else { exact(&longest, false) }
}

/// What each plain notation of a number holds, and its text too. None where it was written with an exponent.
fn plain_number(text: &str) -> Option<&str> {
    let plain = !text.contains(['e', 'E']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let trimmed = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    plain.then_some(trimmed)
}

fn exact(text: &str, numeric: bool) -> Clues {
    run(longest_run(text, |_| true), false, numeric)
}

fn folded(text: &str, numeric: bool) -> Clues {
    run(longest_run(text, |c| c.is_ascii() || is_caseless(c)), true, numeric)
}

fn run(text: &str, folded: bool, numeric: bool) -> Clues {
    if text.is_empty() {
        return Clues::Anything;
    }
    let finder = Finder::new(text).into_owned();
    let foldable = if folded { foldable_into(text) } else { None };
    Clues::Run(Box::new(Run { finder, folded, numeric, foldable }))
}

/// The longest part without characters that have a short escape, such as `\"` and `\n`, or another notation.
fn longest_run(text: &str, has_one_notation: impl Fn(char) -> bool) -> &str {
    let parts = text.split(|c: char| matches!(c, '"' | '\\' | '/') || c.is_ascii_control() || !has_one_notation(c));
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

/// Letters of scripts that have one case, and that nothing folds into.
fn is_caseless(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{109f}' | '\u{3040}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}')
}

/// Characters beyond ASCII that fold into some ASCII.
const FOLDABLE: &str = "ßİŉſǰẖẗẘẙẚẞ\u{212a}ﬀﬁﬂﬃﬄﬅﬆ";

/// Those that fold into some of `text`.
fn foldable_into(text: &str) -> Option<AhoCorasick> {
    let meets = |c: &char| {
        let mut meets = false;
        fold_char(*c, |folded| meets |= folded.is_ascii() && text.contains(folded));
        meets
    };
    let found: Vec<String> = FOLDABLE.chars().filter(meets).map(String::from).collect();
    (!found.is_empty()).then(|| AhoCorasick::new(found).expect("a dozen short patterns"))
}

// === impl Run ===

impl Run {
    fn may_be_in(&self, payload: &Payload<'_>) -> bool {
        let found = match self.folded {
            true => payload.with_lower(|lower| self.finder.find(lower).is_some()),
            false => self.finder.find(payload.bytes).is_some(),
        };
        found
            || payload.has_unicode_escape()
            || self.foldable.as_ref().is_some_and(|foldable| !payload.is_ascii() && foldable.is_match(payload.bytes))
            || (self.numeric && payload.has_odd_number())
    }
}

thread_local! {
    /// A payload in lower case; kept, so that nothing is allocated per payload.
    static LOWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Memory past this is given back.
const LOWER_BYTES_MAX: usize = 1 << 20;

/// A payload, with what was found out about it.
struct Payload<'p> {
    bytes: &'p [u8],
    lower: RefCell<&'p mut Vec<u8>>,
    lowered: Cell<bool>,
    ascii: Cell<Option<bool>>,
    escaped: Cell<Option<bool>>,
    odd: Cell<Option<bool>>,
}

impl<'p> Payload<'p> {
    fn new(bytes: &'p [u8], lower: &'p mut Vec<u8>) -> Payload<'p> {
        let (ascii, escaped, odd) = Default::default();
        Payload { bytes, lower: RefCell::new(lower), lowered: Cell::new(false), ascii, escaped, odd }
    }

    fn with_lower<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut lower = self.lower.borrow_mut();
        if !self.lowered.replace(true) {
            lower.clear();
            if lower.capacity() > LOWER_BYTES_MAX {
                **lower = Vec::new();
            }
            lower.extend_from_slice(self.bytes);
            lower.make_ascii_lowercase();
        }
        look(&lower)
    }

    fn is_ascii(&self) -> bool {
        known(&self.ascii, || self.bytes.is_ascii())
    }

    /// Any character may be written as `\u` and four digits.
    fn has_unicode_escape(&self) -> bool {
        let is_unicode = |at: usize| self.bytes.get(at + 1) == Some(&b'u');
        known(&self.escaped, || memchr::memchr_iter(b'\\', self.bytes).any(is_unicode))
    }

    /// Numbers whose notation does not show their value.
    fn has_odd_number(&self) -> bool {
        known(&self.odd, || has_exponent(self.bytes) || has_long_fraction(self.bytes))
    }
}

fn known(cell: &Cell<Option<bool>>, find: impl FnOnce() -> bool) -> bool {
    cell.get().unwrap_or_else(|| {
        let found = find();
        cell.set(Some(found));
        found
    })
}

fn has_exponent(bytes: &[u8]) -> bool {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let signed = |at: usize| matches!(bytes.get(at), Some(b'+' | b'-')) && digit(at + 1);
    memchr::memchr2_iter(b'e', b'E', bytes).any(|at| at > 0 && digit(at - 1) && (digit(at + 1) || signed(at + 1)))
}

/// A fraction that a float may round: up to fifteen digits it cannot.
fn has_long_fraction(bytes: &[u8]) -> bool {
    let digits = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| byte.is_ascii_digit()).count();
    memchr::memchr_iter(b'.', bytes).any(|at| {
        let (before, behind) = (digits(&mut bytes[..at].iter().rev()), digits(&mut bytes[at + 1..].iter()));
        before > 0 && behind > 0 && before + behind > 15
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    fn check(query: &str, payload: &str, expected: bool) {
        let query = Query::parse(query).expect("a query");
        assert_eq!(query.may_contain_words(payload.as_bytes()), expected, "{query} in {payload}");
    }

    #[test]
    fn rules_out_what_lacks_a_word() {
        check("paid", r#"{"status":"PAID"}"#, true);
        check("paid", r#"{"status":"sent"}"#, false);
        check("paid OR sent", r#"{"status":"sent"}"#, true);
        check("paid sent", r#"{"status":"sent"}"#, false);
        check("NOT paid", r#"{"status":"sent"}"#, true);
        check("\"new york\"", r#"{"city":"New York"}"#, true);
        check("北京", r#"{"city":"北京"}"#, true);
        check("北京", r#"{"city":"上海"}"#, false);
    }

    #[test]
    fn rules_out_what_lacks_a_key_or_a_value() {
        check("status:paid", r#"{"status":"paid"}"#, true);
        check("status:paid", r#"{"status":"PAID"}"#, false);
        check("a.b:*", r#"{"a":{"b":1}}"#, true);
        check("a.b:*", r#"{"a":{"c":1}}"#, false);
        check("mail:*@acme.com", r#"{"mail":"x@acme.org"}"#, false);
        check("at:2026-11-22", r#"{"at":"2026-11-23T00:30:00+01:00"}"#, true);
        check("_key:x", "{}", true);
    }

    #[test]
    fn allows_for_other_notations() {
        check("paid", r#"{"a":"p\u0061id"}"#, true);
        check("kelvin", "{\"a\":\"\u{212a}elvin\"}", true);
        check("kelvin", "{\"a\":\"stra\u{df}e\"}", false);
        check("strasse", "{\"a\":\"stra\u{df}e\"}", true);
        check("a:\"x/y\"", r#"{"a":"x\/y"}"#, true);
        check("id:1000", r#"{"id":1e3}"#, true);
        check("id:1000", r#"{"id":1000.00}"#, true);
        check("id:1000", r#"{"id":100}"#, false);
        check("id:19.90", r#"{"id":19.9}"#, true);
        check("19.90", r#"{"id":19.9}"#, true);
        check("id:0.3", r#"{"id":0.299999999999999988898}"#, true);
        check("id:1e3", r#"{"id":1000}"#, true);
        check("id:1e-*", r#"{"id":0.00001}"#, true);
    }

    #[test]
    fn knows_all_that_folds_into_ascii() {
        for c in '\u{80}'..=char::MAX {
            let (mut ascii, mut caseless, mut same) = (false, false, false);
            fold_char(c, |folded| {
                ascii |= folded.is_ascii();
                caseless |= is_caseless(folded);
                same |= folded == c;
            });
            assert_eq!(ascii, FOLDABLE.contains(c), "{c:?}");
            assert!(!caseless || (same && is_caseless(c)), "{c:?}");
        }
    }
}
