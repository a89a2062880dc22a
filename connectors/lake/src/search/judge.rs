//! What the span of a column says of a condition.

use std::cmp::Ordering;
use std::ops::Bound;

use catchwater_query::condition::{Interval, Literal, Range};
use catchwater_query::number::{Decimal, Number};
use catchwater_query::time::Moment;
use catchwater_query::{Bounds, Condition, Pattern};

use super::locate::Holds;
use super::span::{Point, Span};

/// Whether any value of a span may fulfil a condition, and whether all must. The caller sees to rows without a value.
pub(super) fn judge(condition: &Condition, holds: Holds, span: &Span) -> Bounds<bool> {
    match (condition, holds) {
        (_, Holds::Anything) | (Condition::Exists, _) => UNKNOWN,
        (_, Holds::Composite) => NEVER,
        (Condition::Equals(literal), _) => equals(literal, holds, span),
        (Condition::Within(range), _) => within(range, holds, span),
        (Condition::Like(pattern), Holds::Text | Holds::PlainText) => at_most(like(pattern, holds, span)),
        (Condition::Like(_), Holds::Time) => NEVER,
        (Condition::Like(_), _) => UNKNOWN,
    }
}

const UNKNOWN: Bounds<bool> = Bounds { may: true, must: false };
const NEVER: Bounds<bool> = Bounds { may: false, must: false };

fn at_most(may: bool) -> Bounds<bool> {
    Bounds { may, must: false }
}

/// The texts that a literal is equal to, where a column of texts may also hold numbers as they were written. None where
/// there are too many to name.
pub(super) fn equal_texts(literal: &Literal) -> Option<Vec<String>> {
    /// From here on integers have forms that a float does not tell.
    const PLAIN_MAX: f64 = 9e18;
    if literal.moment.is_some() {
        return None;
    }
    let mut texts = vec![literal.text.to_string()];
    if let Some(number) = &literal.number {
        if number.nearest().abs() >= PLAIN_MAX {
            return None;
        }
        texts.extend(number.as_i64().map(|integer| integer.to_string()));
        texts.push(serde_json::to_string(&number.nearest()).ok()?);
    }
    Some(texts)
}

fn equals(literal: &Literal, holds: Holds, span: &Span) -> Bounds<bool> {
    let is = |number: &Decimal| numbers(&only(number), span);
    match holds {
        Holds::Integer | Holds::Double => literal.number.as_ref().map_or(NEVER, is),
        Holds::Decimal => at_most(literal.number.is_some()),
        Holds::Boolean => literal.boolean.map_or(NEVER, |own| {
            let (min, max) = (boolean(&span.min).unwrap_or(false), boolean(&span.max).unwrap_or(true));
            Bounds { may: min <= own && own <= max, must: min == own && max == own }
        }),
        Holds::Time => literal.moment.map_or(NEVER, |own| times(&covered(own), span)),
        // A text that is the literal's stands for the same time.
        Holds::TimeText | Holds::DateText => match literal.moment {
            Some(own) => times(&covered(own), span),
            None => Moment::parse(&literal.text).map_or(NEVER, |own| at_most(times(&covered(own), span).may)),
        },
        Holds::Text => at_most(match equal_texts(literal) {
            Some(texts) => texts.iter().any(|text| holds_bytes(span, text.as_bytes())),
            None => holds_bytes(span, literal.text.as_bytes()) || meets_digits(span),
        }),
        Holds::PlainText => {
            let of_moment = literal.moment.is_some() && meets_digits(span);
            at_most(of_moment || holds_bytes(span, literal.text.as_bytes()))
        }
        Holds::Bytes => at_most(literal.moment.is_some() || holds_bytes(span, literal.text.as_bytes())),
        Holds::Composite | Holds::Anything => UNKNOWN,
    }
}

fn within(range: &Range, holds: Holds, span: &Span) -> Bounds<bool> {
    match (range, holds) {
        (Range::Number(interval), Holds::Integer | Holds::Double) => numbers(interval, span),
        (Range::Number(_), Holds::Decimal) => UNKNOWN,
        (Range::Number(_), Holds::Text) => at_most(meets_digits(span) || meets(span, b"-", b".")),
        (Range::Moment(interval), Holds::Time | Holds::TimeText | Holds::DateText) => times(interval, span),
        (Range::Moment(_), Holds::Text | Holds::PlainText) => at_most(meets_digits(span)),
        (Range::Text(interval), Holds::Text | Holds::PlainText | Holds::Bytes) => {
            at_most(overlap(interval, |bound| order(&span.min, bound), |bound| order(&span.max, bound)).may)
        }
        (Range::Text(_), Holds::TimeText | Holds::DateText) | (Range::Moment(_), Holds::Bytes) => UNKNOWN,
        _ => NEVER,
    }
}

/// Numbers among the texts may be shown in other ways than they are kept.
fn like(pattern: &Pattern, holds: Holds, span: &Span) -> bool {
    let prefix = pattern.prefix();
    if pattern.ignores_case() || prefix.is_empty() {
        return true;
    }
    let numeric = holds == Holds::Text && prefix.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    // The first text behind all that begin with the prefix has no character of UTF-8 in its place.
    let behind = [prefix.as_bytes(), &[0xff]].concat();
    meets(span, prefix.as_bytes(), &behind) || (numeric && (meets_digits(span) || meets(span, b"-", b".")))
}

// === spans beside intervals ===

/// How the ends of a span stand to a bound; none where it is not known.
fn overlap<T>(
    interval: &Interval<T>,
    min: impl Fn(&T) -> Option<Ordering>,
    max: impl Fn(&T) -> Option<Ordering>,
) -> Bounds<bool> {
    let reaches = match &interval.lower {
        Bound::Unbounded => true,
        Bound::Included(bound) => max(bound).is_none_or(Ordering::is_ge),
        Bound::Excluded(bound) => max(bound).is_none_or(Ordering::is_gt),
    };
    let begins = match &interval.upper {
        Bound::Unbounded => true,
        Bound::Included(bound) => min(bound).is_none_or(Ordering::is_le),
        Bound::Excluded(bound) => min(bound).is_none_or(Ordering::is_lt),
    };
    Bounds { may: reaches && begins, must: interval.holds(&min) && interval.holds(&max) }
}

fn numbers(interval: &Interval<Decimal>, span: &Span) -> Bounds<bool> {
    let order = |point: &Option<Point>, bound: &Decimal| match point {
        Some(Point::Integer(value)) => bound.order_of(Number::Int(*value)),
        Some(Point::Double(value)) => bound.order_of(Number::Float(*value)),
        _ => None,
    };
    overlap(interval, |bound| order(&span.min, bound), |bound| order(&span.max, bound))
}

fn times(interval: &Interval<i64>, span: &Span) -> Bounds<bool> {
    let order = |point: &Option<Point>, bound: &i64| match point {
        Some(Point::Time(micros)) => Some(micros.cmp(bound)),
        _ => None,
    };
    overlap(interval, |bound| order(&span.min, bound), |bound| order(&span.max, bound))
}

fn only(number: &Decimal) -> Interval<Decimal> {
    Interval { lower: Bound::Included(number.clone()), upper: Bound::Included(number.clone()) }
}

fn covered(moment: Moment) -> Interval<i64> {
    Interval { lower: Bound::Included(moment.start), upper: Bound::Excluded(moment.end) }
}

fn boolean(point: &Option<Point>) -> Option<bool> {
    if let Some(Point::Boolean(flag)) = point { Some(*flag) } else { None }
}

fn order(point: &Option<Point>, text: &str) -> Option<Ordering> {
    if let Some(Point::Bytes(bytes)) = point { Some(bytes.as_slice().cmp(text.as_bytes())) } else { None }
}

fn holds_bytes(span: &Span, bytes: &[u8]) -> bool {
    let below = matches!(&span.min, Some(Point::Bytes(min)) if bytes < min.as_slice());
    let above = matches!(&span.max, Some(Point::Bytes(max)) if bytes > max.as_slice());
    !below && !above
}

/// Whether a span reaches into the texts from `from` to before `to`.
fn meets(span: &Span, from: &[u8], to: &[u8]) -> bool {
    let above = matches!(&span.min, Some(Point::Bytes(min)) if min.as_slice() >= to);
    let below = matches!(&span.max, Some(Point::Bytes(max)) if max.as_slice() < from);
    !above && !below
}

/// Texts that begin with a digit: times are among them, and numbers.
fn meets_digits(span: &Span) -> bool {
    meets(span, b"0", b":")
}

#[cfg(test)]
mod tests {
    use catchwater_query::{Query, Test};

    use super::*;

    fn check(query: &str, holds: Holds, min: Point, max: Point, expected: (bool, bool)) {
        let query = Query::parse(query).expect("a query");
        let Test::Field(_, condition) = query.tests()[0] else { panic!("{query} asks for a field") };
        let span = Span { min: Some(min), max: Some(max), nulls: Some(0) };
        let judged = judge(condition, holds, &span);
        assert_eq!((judged.may, judged.must), expected, "{query} in {span:?}");
        // What is not known rules nothing out.
        let judged = judge(condition, holds, &Span::default());
        assert!((judged.may || !expected.0) && !judged.must, "{query} without a span");
    }

    fn text(text: &str) -> Point {
        Point::Bytes(text.into())
    }

    #[test]
    fn numbers_lie_within() {
        let check = |query, expected| check(query, Holds::Integer, Point::Integer(5), Point::Integer(9), expected);
        check("f:>9", (false, false));
        check("f:>=9", (true, false));
        check("f:>4.5", (true, true));
        check("f:[5 TO 9]", (true, true));
        check("f:4", (false, false));
        check("f:6", (true, false));
        check("f:\"6\"", (false, false));
        check("f:>2026-11-22", (false, false));
    }

    #[test]
    fn floats_are_compared_digit_by_digit() {
        let check = |query, expected| check(query, Holds::Double, Point::Double(0.1), Point::Double(0.3), expected);
        check("f:0.1", (true, false));
        check("f:0.30000000000000001", (false, false));
        check("f:<0.1", (false, false));
    }

    #[test]
    fn texts_may_be_numbers() {
        let between = |min: &str, max: &str, query: &str, expected: bool| {
            check(query, Holds::Text, text(min), text(max), (expected, false));
        };
        between("a", "f", "f:abc", true);
        between("a", "f", "f:x", false);
        between("a", "f", "f:5", false);
        between("5.0", "5.0", "f:5", true);
        between("a", "f", "f:>5", false);
        between("-7", "-6", "f:>-10", true);
        between("a", "f", "f:>2026-11-22", false);
        between("a", "f", "f:b*", true);
        between("a", "f", "f:x*", false);
        between("a", "f", "f:*x", true);
    }

    #[test]
    fn times_lie_within() {
        let at = |text| Point::Time(Moment::parse(text).expect("a time").start);
        let check = |query, expected| {
            check(query, Holds::TimeText, at("2026-11-22T08:00:00Z"), at("2026-11-22T10:00:00Z"), expected);
        };
        check("f:2026-11-22", (true, true));
        check("f:2026-11-23", (false, false));
        check("f:>2026-11-22T09:00:00Z", (true, false));
        check("f:\"2026-11-22T09:00:00Z\"", (true, false));
        check("f:\"2026-11-22T11:00:00Z\"", (false, false));
        check("f:nine", (false, false));
        check("f:>5", (false, false));
    }
}
