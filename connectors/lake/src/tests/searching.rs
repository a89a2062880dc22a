//! Searches beside brute force: whatever is ruled out, nothing that matches is lost.

use std::collections::BTreeMap;

use catchwater_query::Query;
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::{BatchBuilder, Field, Limit, Record, Timestamp, TimestampKind};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::support::*;
use crate::read::{Event, Rows, Snapshot};
use crate::search::{Effort, Filter, count, histogram, newest, unknown_fields};

const HOUR: i64 = 3_600_000_000;

/// Everything about an event that tells it from others, with its time and content.
fn shown(event: Event<'_>) -> String {
    let record = event.record();
    let payload = record.payload().map(String::from_utf8_lossy);
    format!("{:?} {:?} {:?}", event.time(), event.id(), payload)
}

/// What matches, found by asking every event; the newest first.
async fn brute_force(snapshot: &Snapshot, filter: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    for (number, file) in snapshot.files().iter().enumerate() {
        let mut stream = snapshot.open(file).await.expect("a file").events(Rows::All).await.expect("rows");
        let mut row = 0;
        while let Some(batch) = stream.next().await.expect("rows") {
            for event in batch.iter() {
                let time = event.time().expect("all came in at some time");
                let timely =
                    filter.since.is_none_or(|since| time >= since) && filter.until.is_none_or(|until| time < until);
                if timely && filter.query.matches(&event) {
                    found.push(((time, number, row), shown(event)));
                }
                row += 1;
            }
        }
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.0));
    found.into_iter().map(|(_, event)| event).collect()
}

async fn search(snapshot: &Snapshot, filter: &Filter, limit: usize) -> (Vec<String>, Effort) {
    let mut newest = newest(snapshot, filter.clone(), limit).await.expect("a search");
    let (effort, mut found) = (newest.effort(), Vec::new());
    while let Some(events) = newest.next().await.expect("events") {
        found.extend(events.iter().map(shown));
    }
    (found, effort)
}

// === random records and queries ===

/// A record: hours before noon, key, payload.
type Event3 = (Option<i64>, Option<&'static str>, Option<String>);

const KEYS: [&str; 9] = ["a", "b", "A", "c.d", "c", "d", "value", "größe", "date"];

const TEXTS: [&str; 22] = [
    "paid",
    "Paid twice",
    "unpaid",
    "5",
    "5.0",
    "-7",
    "1e2",
    "true",
    "",
    "x y",
    "straße",
    "STRASSE",
    "2026-11-22",
    "2026-11-22T10:30:00Z",
    "2026-11-22T11:30:00+01:00",
    "2026-11-22T10:30:00.5Z",
    "paid\\nlater",
    "p\\u0061id",
    "100000000000000000000000000000000000000000",
    "a/b",
    "*",
    "\\u212aelvin",
];

const NUMBERS: [&str; 16] = [
    "0",
    "5",
    "-7",
    "5.0",
    "5.5",
    "1e2",
    "0.1",
    "9007199254740993",
    "9223372036854775808",
    "123456789012345678901234567890",
    "1000000000000000000000000000000000000000",
    "-0.0",
    "0.00001",
    "1e300",
    "100",
    "42",
];

fn json_value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        4 => select(&NUMBERS[..]).prop_map(str::to_owned),
        4 => select(&TEXTS[..]).prop_map(|text| format!("\"{text}\"")),
        2 => select(&["true", "false", "null", "[]", "{}"][..]).prop_map(str::to_owned),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            json_object(inner),
        ]
    })
}

fn json_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((select(&KEYS[..]), value), 0..5).prop_map(|pairs| {
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", pairs.join(","))
    })
}

fn payload() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        12 => json_object(json_value()).prop_map(Some),
        2 => json_value().prop_map(Some),
        1 => select(&["paid, but no JSON", "{\"a\":5", ""][..]).prop_map(|text| Some(text.to_owned())),
        1 => Just(None),
    ]
}

fn event() -> impl Strategy<Value = Event3> {
    let hours = prop_oneof![8 => (0..60i64).prop_map(Some), 1 => Just(None), 1 => Just(Some(i64::MIN))];
    let key = select(&[None, Some("k1"), Some("5"), Some("")][..]);
    (hours, key, payload())
}

fn condition() -> impl Strategy<Value = String> {
    let quoted = select(&TEXTS[..]).prop_map(|text| format!("\"{}\"", text.replace("\\n", " ").replace("\\u", "u")));
    let plain = [
        "5",
        "5.0",
        "-7",
        "true",
        "paid",
        "*",
        "p*",
        "*d",
        "5*",
        "2026*",
        ">5",
        "<5.5",
        ">=100",
        "[-7 TO 5}",
        "2026-11-22",
        ">2026-11-22T10:00:00Z",
        "<=2026-11-22",
        "[2026-11-22 TO 2026-11-23]",
        ">a",
        "{a TO q]",
        "9007199254740993",
        "9223372036854775808",
        "1e2",
        "straße",
        "100000000000000000000000000000000000000000",
        "1?",
    ];
    prop_oneof![3 => select(Vec::from(plain)).prop_map(str::to_owned), 1 => quoted]
}

fn query() -> impl Strategy<Value = String> {
    let fields = [
        "a",
        "b",
        "A",
        "c.d",
        "c",
        "d",
        "a.b",
        "a.a",
        "c.d.a",
        "value",
        "value.a",
        "größe",
        "date",
        "nosuch",
        "`c.d`",
        "_key",
        "_position",
        "_partition",
        "_timestamp",
        "_ingested_at",
        "_error",
        "_stream",
        "_headers",
        "_headers.h",
        "_payload",
    ];
    let field = (select(Vec::from(fields)), condition()).prop_map(|(field, condition)| format!("{field}:{condition}"));
    let words = ["paid", "twice", "strasse", "kelvin", "5", "100", "true", "\"x y\"", "no", "pai*", "*", "a"];
    let leaf = prop_oneof![6 => field, 2 => select(Vec::from(words)).prop_map(str::to_owned)];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" "))),
            1 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            1 => inner.prop_map(|part| format!("(NOT {part})")),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let bound = || prop_oneof![2 => Just(None), 1 => (0..60i64).prop_map(|hours| Some(NOON - hours * HOUR))];
    // What no record can have is refused.
    let query = query().prop_filter_map("a query that is refused", |text| Query::parse(&text).ok());
    (query, bound(), bound()).prop_map(|(query, since, until)| Filter { query, since, until })
}

fn parse(query: &str) -> Query {
    Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// Options of a sink that make columns tell less: types that are given, few columns, no depth.
const OPTIONS: [&str; 4] = ["", "schema: {a: string, b: json, d: double}", "columns_max: 6", "depth_max: 2"];

async fn write(sink: &mut BoxSink, events: &[Event3], commits: usize) {
    let mut position = 0;
    for (number, part) in (1..).zip(events.chunks(events.len().div_ceil(commits).max(1))) {
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&partition(0));
        for (hours, key, payload) in part {
            let micros = hours.map(|hours| NOON.saturating_sub(hours.saturating_mul(HOUR)));
            let timestamp = micros.map(|micros| Timestamp { micros, kind: TimestampKind::Create });
            let headers = [Field::text("h", key.unwrap_or("none"))];
            let (payload, key) = (payload.as_deref().map(str::as_bytes), key.map(str::as_bytes));
            let headers = if position % 3 == 0 { &headers[..] } else { &[] };
            builder.push(
                origin,
                position,
                position + 1,
                Record { payload, key, timestamp, headers, ..Record::default() },
            );
            position += 1;
        }
        let _ = sink.write(&json(builder.finish())).await.expect("written");
        let _ = cut(sink, number, &[(0, position)]).await.expect("stored");
    }
}

async fn check_all(snapshot: &Snapshot, filter: &Filter) -> Result<(), TestCaseError> {
    let expected = brute_force(snapshot, filter).await;
    let asked = format!("{filter:?} in {:?}", snapshot.schema().fields().iter().map(|f| f.name()).collect::<Vec<_>>());
    prop_assert_eq!(&search(snapshot, filter, 100_000).await.0, &expected, "all of {}", asked);
    prop_assert_eq!(&search(snapshot, filter, 3).await.0[..], &expected[..expected.len().min(3)], "three of {}", asked);
    let (hits, _) = count(snapshot, filter.clone()).await.expect("a count");
    prop_assert_eq!(hits, expected.len() as u64, "count of {}", asked);
    let (times, _) = histogram(snapshot, filter.clone()).await.expect("a histogram");
    prop_assert_eq!((times.hits, times.untimed), (hits, 0), "histogram of {}", asked);
    let bars = times.bars(40).map_or(0, |bars| bars.hits.iter().sum());
    prop_assert_eq!(bars, hits, "bars of {}", asked);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_matches_is_lost(
        events in prop::collection::vec(event(), 1..120),
        filters in prop::collection::vec(filter(), 24),
        options in select(&OPTIONS[..]),
        commits in 1..4usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let lake = Lake::new();
            let mut sink = lake.sink(options).await;
            assign(&mut sink, &[0]).await;
            write(&mut sink, &events, commits).await;
            let snapshot = lake.snapshot().await.expect("a table");
            for filter in &filters {
                check_all(&snapshot, filter).await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

// === what is ruled out ===

/// A number that no other has, in no order.
fn scattered(i: i64) -> u64 {
    i.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Eight days of a thousand events each, in one file per day and several row groups, with ids that never repeat.
async fn eight_days() -> Lake {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let statuses = ["paid", "sent", "lost"];
    let payload = |i: i64| {
        let status = statuses[i as usize % 3];
        format!(
            r#"{{"id":"{:016x}","status":"{status}","amount":{i},"customer":{{"city":"Köln {}"}}}}"#,
            scattered(i),
            i / 1000
        )
    };
    let events: Vec<(i64, String)> = (0..24_000).map(|i| (NOON - 8 * DAY + i * (DAY / 3000), payload(i))).collect();
    for (number, part) in (1..).zip(events.chunks(12_000)) {
        let first = (number - 1) * 12_000;
        for (chunk, events) in part.chunks(1000).enumerate() {
            let records: Vec<(i64, &[u8])> = events.iter().map(|(time, text)| (*time, text.as_bytes())).collect();
            let _ = sink.write(&timed(0, first + chunk as i64 * 1000, &records)).await.expect("written");
        }
        let _ = cut(&mut sink, number as u64, &[(0, first + 12_000)]).await.expect("stored");
    }
    lake
}

#[tokio::test]
async fn bloom_filters_leave_the_groups_that_have_a_text() {
    let lake = eight_days().await;
    let snapshot = lake.snapshot().await.unwrap();
    let (mut groups_read, mut groups) = (0, 0);
    for i in (0..24_000).step_by(1000) {
        let query = format!("id:{:016x}", scattered(i));
        let (hits, effort) = count(&snapshot, Filter::of(parse(&query))).await.expect("a count");
        assert_eq!((hits, effort.payloads_read), (1, 0), "{query}: {effort:?}");
        groups_read += effort.groups_read;
        groups += effort.groups;
    }
    // A filter says wrongly now and then that a text may be there.
    assert!((24..=36).contains(&groups_read) && groups > 300, "{groups_read} of {groups}");
}

async fn check_effort(snapshot: &Snapshot, query: &str, hits: u64, files: u64, groups: u64, decoded: u64) {
    let filter = Filter::of(parse(query));
    let (found, effort) = count(snapshot, filter).await.expect("a count");
    let spent = (found, effort.files_read, effort.groups_read, effort.payloads_decoded);
    assert_eq!(spent, (hits, files, groups, decoded), "{query}: {effort:?}");
}

#[tokio::test]
async fn what_cannot_match_is_never_read() {
    let lake = eight_days().await;
    let snapshot = lake.snapshot().await.unwrap();
    // One commit ends and the other begins in the middle of a day.
    assert_eq!(snapshot.files().len(), 10);
    let id = format!("{:016x}", scattered(12_345));
    check_effort(&snapshot, "id:nosuch", 0, 0, 0, 0).await;
    // The log's statistics leave one file.
    check_effort(&snapshot, "amount:12345", 1, 1, 1, 0).await;
    check_effort(&snapshot, "amount:[100 TO 199] status:paid", 33, 1, 1, 0).await;
    // Texts are in the order of texts: from "Köln 1" to "Köln 4" lies "Köln 23" too.
    check_effort(&snapshot, "customer.city:\"Köln 23\"", 1000, 3, 3, 0).await;
    // Everything is counted by the log alone.
    check_effort(&snapshot, "*", 24_000, 0, 0, 0).await;
    check_effort(&snapshot, "_timestamp:>=2020-01-01", 24_000, 0, 0, 0).await;
    check_effort(&snapshot, "nosuch:1", 0, 0, 0, 0).await;
    // A word is in no column; payloads without it are not decoded.
    check_effort(&snapshot, &format!("{id} amount:>12000"), 1, 5, 8, 1).await;
}

#[tokio::test]
async fn a_limit_stops_at_the_newest() {
    let lake = eight_days().await;
    let snapshot = lake.snapshot().await.unwrap();
    let (found, effort) = search(&snapshot, &Filter::of(parse("status:paid")), 5).await;
    assert_eq!(found, brute_force(&snapshot, &Filter::of(parse("status:paid"))).await[..5]);
    assert!(effort.files_read <= 4 && effort.groups_read <= 2, "{effort:?}");
    assert_eq!(effort.payloads_decoded, 0, "the column decides");
    let until = Filter { until: Some(NOON - 5 * DAY), ..Filter::of(parse("paid")) };
    let (found, effort) = search(&snapshot, &until, 5).await;
    assert_eq!(found, brute_force(&snapshot, &until).await[..5]);
    assert!(effort.payloads_read < 5000, "{effort:?}");
    assert_eq!(search(&snapshot, &until, 0).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn a_field_that_no_record_has_is_told_with_the_nearest() {
    let lake = eight_days().await;
    let snapshot = lake.snapshot().await.unwrap();
    let unknown = |query: &str| -> BTreeMap<String, Option<String>> {
        unknown_fields(&parse(query), &snapshot).into_iter().collect()
    };
    assert!(unknown("status:paid customer.city:x _key:x word").is_empty());
    let found = unknown("stauts:paid custmer.city:x xyz:1");
    let near = |name: &str| found[name].as_deref();
    assert_eq!([near("stauts"), near("custmer.city"), near("xyz")], [Some("status"), Some("customer.city"), None]);
}
