//! Whatever the records and the queries are: what is ruled out never matches, and no text upsets the parser.

mod random;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use catchwater_sdk::{Batch, RecordRef};

use super::batch_of;
use crate::{Bounds, Evidence, Field, Query, Test};

use random::{leaves_of_each_kind, payloads, payloads_of_each_notation, queries, texts};

// === Evidence ===

/// Knows of each leaf which rows match, and tells it with gaps: rows that do not may, rows that do are not sure to.
struct Rows<'b> {
    batch: &'b Batch,
    /// Changes with each leaf which rows are told truly.
    noise: u64,
}

impl Rows<'_> {
    fn bits(&self, matches: impl Fn(RecordRef<'_>) -> bool) -> u64 {
        self.batch.iter().enumerate().fold(0, |bits, (row, record)| bits | (u64::from(matches(record)) << row))
    }

    fn noise(&self, test: Test<'_>) -> u64 {
        let of_leaf = format!("{test:?}").bytes().fold(self.noise, |sum, byte| sum.rotate_left(5) ^ u64::from(byte));
        of_leaf.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}

impl Evidence for Rows<'_> {
    type Set = u64;

    fn all(&self) -> u64 {
        self.bits(|_| true)
    }

    fn test(&self, test: Test<'_>) -> Bounds<u64> {
        let (exactly, noise) = (self.bits(|record| test.matches(&record)), self.noise(test));
        Bounds { may: exactly | (noise & self.all()), must: exactly & !noise.rotate_right(7) }
    }
}

/// Knows the same of all rows at once, as a file's statistics do.
struct File<'b>(Rows<'b>);

impl Evidence for File<'_> {
    type Set = bool;

    fn all(&self) -> bool {
        true
    }

    fn test(&self, test: Test<'_>) -> Bounds<bool> {
        let Bounds { may, must } = self.0.test(test);
        Bounds { may: may != 0, must: must == self.0.all() }
    }
}

/// Knows which bytes occur in payloads at all: a path whose last key has another byte is in none of them.
struct Bytes([bool; 256]);

impl Bytes {
    fn of(batch: &Batch) -> Bytes {
        let mut bytes = [false; 256];
        let payloads = batch.iter().filter_map(|record| record.payload().map(<[u8]>::to_vec));
        payloads.flatten().for_each(|byte| bytes[usize::from(byte)] = true);
        Bytes(bytes)
    }
}

impl Evidence for Bytes {
    type Set = bool;

    fn all(&self) -> bool {
        true
    }

    fn test(&self, test: Test<'_>) -> Bounds<bool> {
        let Test::Field(Field::Payload(path), _) = test else { return Bounds::unknown(self) };
        let name = path.keys().last().map_or("", |key| &*key.name);
        let occurs = name.bytes().all(|byte| self.0[usize::from(byte)]) || self.0[usize::from(b'\\')];
        Bounds::at_most(self, occurs)
    }
}

// === Properties ===

proptest! {
    #[test]
    fn rows_that_are_ruled_out_never_match(query in queries(), payloads in payloads(), noise: u64) {
        let (query, batch) = (Query::parse(&query).expect(&query), batch_of(&payloads));
        let rows = Rows { batch: &batch, noise };
        let (bounds, exactly) = (query.bounds(&rows), rows.bits(|record| query.matches(&record)));
        prop_assert_eq!(exactly & !bounds.may, 0, "{} has a match among what was ruled out", query);
        prop_assert_eq!(bounds.must & rows.all() & !exactly, 0, "{} is sure of what does not match", query);
    }

    #[test]
    fn files_that_are_ruled_out_hold_no_match(query in queries(), payloads in payloads(), noise: u64) {
        let (query, batch) = (Query::parse(&query).expect(&query), batch_of(&payloads));
        let found = batch.iter().filter(|record| query.matches(record)).count();
        let file = File(Rows { batch: &batch, noise });
        for bounds in [query.bounds(&file), query.bounds(&Bytes::of(&batch))] {
            prop_assert!(bounds.may || found == 0, "{} was ruled out and has {} matches", query, found);
            prop_assert!(!bounds.must || found == batch.len(), "{} is sure of all and has {} matches", query, found);
        }
    }

    #[test]
    fn payloads_that_are_ruled_out_by_their_bytes_never_match(query in queries(), payloads in payloads()) {
        let (query, batch) = (Query::parse(&query).expect(&query), batch_of(&payloads));
        for record in batch.iter() {
            let payload = record.payload().unwrap_or_default();
            let shown = String::from_utf8_lossy(payload);
            prop_assert!(query.may_contain_words(payload) || !query.matches(&record), "{} in {}", query, shown);
        }
    }

    #[test]
    fn a_query_is_shown_as_one_that_asks_the_same(query in queries()) {
        let query = Query::parse(&query).expect(&query);
        prop_assert_eq!(&Query::parse(&query.to_string()).expect("it is shown as it was written"), &query);
        for field in query.fields() {
            let shown = format!("{field}:*");
            let again = Query::parse(&shown).expect(&shown);
            prop_assert_eq!(again.fields().next(), Some(field), "{}", shown);
        }
    }

    #[test]
    fn mistakes_are_told_within_the_text(text in texts()) {
        check_told(&text)?;
    }
}

/// Few random pairs meet in a rare notation: here each value in each notation meets each condition.
#[test]
fn no_notation_of_a_value_hides_it_from_the_bytes() {
    let payloads = payloads_of_each_notation();
    let batch = batch_of(&payloads);
    for query in leaves_of_each_kind() {
        let query = Query::parse(&query).expect(&query);
        for record in batch.iter().filter(|record| query.matches(record)) {
            let payload = record.payload().unwrap_or_default();
            assert!(query.may_contain_words(payload), "{query} in {}", String::from_utf8_lossy(payload));
        }
    }
}

/// Whatever the text is: it parses, or its mistake has a place and can be shown.
fn check_told(text: &str) -> Result<(), TestCaseError> {
    let Err(error) = Query::parse(text) else { return Ok(()) };
    prop_assert!(text.get(error.span.clone()).is_some(), "{:?} of {:?}: {}", error.span, text, error.message);
    prop_assert!(!error.message.is_empty() && error.to_string().contains('^'));
    Ok(())
}

#[test]
fn long_and_deep_texts_are_answered() {
    let nests = ["(", "NOT ", "-(", "a:(", "((-", "`", "``", "\"", "\\", "a.", "a.b:", "*?", "a*", "[", "f:[", "x OR "];
    for part in nests.into_iter().chain(["é", "é ", "f:é ", "\u{3000}", "AND ", ")", ":", "f:>", "-", "/", "'"]) {
        for len in [0, 1, 100, 101, 1000, 1001, 2000, 16_384] {
            let text = part.repeat((len / part.len()).max(1));
            check_told(&text).expect("a place within the text");
            check_told(&format!("{text}é")).expect("a place within the text");
        }
    }
}

/// The properties above would hold of queries that find nothing and of records that nobody asks for.
#[test]
fn random_queries_find_some_rule_out_some_and_are_sure_of_some() {
    let (mut found, mut ruled_out, mut sure, mut lacking, mut all) = (0, 0, 0, 0, 0);
    let mut runner = TestRunner::deterministic();
    for _ in 0..500 {
        let (query, payloads) = (queries(), payloads()).new_tree(&mut runner).expect("a case").current();
        let (query, batch) = (Query::parse(&query).expect(&query), batch_of(&payloads));
        let rows = Rows { batch: &batch, noise: 7 };
        let bounds = query.bounds(&rows);
        found += rows.bits(|record| query.matches(&record)).count_ones();
        ruled_out += (rows.all() & !bounds.may).count_ones();
        sure += (rows.all() & bounds.must).count_ones();
        lacking += rows.bits(|record| !query.may_contain_words(record.payload().unwrap_or_default())).count_ones();
        all += rows.all().count_ones();
    }
    let shares = [found, ruled_out, sure, lacking].map(|count| count * 100 / all);
    assert!(shares.iter().all(|share| (3..97).contains(share)), "percent of {all} rows: {shares:?}");
}
