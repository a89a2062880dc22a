//! Tables as this crate reads them: rows back as records, files as the log has them, and what is said of damage.

use std::path::Path;
use std::sync::Arc;

use catchwater_sdk::{
    Barrier, BarrierKind, Batch, BatchBuilder, ErrorKind, Field, FieldKind, Limit, Partition, Record, Timestamp,
    TimestampKind,
};
use serde_json::json as value;

use super::support::*;
use crate::read::{EventBatch, Rows, Snapshot};

/// All events of a snapshot, file by file.
async fn events(snapshot: &Snapshot) -> Vec<EventBatch> {
    let mut events = Vec::new();
    for file in snapshot.files() {
        let mut stream = snapshot.open(file).await.expect("a file").events(Rows::All).await.expect("rows");
        while let Some(batch) = stream.next().await.expect("rows") {
            events.push(batch);
        }
    }
    events
}

/// `partition:position` of all events, sorted.
async fn places(snapshot: &Snapshot) -> String {
    let events = events(snapshot).await;
    let records = events.iter().flat_map(|batch| batch.batch().iter());
    let mut places: Vec<_> = records.map(|record| (record.partition().number, record.position())).collect();
    places.sort();
    places.into_iter().map(|(partition, position)| format!("{partition}:{position}")).collect::<Vec<_>>().join(" ")
}

/// A lake with one file of three events.
async fn three() -> Lake {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&batch(0, 0, &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 3)]).await.unwrap();
    lake
}

/// Adds an entry of another tool to the log.
fn add_entry(lake: &Lake, actions: &[serde_json::Value]) {
    let entry = lake.folder().join(format!("_delta_log/{:020}.json", lake.commits()));
    let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
    std::fs::write(entry, lines).expect("an entry");
}

async fn check_refused(lake: &Lake, expected: &str) {
    let refusal = async {
        let snapshot = lake.snapshot().await?;
        for file in snapshot.files() {
            let mut stream = snapshot.open(file).await?.events(Rows::All).await?;
            while stream.next().await?.is_some() {}
        }
        Ok::<_, catchwater_sdk::Error>(())
    };
    let error = refusal.await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
    assert!(error.chain().contains(expected), "{}\nlacks {expected}", error.chain());
}

// === rows ===

/// One record of everything that a record can have.
fn all_sorts() -> Batch {
    let slashed = Partition { source: "a/b".into(), stream: "or/ders%".into(), incarnation: "x/1".into(), number: 7 };
    let mut builder = BatchBuilder::new(Limit::default());
    let (first, second) = (builder.origin(&partition(0)), builder.origin(&Arc::new(slashed)));
    let headers = [
        Field::text("trace", "1"),
        Field::bytes("trace", None),
        Field { name: "", value: Some(b"7"), kind: FieldKind::Int },
    ];
    let properties = [Field { name: "content", value: Some(b"{}"), kind: FieldKind::Json }];
    let at = |micros, kind| Some(Timestamp { micros, kind });
    let records = [
        Record {
            headers: &headers,
            timestamp: at(NOON, TimestampKind::Create),
            ..Record::payload(b"{\"a\": 1.50 }\n")
        },
        Record { key: Some(b""), properties: &properties, redelivered: true, ..Record::default() },
        Record { key: Some(b"\x00\xff"), timestamp: at(NOON - 1, TimestampKind::Append), ..Record::payload(b"") },
        // A time that no column can hold, and properties beside it.
        Record { properties: &properties, timestamp: at(i64::MIN, TimestampKind::Append), ..Record::payload(b"\xff{") },
    ];
    for (position, record) in (10..).zip(records) {
        builder.push(first, position, position + 1, record);
        builder.push(second, position * 2, position * 2 + 1, record);
    }
    let batch = builder.finish();
    let mut again = BatchBuilder::like(&batch);
    for record in batch.iter() {
        let (headers, properties): (Vec<_>, Vec<_>) = (record.headers().collect(), record.properties().collect());
        for index in 0..2 {
            again.push_from(record, index, record.with_fields(&headers, &properties));
        }
    }
    json(again.finish())
}

/// Everything about each record, in an order that does not depend on files.
fn described<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<String> {
    let records = batches.flat_map(|batch| batch.iter());
    let mut all: Vec<String> = records
        .map(|record| {
            let fields = (record.headers().collect::<Vec<_>>(), record.properties().collect::<Vec<_>>());
            let place = (record.partition(), record.position(), record.index());
            let content = (record.payload(), record.key(), record.timestamp(), record.redelivered());
            format!("{place:?} {content:?} {fields:?}")
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn records_come_back_as_they_were() {
    let lake = Lake::new();
    let mut sink = lake.sink("collection: orders").await;
    let written = all_sorts();
    let _ = sink.write(&written).await.unwrap();
    let positions = Arc::new(written.positions());
    let _ = sink.barrier(&Barrier { number: 1, kind: BarrierKind::Cut, positions, last: false }).await.unwrap();
    let events = events(&lake.snapshot().await.unwrap()).await;
    let read = described(events.iter().map(EventBatch::batch));
    assert_eq!(read, described([&written].into_iter()));
    assert_eq!(read.len(), 16);
}

#[tokio::test]
async fn what_the_lake_knows_stands_beside_the_record() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&timed(0, 5, &[(NOON - DAY, b"{\"a\":1}"), (NOON - DAY, b"no json")])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 7)]).await.unwrap();
    let events = events(&lake.snapshot().await.unwrap()).await;
    let (good, bad) = (events[0].get(0), events[0].get(1));
    assert_eq!((good.ingested_at(), good.time(), good.replay()), (Some(NOON), Some(NOON - DAY), None));
    assert_eq!((good.id(), good.error()), (Some("kraft/1/orders/0/5"), None));
    assert!(bad.error().is_some_and(|error| error.contains("not JSON")), "{:?}", bad.error());
    assert_eq!(good.schema(), bad.schema());
    assert_eq!(events[0].filter(|event| event.error().is_none()).len(), 1);
    // Decoded as the collection's format says.
    assert!(matches!(good.record().value(), catchwater_sdk::value::Decoded::Value(_)));
}

// === files ===

#[tokio::test]
async fn a_snapshot_is_what_the_log_says() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&timed(0, 0, &[(NOON, b"1"), (NOON - DAY, b"2"), (i64::MIN, b"3")])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 3)]).await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    let files = snapshot.files().iter().map(|file| (file.date.map(|date| date.to_string()), file.rows()));
    let dates = [Some("2026-11-21"), Some("2026-11-22"), None].map(|date| date.map(str::to_owned));
    assert_eq!(files.collect::<Vec<_>>(), dates.map(|date| (date, Some(1))));
    assert!(snapshot.schema().field_with_name("_payload").is_ok());
    let position = &snapshot.positions()[0];
    assert_eq!((position.capture.as_str(), &position.partition, position.position), ("archive", &*partition(0), 3));
    let stats = snapshot.files()[0].stats().expect("statistics");
    assert_eq!(stats.column(&["_position"]).min, Some(&value!(1)));
    let footer = snapshot.open(&snapshot.files()[0]).await.unwrap().footer().expect("a footer");
    assert_eq!((footer.files, footer.positions[0].to), (3, 3));
}

#[tokio::test]
async fn rows_that_another_tool_rewrote_count_once() {
    let lake = three().await;
    let old = lake.files().await.remove(0);
    std::fs::copy(lake.folder().join(&old), lake.folder().join("part 1%.parquet")).expect("a copy");
    let size = std::fs::metadata(lake.folder().join(&old)).expect("a file").len();
    let add = |path: &str| value!({"add": {"path": path, "partitionValues": {"date": "2026-11-22"}, "size": size, "modificationTime": 1, "dataChange": false}});
    let remove = |path: &str| value!({"remove": {"path": path, "dataChange": false, "deletionTimestamp": 1}});
    add_entry(&lake, &[add("part%201%25.parquet"), remove(&old)]);
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(places(&snapshot).await, "0:0 0:1 0:2");
    assert_eq!((snapshot.files()[0].path.as_str(), snapshot.files()[0].rows()), ("part 1%.parquet", None));
    // The next version of a file under its old path, the removal behind it.
    add_entry(&lake, &[add("part%201%25.parquet"), remove("part%201%25.parquet")]);
    assert_eq!(places(&lake.snapshot().await.unwrap()).await, "0:0 0:1 0:2");
    add_entry(&lake, &[remove("part%201%25.parquet")]);
    assert_eq!(places(&lake.snapshot().await.unwrap()).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_stands_for_the_entries_before_it() {
    let lake = three().await;
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&timed(0, 3, &[(i64::MIN, b"4")])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 4)]).await.unwrap();
    let before = lake.snapshot().await.unwrap();
    deltalake::checkpoints::create_checkpoint(&lake.table().await.expect("a table"), None).await.expect("a checkpoint");
    let described = |snapshot: &Snapshot| format!("{:?} {:?}", snapshot.files(), snapshot.positions());
    for version in 0..=before.version() {
        let entry = lake.folder().join(format!("_delta_log/{version:020}.json"));
        std::fs::rename(&entry, entry.with_extension("away")).expect("moved");
    }
    let after = lake.snapshot().await.unwrap();
    assert_eq!(described(&after), described(&before));
    assert_eq!(after.files().iter().map(|file| file.stats().is_some()).collect::<Vec<_>>(), [true, true]);
    // A damaged one is passed over while the entries are there.
    let checkpoint = lake.folder().join(format!("_delta_log/{:020}.checkpoint.parquet", before.version()));
    std::fs::write(&checkpoint, b"PAR1 no more").expect("written");
    check_refused(&lake, "there is no checkpoint that can be read").await;
    for version in 0..=before.version() {
        let entry = lake.folder().join(format!("_delta_log/{version:020}.json"));
        std::fs::rename(entry.with_extension("away"), &entry).expect("moved");
    }
    assert_eq!(described(&lake.snapshot().await.unwrap()), described(&before));
}

// === what is no lake, and damage ===

async fn check_no_collection(lake: &crate::read::Lake, name: &str, expected: &str) {
    let error = lake.collection(name).await.expect_err("there is none");
    assert!(error.to_string().contains(expected), "{error}\nlacks {expected}");
}

#[tokio::test]
async fn says_what_is_there_instead() {
    let lake = three().await;
    assert_eq!(lake.reader().collections().await.unwrap(), ["orders"]);
    check_no_collection(&lake.reader(), "ordres", "there is no collection `ordres`; did you mean `orders`?").await;
    check_no_collection(&lake.reader(), "payments", "there is no collection `payments`; it has `orders`").await;
    check_no_collection(&lake.reader(), "../orders", "there is no collection").await;
    let open = |path: &Path| crate::read::Lake::open(&path.display().to_string(), json_format()).expect("a path");
    check_no_collection(&open(&lake.folder()), "x", "this is a collection itself").await;
    check_no_collection(&open(&lake.root().join("away")), "x", "there is no such folder; name the lake with --lake")
        .await;
    let empty = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(empty.path().join("photos")).expect("a folder");
    assert_eq!(open(empty.path()).collections().await.unwrap(), Vec::<String>::new());
    check_no_collection(&open(empty.path()), "photos", "it has no collection `photos`, nor any other yet").await;
}

#[tokio::test]
async fn a_half_written_last_entry_is_named() {
    let lake = three().await;
    std::fs::write(lake.folder().join("_delta_log/00000000000000000001.json"), "{\"commitInfo\":{\"cat")
        .expect("written");
    check_refused(&lake, "00000000000000000001.json: line 1 cannot be read").await;
    std::fs::write(lake.folder().join("_delta_log/00000000000000000001.json"), "").expect("written");
    check_refused(&lake, "00000000000000000001.json: it is empty; put the file back from a copy of the lake").await;
}

#[tokio::test]
async fn a_log_without_entries_is_named() {
    let lake = three().await;
    std::fs::remove_file(lake.folder().join("_delta_log/00000000000000000000.json")).expect("removed");
    check_refused(&lake, "its log is empty; put it back from a copy of the lake").await;
}

#[tokio::test]
async fn a_table_of_a_newer_kind_is_refused_in_words() {
    let newer = value!({"protocol": {"minReaderVersion": 4, "minWriterVersion": 9}});
    let feature = value!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["typeWidening"], "writerFeatures": ["typeWidening"]}});
    for (protocol, expected) in [(newer, "it asks for reader version 4"), (feature, "it uses the feature typeWidening")]
    {
        let lake = three().await;
        add_entry(&lake, &[protocol]);
        check_refused(&lake, expected).await;
        check_refused(&lake, "read it with a newer Catchwater").await;
    }
}

#[tokio::test]
async fn rows_deleted_by_a_vector_are_never_shown() {
    let lake = three().await;
    let path = lake.files().await.remove(0);
    let vector = value!({"storageType": "u", "pathOrInlineDv": "x", "sizeInBytes": 1, "cardinality": 1});
    add_entry(
        &lake,
        &[
            value!({"remove": {"path": path, "dataChange": true}}),
            value!({"add": {"path": path, "partitionValues": {"date": "2026-11-22"}, "size": 1, "modificationTime": 1,
            "dataChange": true, "deletionVector": vector}}),
        ],
    );
    check_refused(&lake, "were deleted by a deletion vector").await;
}

#[tokio::test]
async fn a_data_file_that_is_gone_or_damaged_is_named() {
    let lake = three().await;
    let name = lake.files().await.remove(0);
    let path = lake.folder().join(&name);
    let whole = std::fs::read(&path).expect("a file");
    let mut rotten = whole.clone();
    // Past the magic number at its start: the first pages, which are compressed.
    rotten[4..whole.len() / 2].fill(0xa5);
    for damaged in [&whole[..whole.len() / 2], b"", &rotten] {
        std::fs::write(&path, damaged).expect("written");
        check_refused(&lake, &format!("{name}: the file is damaged; put it back")).await;
    }
    std::fs::remove_file(&path).expect("removed");
    check_refused(&lake, &format!("{name}: the table's log lists the file, and it is not there")).await;
}
