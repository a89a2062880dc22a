//! What a query wants of one value.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::fold::Needle;
use crate::number::{Decimal, Number, Shown};
use crate::pattern::Pattern;
use crate::time::Moment;

/// What is wanted of a field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `f:*`: it is present and not null.
    Exists,
    /// `f:word`, `f:"text"`: it equals a literal.
    Equals(Literal),
    /// `f:>5`, `f:[a TO b]`: it lies within bounds.
    Within(Range),
    /// `f:a*`: the whole of it fits a pattern.
    Like(Pattern),
}

/// What a value is compared with: a text and, unless it was quoted, what else it can be read as.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// The text that a text is equal to.
    pub text: Box<str>,
    /// The number that a number is equal to.
    pub number: Option<Decimal>,
    /// What a boolean is equal to.
    pub boolean: Option<bool>,
    /// The time in which a timestamp, or a text that is one, lies.
    pub moment: Option<Moment>,
}

/// Bounds; they decide which values count at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Numbers only.
    Number(Interval<Decimal>),
    /// Timestamps, and texts that are timestamps or dates; in microseconds since 1970. A date is its first microsecond.
    Moment(Interval<i64>),
    /// Texts, in the order of their bytes.
    Text(Interval<Box<str>>),
}

/// From here to there.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval<T> {
    /// Where it begins.
    pub lower: Bound<T>,
    /// Where it ends.
    pub upper: Bound<T>,
}

/// A bare word or phrase: it occurs in a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// What occurs in a text.
    pub needle: Needle,
    /// The number that a number is equal to.
    pub number: Option<Decimal>,
    /// What a boolean is equal to.
    pub boolean: Option<bool>,
}

/// One value, as conditions see it.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'a> {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// Text.
    Text(&'a str),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
    /// A timestamp, in microseconds since 1970. Not a text of the payload that is one: that is text.
    Moment(i64),
    /// A list or an object: it is there, and equal to nothing.
    Composite,
}

// === impl Scalar ===

impl<'a> Scalar<'a> {
    /// Text where the bytes are.
    pub fn of_bytes(bytes: &'a [u8]) -> Scalar<'a> {
        std::str::from_utf8(bytes).map_or(Scalar::Bytes(bytes), Scalar::Text)
    }
}

// === impl Condition ===

impl Condition {
    /// Whether a value that is not null fulfils it.
    #[inline]
    pub fn matches(&self, value: Scalar<'_>) -> bool {
        match self {
            Condition::Exists => true,
            Condition::Equals(literal) => literal.equals(value),
            Condition::Within(range) => range.holds(value),
            Condition::Like(pattern) => like(pattern, value),
        }
    }
}

/// Whether a whole value fits a pattern. Numbers and booleans are what JSON writes for them.
pub(crate) fn like(pattern: &Pattern, value: Scalar<'_>) -> bool {
    match value {
        Scalar::Text(text) => pattern.matches(text),
        Scalar::Bool(flag) => pattern.matches(if flag { "true" } else { "false" }),
        Scalar::Number(number) => pattern.matches(Shown::of(number).as_str()),
        Scalar::Bytes(_) | Scalar::Moment(_) | Scalar::Composite => false,
    }
}

impl Literal {
    /// A quoted one: text and nothing else.
    pub(crate) fn quoted(text: String) -> Literal {
        Literal { text: text.into(), number: None, boolean: None, moment: None }
    }

    /// An unquoted one: everything that it can be read as.
    pub(crate) fn word(text: String) -> Literal {
        let (number, boolean, moment) = (Decimal::parse(&text), boolean(&text), Moment::parse(&text));
        Literal { text: text.into(), number, boolean, moment }
    }

    fn equals(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) => *text == *self.text || self.moment.is_some_and(|own| own.covers_text(text)),
            Scalar::Number(number) => {
                self.number.as_ref().is_some_and(|own| own.order_of(number) == Some(Ordering::Equal))
            }
            Scalar::Bool(flag) => self.boolean == Some(flag),
            Scalar::Moment(micros) => self.moment.is_some_and(|own| own.covers(micros)),
            Scalar::Bytes(_) | Scalar::Composite => false,
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Moment {
    fn covers(&self, micros: i64) -> bool {
        (self.start..self.end).contains(&micros)
    }

    fn covers_text(&self, text: &str) -> bool {
        of_text(text).is_some_and(|micros| self.covers(micros))
    }
}

/// The time that a text of a payload stands for.
fn of_text(text: &str) -> Option<i64> {
    // Texts that are no time are most: their first byte tells.
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| Moment::parse(text)).flatten().map(|moment| moment.start)
}

impl Range {
    fn holds(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (Range::Number(interval), Scalar::Number(number)) => interval.holds(|bound| bound.order_of(number)),
            (Range::Moment(interval), Scalar::Moment(micros)) => interval.holds(|bound| Some(micros.cmp(bound))),
            (Range::Moment(interval), Scalar::Text(text)) => {
                of_text(text).is_some_and(|micros| interval.holds(|bound| Some(micros.cmp(bound))))
            }
            (Range::Text(interval), Scalar::Text(text)) => interval.holds(|bound| Some(text.cmp(bound))),
            (Range::Text(interval), Scalar::Bytes(bytes)) => interval.holds(|bound| Some(bytes.cmp(bound.as_bytes()))),
            _ => false,
        }
    }
}

impl<T> Interval<T> {
    /// Whether a value lies within, by its order to each bound; none is outside.
    pub fn holds(&self, order_to: impl Fn(&T) -> Option<Ordering>) -> bool {
        let above = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(bound) => order_to(bound).is_some_and(Ordering::is_ge),
            Bound::Excluded(bound) => order_to(bound).is_some_and(Ordering::is_gt),
        };
        above
            && match &self.upper {
                Bound::Unbounded => true,
                Bound::Included(bound) => order_to(bound).is_some_and(Ordering::is_le),
                Bound::Excluded(bound) => order_to(bound).is_some_and(Ordering::is_lt),
            }
    }
}

// === impl Word ===

impl Word {
    pub(crate) fn new(text: &str) -> Word {
        Word { needle: Needle::new(text), number: Decimal::parse(text), boolean: boolean(&text.to_ascii_lowercase()) }
    }

    /// Whether it occurs in a text or equals a number or boolean.
    #[inline]
    pub fn matches(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) => self.needle.occurs_in(text),
            Scalar::Number(number) => {
                self.number.as_ref().is_some_and(|own| own.order_of(number) == Some(Ordering::Equal))
            }
            Scalar::Bool(flag) => self.boolean == Some(flag),
            Scalar::Bytes(bytes) => self.needle.occurs_in_bytes(bytes),
            Scalar::Moment(_) | Scalar::Composite => false,
        }
    }
}
