//! What was expected against what came out.

use std::collections::BTreeSet;

use catchwater_sdk::{Batch, Field, RecordRef};
use serde_json::Value;

use super::align::{Pair, align};
use super::{Difference, Outcome, show};
use crate::spec::{Content, Expected, Named, Place, Rejection, Trial};
use crate::task::StepRejected;

/// A record that was rejected.
pub(super) struct Refusal<'a> {
    pub(super) input: usize,
    pub(super) step: &'a str,
    pub(super) reason: &'a str,
}

/// The number of the input that a record is made of, from 1.
pub(super) fn number(record: RecordRef<'_>) -> usize {
    usize::try_from(record.position()).unwrap_or_default() + 1
}

/// All that differs.
pub(super) fn compare(trial: &Trial, outcome: &Outcome) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (sink, expected) in &trial.sinks {
        let (_, found) = outcome.sinks.iter().find(|(name, _)| name == sink).expect("the reader knows the sinks");
        differences.extend(in_sink(sink, expected, found, &trial.place));
    }
    let refusals = refusals(&outcome.rejected);
    differences.extend(in_rejections(&trial.rejected, &refusals, &trial.place));
    if let Some(expected) = &trial.dropped {
        let found = dropped(trial, outcome, &refusals);
        if *expected != found {
            let (expected, found) = (show::numbers(expected), show::numbers(&found));
            differences.push(Difference { about: "dropped".to_owned(), expected, found, place: trial.place.clone() });
        }
    }
    differences
}

fn in_sink(sink: &str, expected: &[Expected], found: &[Batch], place: &Place) -> Vec<Difference> {
    let records: Vec<RecordRef<'_>> = found.iter().flat_map(Batch::iter).collect();
    let pairs = align(expected.len(), records.len(), |i, j| fits(&expected[i], records[j]));
    let difference = |pair: &Pair| {
        let (about, expected, found, place) = match *pair {
            Pair::Fitting => return None,
            Pair::Differing(i, j) => {
                let like = &expected[i];
                let about = format!("record {} is another", i + 1);
                (about, show::expected(like), show::found_like(like, records[j]), &like.place)
            }
            Pair::Missing(i) => {
                let missing = &expected[i];
                (format!("record {} did not come", i + 1), show::expected(missing), String::new(), &missing.place)
            }
            Pair::Unexpected(j) => {
                ("a record came that is not expected".to_owned(), String::new(), show::found(records[j]), place)
            }
        };
        Some(Difference { about: format!("{sink}: {about}"), expected, found, place: place.clone() })
    };
    pairs.iter().filter_map(difference).collect()
}

fn fits(expected: &Expected, record: RecordRef<'_>) -> bool {
    expected.input.is_none_or(|input| input == number(record))
        && expected.payload.as_ref().is_none_or(|payload| is_payload(payload, record.payload()))
        && expected.key.as_ref().is_none_or(|key| key.as_deref() == record.key())
        && expected.headers.as_ref().is_none_or(|headers| are_fields(headers, record.headers()))
        && expected.properties.as_ref().is_none_or(|properties| are_fields(properties, record.properties()))
        && expected
            .timestamp
            .is_none_or(|micros| record.timestamp().is_some_and(|timestamp| timestamp.micros == micros))
        && expected.matching.as_ref().is_none_or(|query| query.matches(&record))
}

fn is_payload(expected: &Content, found: Option<&[u8]>) -> bool {
    match (expected, found) {
        (Content::Absent, found) => found.is_none(),
        (_, None) => false,
        (Content::Bytes(bytes), Some(found)) => bytes == found,
        (Content::Json(text), Some(found)) => {
            let (expected, found) = (serde_json::from_str(text), serde_json::from_slice(found));
            matches!((expected, found), (Ok(expected), Ok(found)) if says_the_same(&expected, &found))
        }
    }
}

/// `1` and `1.0` are the same number.
fn says_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64() && !are_integers(one, other)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same =
                |(key, value): (&String, &Value)| other.get(key).is_some_and(|other| says_the_same(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

/// Integers are compared by all their digits.
fn are_integers(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    !one.is_f64() && !other.is_f64()
}

fn are_fields<'a>(expected: &[Named], found: impl ExactSizeIterator<Item = Field<'a>>) -> bool {
    let is = |(named, field): (&Named, Field<'_>)| {
        named.name == field.name
            && named.value.as_deref() == field.value
            && named.kind.is_none_or(|kind| kind == field.kind)
    };
    expected.len() == found.len() && expected.iter().zip(found).all(is)
}

/// What was rejected, in the order of the inputs.
fn refusals(rejected: &[StepRejected]) -> Vec<Refusal<'_>> {
    let mut refusals: Vec<_> = rejected
        .iter()
        .flat_map(|StepRejected { step, rejected, .. }| {
            let refusal = move |record| Refusal { input: number(record), step, reason: &rejected.reason };
            rejected.records.iter().map(refusal)
        })
        .collect();
    refusals.sort_by_key(|refusal| refusal.input);
    refusals
}

fn in_rejections(expected: &[Rejection], found: &[Refusal<'_>], place: &Place) -> Vec<Difference> {
    let mut order: Vec<_> = expected.iter().collect();
    order.sort_by_key(|rejection| rejection.input);
    let pairs = align(order.len(), found.len(), |i, j| is_refusal(order[i], &found[j]));
    let difference = |pair: &Pair| {
        let (about, expected, found, place) = match *pair {
            Pair::Fitting => return None,
            Pair::Differing(i, j) => {
                let expected = show::expected_rejection(order[i]);
                ("the rejection is another", expected, show::refusal(&found[j]), &order[i].place)
            }
            Pair::Missing(i) => {
                ("a rejection did not come", show::expected_rejection(order[i]), String::new(), &order[i].place)
            }
            Pair::Unexpected(j) => ("a rejection is not expected", String::new(), show::refusal(&found[j]), place),
        };
        Some(Difference { about: format!("rejected: {about}"), expected, found, place: place.clone() })
    };
    pairs.iter().filter_map(difference).collect()
}

fn is_refusal(expected: &Rejection, found: &Refusal<'_>) -> bool {
    expected.input == found.input
        && expected.step.as_ref().is_none_or(|step| step == found.step)
        && expected.reason.as_ref().is_none_or(|reason| found.reason.contains(reason.as_str()))
}

/// The inputs of which nothing reached a sink and nothing was rejected.
fn dropped(trial: &Trial, outcome: &Outcome, refusals: &[Refusal<'_>]) -> Vec<usize> {
    let batches = outcome.sinks.iter().flat_map(|(_, batches)| batches);
    let mut seen: BTreeSet<_> = batches.flat_map(Batch::iter).map(number).collect();
    seen.extend(refusals.iter().map(|refusal| refusal.input));
    (1..=trial.input.len()).filter(|input| !seen.contains(input)).collect()
}
