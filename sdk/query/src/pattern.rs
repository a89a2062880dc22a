//! Wildcards: `*` is any text, `?` any one character.

use crate::fold::{fold, fold_char, with_scratch};

/// A pattern over a whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Box<[Part]>,
    /// Parts that were folded, to be matched with folded text.
    ignores_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
}

impl Pattern {
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Pattern {
        let mut kept: Vec<Part> = Vec::new();
        for part in parts {
            // Two stars are one: less to go back to.
            if part != Part::Any || kept.last() != Some(&Part::Any) {
                kept.push(part);
            }
        }
        Pattern { parts: kept.into(), ignores_case: false }
    }

    /// The same, ignoring case.
    pub(crate) fn ignoring_case(&self) -> Pattern {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Char(c) => fold_char(*c, |c| parts.push(Part::Char(c))),
                other => parts.push(*other),
            }
        }
        Pattern { parts: parts.into(), ignores_case: true }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether it is nothing but `*`.
    pub(crate) fn is_anything(&self) -> bool {
        *self.parts == [Part::Any]
    }

    /// What every match begins with, up to the first wildcard.
    pub fn prefix(&self) -> String {
        let literal = |part: &Part| if let Part::Char(c) = part { Some(*c) } else { None };
        self.parts.iter().map_while(literal).collect()
    }

    /// Whether case counts for nothing.
    pub fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// Whether the whole of `text` fits. Takes time in proportion to pattern times text at most, and allocates nothing.
    pub fn matches(&self, text: &str) -> bool {
        match self.ignores_case && !text.is_ascii() {
            false => self.fits(text.chars().map(|c| if self.ignores_case { c.to_ascii_lowercase() } else { c })),
            true => with_scratch(|folded| {
                fold(text, folded);
                self.fits(folded.chars())
            }),
        }
    }

    /// Goes back to the last star only: what an earlier one would have taken more of, the last one can take too.
    fn fits(&self, mut text: impl Iterator<Item = char> + Clone) -> bool {
        let (mut at, mut retry) = (0, None);
        loop {
            let rest = text.clone();
            match (self.parts.get(at), text.next()) {
                (Some(Part::Any), next) => {
                    at += 1;
                    let Some(_) = next else {
                        text = rest;
                        continue;
                    };
                    retry = Some((at, text));
                    text = rest;
                }
                (None, None) => return true,
                (Some(Part::One), Some(_)) => at += 1,
                (Some(Part::Char(wanted)), Some(c)) if *wanted == c => at += 1,
                (_, _) => {
                    let Some((behind, from)) = retry else { return false };
                    at = behind;
                    text = from;
                    let mut next = text.clone();
                    retry = next.next().map(|_| (behind, next));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text.chars().map(|c| match c {
            '*' => Part::Any,
            '?' => Part::One,
            c => Part::Char(c),
        }))
    }

    fn check(wildcards: &str, text: &str, expected: bool) {
        assert_eq!(pattern(wildcards).matches(text), expected, "{wildcards} on {text}");
    }

    #[test]
    fn covers_the_whole_value() {
        check("abc", "abc", true);
        check("abc", "abcd", false);
        check("a*", "abcd", true);
        check("*c", "abcd", false);
        check("*c*", "abcd", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("?", "é", true);
        check("?", "", false);
        check("*", "", true);
        check("**", "", true);
        check("a*b*c", "a1b2b3c", true);
        check("a*b*c", "a1b2c3", false);
        check("*ab", "aab", true);
        check("*?b", "b", false);
        check("*a*a", "a", false);
        check("A*", "abc", false);
    }

    #[test]
    fn ignores_case_where_it_is_told_to() {
        let folded = pattern("Stra?e*").ignoring_case();
        assert!(folded.matches("STRAxE 1") && !folded.matches("Strasse"));
        assert!(pattern("STRASSE").ignoring_case().matches("straße"));
    }

    #[test]
    fn takes_no_exponential_time() {
        let wildcards = "a*".repeat(500) + "b";
        check(&wildcards, &"a".repeat(20_000), false);
    }

    proptest::proptest! {
        #[test]
        fn decides_as_the_definition_does(wildcards in "[ab?*]{0,8}", text in "[ab]{0,8}") {
            fn naive(parts: &[char], text: &[char]) -> bool {
                match (parts.split_first(), text.split_first()) {
                    (None, None) => true,
                    (Some(('*', rest)), None) => naive(rest, text),
                    (Some(('*', rest)), Some((_, behind))) => naive(rest, text) || naive(parts, behind),
                    (Some((part, rest)), Some((c, behind))) if *part == '?' || part == c => naive(rest, behind),
                    _ => false,
                }
            }
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            proptest::prop_assert_eq!(pattern(&wildcards).matches(&text), naive(&chars(&wildcards), &chars(&text)));
        }
    }
}
