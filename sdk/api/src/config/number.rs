//! How a number is written: the one reader for the walker and for serde, which would drift apart if each had its own.

/// A whole number in digits, with an optional sign. Not `1_0`, not `0x10`.
pub fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A finite decimal number. Rust would also take `nan` and `inf`; a setting cannot mean those.
pub fn float(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = if decimal {
        text.parse().ok()?
    } else {
        return None;
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_numbers_only() {
        assert_eq!(integer("-12"), Some(-12));
        assert_eq!(float("1.5e3"), Some(1500.0));
        for text in ["", "-", "1_0", "0x10", "nan", "inf", "1e999", "7 "] {
            assert_eq!((integer(text), float(text)), (None, None), "{text}");
        }
    }
}
