//! Numbers that are compared digit by digit: no value passes through a float on its way to an answer.

use std::cmp::Ordering;
use std::fmt::{self, Write};

/// A number as a payload has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number<'a> {
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// A number with a fraction or an exponent: the shortest decimal that reads as this float.
    Float(f64),
    /// A number as it was written, such as an integer past 64 bits.
    Digits(&'a str),
}

/// A number of a query: any decimal, exact. It is written as JSON writes numbers.
#[derive(Clone, Debug)]
pub struct Decimal {
    /// What it stands for is `0.digits` times ten to the `point`; without zeros at either end. Empty for zero.
    digits: Box<[u8]>,
    negative: bool,
    point: i64,
    /// Itself, where it is an integer of 64 bits.
    integer: Option<i64>,
    /// The float nearest to it: two numbers whose nearest floats differ are ordered as these.
    nearest: f64,
}

/// A number's digits in two runs, before and behind the point.
#[derive(Clone, Copy)]
struct View<'a> {
    negative: bool,
    head: &'a [u8],
    tail: &'a [u8],
    point: i64,
}

// === impl Decimal ===

impl Decimal {
    /// Reads what JSON would take for a number; nothing else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let view = View::parse(text)?;
        let mut digits: Vec<u8> = view.head.iter().chain(view.tail).copied().collect();
        digits.truncate(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1));
        let negative = view.negative && !digits.is_empty();
        let mut decimal =
            Decimal { digits: digits.into(), negative, point: view.point, integer: None, nearest: text.parse().ok()? };
        decimal.integer = decimal.to_integer();
        Some(decimal)
    }

    /// Itself as an integer of 64 bits, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        self.integer
    }

    /// The float nearest to it; infinite past their range.
    pub fn nearest(&self) -> f64 {
        self.nearest
    }

    /// How a value stands to this number. None for what is no number (NaN).
    pub fn order_of(&self, value: Number<'_>) -> Option<Ordering> {
        match (value, self.integer) {
            (Number::Int(value), Some(own)) => Some(value.cmp(&own)),
            // Rounding keeps order: what rounds to different floats is ordered as they are.
            (Number::Float(value), _) if value != self.nearest => value.partial_cmp(&self.nearest),
            _ => {
                let text = Shown::of(value);
                Some(View::parse(text.as_str())?.cmp(self.view()))
            }
        }
    }

    /// Its digits without sign, point and zeros at either end.
    pub fn digits(&self) -> &str {
        std::str::from_utf8(&self.digits).expect("digits are ASCII")
    }

    fn view(&self) -> View<'_> {
        View { negative: self.negative, head: &self.digits, tail: &[], point: self.point }
    }

    fn to_integer(&self) -> Option<i64> {
        let zeros = usize::try_from(self.point.checked_sub(self.digits.len() as i64)?).ok();
        let zeros = if self.digits.is_empty() { 0 } else { zeros.filter(|zeros| *zeros < 19)? };
        let digits = self.digits.iter().copied().chain(std::iter::repeat_n(b'0', zeros));
        let sign = if self.negative { -1 } else { 1 };
        digits
            .map(|digit| i64::from(digit - b'0'))
            .try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_add(sign * digit))
    }
}

/// By value: `5`, `5.0` and `50e-1` are equal.
impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        self.view().cmp(other.view())
    }
}

/// In plain or exponent notation, whichever is shorter; reads back as an equal number.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        match (self.digits(), self.point) {
            ("", _) => f.write_str("0"),
            (digits, point) if (1..=20).contains(&point) => {
                let point = point as usize;
                match digits.len().checked_sub(point) {
                    None | Some(0) => write!(f, "{sign}{digits}{}", "0".repeat(point - digits.len())),
                    Some(_) => write!(f, "{sign}{}.{}", &digits[..point], &digits[point..]),
                }
            }
            (digits, point) => match digits.split_at(1) {
                (first, "") => write!(f, "{sign}{first}e{}", point - 1),
                (first, rest) => write!(f, "{sign}{first}.{rest}e{}", point - 1),
            },
        }
    }
}

// === impl View ===

impl<'a> View<'a> {
    /// The grammar of JSON, RFC 8259, section 6; exponents of up to nine digits.
    fn parse(text: &'a str) -> Option<View<'a>> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (head, tail) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some((head, tail)) => (head, tail),
            None => (mantissa, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = !head.is_empty() && digits(head) && digits(tail) && (head == "0" || !head.starts_with('0'));
        plain.then(|| View::trimmed(negative, head.as_bytes(), tail.as_bytes(), exponent))
    }

    /// Without zeros in front, which would move the point.
    fn trimmed(negative: bool, head: &'a [u8], tail: &'a [u8], exponent: i64) -> View<'a> {
        let zeros = |digits: &[u8]| digits.iter().take_while(|digit| **digit == b'0').count();
        let of_head = zeros(head);
        let of_tail = if of_head == head.len() { zeros(tail) } else { 0 };
        let point = head.len() as i64 - of_head as i64 - of_tail as i64 + exponent;
        View { negative, head: &head[of_head..], tail: &tail[of_tail..], point }
    }

    fn digits(self) -> impl Iterator<Item = u8> + use<'a> {
        self.head.iter().chain(self.tail).copied()
    }

    fn is_zero(self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// -1, 0 or 1.
    fn sign(self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn cmp(self, other: View<'_>) -> Ordering {
        let sign = self.sign();
        sign.cmp(&other.sign()).then_with(|| match sign {
            0 => Ordering::Equal,
            1 => self.cmp_size(other),
            _ => other.cmp_size(self),
        })
    }

    fn cmp_size(self, other: View<'_>) -> Ordering {
        self.point.cmp(&other.point).then_with(|| {
            let len = (self.head.len() + self.tail.len()).max(other.head.len() + other.tail.len());
            let zeros = std::iter::repeat(b'0');
            self.digits().chain(zeros.clone()).take(len).cmp(other.digits().chain(zeros).take(len))
        })
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let size: i64 = plain.then(|| digits.parse().ok()).flatten()?;
    Some(if text.starts_with('-') { -size } else { size })
}

/// A number's text, without an allocation.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    buffer: [u8; 40],
    len: usize,
    written: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// As JSON writes it: `5`, `2.5`, `1e300`.
    pub(crate) fn of(number: Number<'a>) -> Shown<'a> {
        let mut shown = Shown { buffer: [0; 40], len: 0, written: None };
        let fits = "no number of 64 bits takes 40 characters";
        match number {
            Number::Int(number) => write!(shown, "{number}").expect(fits),
            Number::UInt(number) => write!(shown, "{number}").expect(fits),
            Number::Float(number) => write!(shown, "{number:?}").expect(fits),
            Number::Digits(digits) => shown.written = Some(digits),
        }
        shown
    }

    pub(crate) fn as_str(&self) -> &str {
        self.written.unwrap_or_else(|| std::str::from_utf8(&self.buffer[..self.len]).expect("only text was written"))
    }
}

impl Write for Shown<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.buffer.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(literal: &str, value: Number<'_>, expected: Ordering) {
        let literal = Decimal::parse(literal).expect("a number");
        assert_eq!(literal.order_of(value), Some(expected), "{value:?} beside {literal}");
    }

    #[test]
    fn notations_of_one_value_are_equal() {
        for same in ["5", "5.0", "50e-1", "0.5e1", "5E+0", "0.005e3"] {
            check(same, Number::Int(5), Ordering::Equal);
            check(same, Number::Float(5.0), Ordering::Equal);
            check(same, Number::Digits("5.000"), Ordering::Equal);
        }
        for zero in ["0", "-0", "0.0", "0e9", "-0.00e-5"] {
            check(zero, Number::Int(0), Ordering::Equal);
            check(zero, Number::Float(-0.0), Ordering::Equal);
        }
    }

    #[test]
    fn integers_past_what_a_float_holds_stay_apart() {
        check("9007199254740993", Number::Int(9_007_199_254_740_992), Ordering::Less);
        check("9007199254740993", Number::Float(9_007_199_254_740_992.0), Ordering::Less);
        check("9223372036854775808", Number::UInt(9_223_372_036_854_775_807), Ordering::Less);
        check("18446744073709551615", Number::UInt(u64::MAX), Ordering::Equal);
        check("123456789012345678901", Number::Digits("123456789012345678900"), Ordering::Less);
        check("-123456789012345678901", Number::Digits("-123456789012345678900"), Ordering::Greater);
        check("123456789012345678901e-1", Number::Float(12_345_678_901_234_567_890.0), Ordering::Less);
    }

    #[test]
    fn a_float_is_the_decimal_that_it_is_written_as() {
        check("0.1", Number::Float(0.1), Ordering::Equal);
        check("0.1000000000000000055511151231257827", Number::Float(0.1), Ordering::Less);
        check("0.30000000000000004", Number::Float(0.3), Ordering::Less);
        check("100.5", Number::Int(100), Ordering::Less);
        check("100.5", Number::Int(101), Ordering::Greater);
        check("-100.5", Number::Int(-101), Ordering::Less);
        check("1e400", Number::Float(f64::MAX), Ordering::Less);
        check("-1e400", Number::Int(i64::MIN), Ordering::Greater);
        check("1e-400", Number::Float(5e-324), Ordering::Greater);
        assert_eq!(Decimal::parse("1").expect("a number").order_of(Number::Float(f64::NAN)), None);
    }

    #[test]
    fn only_what_json_takes_for_a_number_is_one() {
        for text in
            ["", "-", "+5", "05", ".5", "5.", "1e", "1e+", "0x5", "1_000", "NaN", "Infinity", "1e1234567890", "٣"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("-9223372036854775808").and_then(|n| n.as_i64()), Some(i64::MIN));
        assert_eq!(Decimal::parse("9223372036854775808").and_then(|n| n.as_i64()), None);
        assert_eq!(Decimal::parse("12e2").and_then(|n| n.as_i64()), Some(1200));
        assert_eq!(Decimal::parse("1.5").and_then(|n| n.as_i64()), None);
    }

    #[test]
    fn is_shown_so_that_it_reads_back() {
        for (text, shown) in [
            ("5.0", "5"),
            ("-12.50", "-12.5"),
            ("0.001", "1e-3"),
            ("1200", "1200"),
            ("1e30", "1e30"),
            ("-1.25e-9", "-1.25e-9"),
            ("0.5", "5e-1"),
        ] {
            let number = Decimal::parse(text).expect("a number");
            assert_eq!(number.to_string(), shown);
            assert_eq!(Decimal::parse(shown), Some(number));
        }
    }
}
