//! A number with a unit: what [`Size`](super::Size) and [`Duration`](super::Duration) have in common.

use super::Problem;

/// A unit and how many of the smallest it is.
pub(super) struct Unit {
    /// As it must be written.
    pub(super) name: &'static str,
    /// How many of the smallest unit.
    pub(super) factor: u64,
    /// What people write for it, in lower case; offered as a correction, never accepted.
    pub(super) slips: &'static [&'static str],
}

/// Reads `text` as a number and one of `units`. `example` is a value to show, with its unit.
pub(super) fn read(text: &str, units: &[Unit], example: &str) -> Result<u64, Problem> {
    let (number, name) = split(text);
    let Some(amount) = super::float(number).filter(|amount| *amount >= 0.0) else {
        return Err(Problem::new("must be a number with a unit").help(format!("write it like `{example}`")));
    };
    if name.is_empty() {
        let unit = example.trim_start_matches(|character: char| character.is_ascii_digit());
        return Err(Problem::new(format!("needs a unit, such as `{number}{unit}`")).help(choices(units)));
    }
    match units.iter().find(|unit| unit.name == name) {
        Some(unit) => scale(amount, number, unit.factor),
        None => Err(unknown_unit(number, name, units)),
    }
}

/// The shortest way to write `amount` as a whole number of one unit; `units` ascend.
pub(super) fn show(amount: u64, units: &[Unit]) -> String {
    let fits = |unit: &&Unit| amount.is_multiple_of(unit.factor);
    let unit = if amount == 0 { units.first() } else { units.iter().rev().find(fits) };
    let unit = unit.expect("the smallest unit divides everything");
    format!("{}{}", amount / unit.factor, unit.name)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Whole numbers never pass through `f64`, which would round large ones.
fn scale(amount: f64, number: &str, factor: u64) -> Result<u64, Problem> {
    let too_large = || Problem::new("is too large");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(too_large);
    }
    let scaled = (amount * factor as f64).round();
    if scaled < u64::MAX as f64 { Ok(scaled as u64) } else { Err(too_large()) }
}

fn unknown_unit(number: &str, name: &str, units: &[Unit]) -> Problem {
    let slip = name.to_ascii_lowercase();
    let meant = |unit: &&Unit| unit.name.eq_ignore_ascii_case(name) || unit.slips.contains(&slip.as_str());
    let problem = Problem::new(format!("`{name}` is no unit"));
    match units.iter().find(meant) {
        Some(unit) => problem.help(format!("did you mean `{number}{}`?", unit.name)),
        None => problem.help(choices(units)),
    }
}

fn choices(units: &[Unit]) -> String {
    let names: Vec<_> = units.iter().map(|unit| unit.name).collect();
    format!("units: {}", names.join(", "))
}
