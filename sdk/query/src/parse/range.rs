//! Comparisons and ranges, and which conditions a field can have at all.

use std::ops::{Bound, Range as Span};

use super::{Parser, Result, words};
use crate::condition::{Condition, Interval, Literal, Range};
use crate::error::QueryError;
use crate::field::{Field, Kind};

/// One end of a range, as it was written.
struct End {
    /// None is open.
    literal: Option<Literal>,
    included: bool,
    span: Span<usize>,
}

/// What an end is compared as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Number,
    Moment,
    Text,
}

impl Parser<'_> {
    /// `>5`, `<="x"`.
    pub(super) fn comparison(&mut self) -> Result<Condition> {
        let start = self.at;
        let sign =
            [">=", "<=", ">", "<"].into_iter().find(|sign| self.rest().starts_with(sign)).expect("it stands here");
        self.at += sign.len();
        let end = self.end(words::ends_word, sign.ends_with('='))?;
        if end.literal.is_none() {
            let help = "`f:*` finds what is there; to compare with the character, quote it: \"*\"";
            return Err(self.error(start..self.at, "nothing is greater or less than `*`", Some(help.into())));
        }
        self.end_of_word(end.span.clone())?;
        let open = End { literal: None, included: false, span: end.span.clone() };
        if sign.starts_with('>') { self.between(start, end, open) } else { self.between(start, open, end) }
    }

    /// `[a TO b]`, `{a TO b}` and mixed.
    pub(super) fn range(&mut self) -> Result<Condition> {
        let start = self.at;
        let opened = self.peek();
        self.at += 1;
        self.skip_space();
        let lower = self.end(words::ends_end, opened == Some('['))?;
        self.skip_space();
        match self.operator("TO") {
            Some(len) => self.at += len,
            None => return Err(self.no_to(start)),
        }
        self.skip_space();
        let mut upper = self.end(words::ends_end, true)?;
        self.skip_space();
        match self.peek() {
            Some(']') => {}
            Some('}') => upper.included = false,
            _ => {
                let help = "close it with `]` (its end included) or `}` (excluded); an end with spaces is quoted";
                return Err(self.error(start..self.at, "this range is never closed", Some(help.into())));
            }
        }
        self.at += 1;
        self.end_of_word(start..self.at)?;
        self.between(start, lower, upper)
    }

    /// A word or phrase, or `*` for an open end.
    fn end(&mut self, ends: fn(char) -> bool, included: bool) -> Result<End> {
        let start = self.at;
        if self.peek() == Some('"') {
            let literal = Literal::quoted(self.phrase()?);
            return Ok(End { literal: Some(literal), included, span: start..self.at });
        }
        let words::Written { pieces, span } = self.word(ends)?;
        let literal = match words::pattern(&pieces) {
            None if pieces.is_empty() => {
                let help = "write it without a space: `amount:>100`, `amount:[1 TO 5]`; `*` is an open end of a range";
                let at = self.at.min(self.text.len());
                return Err(self.error(at..at, "a value to compare with is missing", Some(help.into())));
            }
            None => {
                self.check_end(span.clone())?;
                Some(Literal::word(words::text(&pieces)))
            }
            Some(pattern) if pattern.is_anything() => None,
            Some(_) => {
                let help = "a comparison takes no wildcards; to compare with the character, quote it";
                return Err(self.error(span, "a wildcard has no place in an order", Some(help.into())));
            }
        };
        Ok(End { literal, included, span })
    }

    fn between(&self, start: usize, lower: End, upper: End) -> Result<Condition> {
        let span = start..self.at;
        let reading = match (lower.reading(), upper.reading()) {
            (None, None) => return Ok(Condition::Exists),
            (Some(one), Some(other)) if one != other => {
                let help = "numbers are compared with numbers, times with times, text with text; quoted, each is text";
                return Err(self.error(span, "the ends of this range are of two kinds", Some(help.into())));
            }
            (Some(reading), _) | (None, Some(reading)) => reading,
        };
        let range = match reading {
            Reading::Number => Range::Number(Interval {
                lower: lower.bound(|literal| literal.number.expect("it reads as a number")),
                upper: upper.bound(|literal| literal.number.expect("it reads as a number")),
            }),
            Reading::Moment => Range::Moment(Interval { lower: lower.from(), upper: upper.until() }),
            Reading::Text => Range::Text(Interval {
                lower: lower.bound(|literal| literal.text),
                upper: upper.bound(|literal| literal.text),
            }),
        };
        match range.is_reversed() {
            false => Ok(Condition::Within(range)),
            true => {
                let help = "the lower end stands before `TO`";
                Err(self.error(span, "this range holds nothing: its lower end is above its upper", Some(help.into())))
            }
        }
    }

    fn no_to(&self, start: usize) -> QueryError {
        let rest = self.rest();
        let lower_case = rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("to"));
        let (span, message) = match lower_case {
            true => (self.at..self.at + 2, "the word between the ends of a range is upper case: `TO`"),
            false => (start..self.at, "a range is written `[1 TO 5]`"),
        };
        let help = "`[` and `]` include the end, `{` and `}` exclude it, `*` leaves it open; to look for text with brackets, quote it";
        self.error(span, message, Some(help.into()))
    }

    /// `>5` with nothing before it.
    pub(super) fn range_without_field(&self) -> QueryError {
        let len = self.rest().find(char::is_whitespace).unwrap_or(self.rest().len());
        let json = self.rest().starts_with("{\"");
        let help = if json {
            "this looks like JSON: name a field and its value, `status:paid`; to look for the text, quote it".to_owned()
        } else {
            let meant = self.spaced_comparison().unwrap_or_else(|| "amount:>100`, `amount:[1 TO 5]".to_owned());
            format!("name the field, without a space: `{meant}`; to look for the character, quote it")
        };
        self.error(self.at..self.at + len, "a comparison needs a field", Some(help))
    }

    /// `amount > 100`, as it is written here.
    fn spaced_comparison(&self) -> Option<String> {
        let name = self.text[..self.at].split_whitespace().next_back()?;
        let name = name.trim_start_matches(['(', '-', '.']);
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let operator = matches!(name, "AND" | "OR" | "NOT");
        let sign = [">=", "<=", ">", "<"].into_iter().find(|sign| self.rest().starts_with(sign))?;
        let value = self.rest()[sign.len()..].split_whitespace().next()?.trim_matches('\'').trim_end_matches(')');
        let is_value = value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':' | '"'));
        (is_name && !operator && is_value && !value.is_empty()).then(|| format!("{name}:{sign}{value}"))
    }

    /// A field of the envelope has values of one kind; a condition that none of them can meet is a slip.
    pub(super) fn check_kind(&self, field: &Field, condition: &Condition, span: Span<usize>) -> Result<()> {
        let Field::Envelope(envelope) = field else { return Ok(()) };
        let name = envelope.name();
        let number = |what: &str| format!("{name} is a number: give one, {what}");
        let help = match (envelope.kind(), condition) {
            (_, Condition::Exists) | (Kind::Any, _) => return Ok(()),
            (Kind::Text, Condition::Within(Range::Number(_))) => {
                format!("{name} is text; quoted, a literal is compared as text, byte by byte")
            }
            (Kind::Number, Condition::Equals(literal)) if literal.number.is_none() => number("`5`"),
            (Kind::Number, Condition::Within(Range::Moment(_) | Range::Text(_))) => number("`>5`"),
            (Kind::Moment, Condition::Equals(literal)) if literal.moment.is_none() => moment(name),
            (Kind::Moment, Condition::Within(Range::Number(_) | Range::Text(_)) | Condition::Like(_)) => moment(name),
            (Kind::Bool, Condition::Equals(literal)) if literal.boolean.is_none() => format!("{name} is true or false"),
            (Kind::Bool, Condition::Within(_) | Condition::Like(_)) => format!("{name} is true or false"),
            _ => return Ok(()),
        };
        Err(self.error(span, format!("no record can have such a `{name}`"), Some(help)))
    }
}

fn moment(name: &str) -> String {
    format!("{name} is a time: give a date or RFC 3339 with a zone, `>=2026-11-01`, `<2026-11-22T10:30:00Z`")
}

impl End {
    fn reading(&self) -> Option<Reading> {
        let literal = self.literal.as_ref()?;
        Some(match (&literal.number, &literal.moment) {
            (Some(_), _) => Reading::Number,
            (None, Some(_)) => Reading::Moment,
            (None, None) => Reading::Text,
        })
    }

    fn bound<T>(self, value: impl FnOnce(Literal) -> T) -> Bound<T> {
        match (self.literal, self.included) {
            (None, _) => Bound::Unbounded,
            (Some(literal), true) => Bound::Included(value(literal)),
            (Some(literal), false) => Bound::Excluded(value(literal)),
        }
    }

    /// A date covers its day: what is greater begins behind it.
    fn from(&self) -> Bound<i64> {
        let Some(moment) = self.literal.as_ref().and_then(|literal| literal.moment) else { return Bound::Unbounded };
        Bound::Included(if self.included { moment.start } else { moment.end })
    }

    fn until(&self) -> Bound<i64> {
        let Some(moment) = self.literal.as_ref().and_then(|literal| literal.moment) else { return Bound::Unbounded };
        Bound::Excluded(if self.included { moment.end } else { moment.start })
    }
}

impl Range {
    fn is_reversed(&self) -> bool {
        fn reversed<T: Ord>(interval: &Interval<T>) -> bool {
            let (Bound::Included(lower) | Bound::Excluded(lower)) = &interval.lower else { return false };
            let (Bound::Included(upper) | Bound::Excluded(upper)) = &interval.upper else { return false };
            lower > upper
        }
        match self {
            Range::Number(interval) => reversed(interval),
            Range::Moment(interval) => reversed(interval),
            Range::Text(interval) => reversed(interval),
        }
    }
}
