//! Looking after tables: what `lake ls`, `info` and `verify` say of those that are whole, and of each kind of damage.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use catchwater_sdk::{Barrier, BarrierKind};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use super::support::*;
use crate::care::{Info, Level, Overview, Verification, files, overview, verify};

const MINUTE: i64 = 60_000_000;

/// A table with two partitions, several dates, a commit of positions alone, and a later schema.
async fn table() -> Lake {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    let days: Vec<(i64, &[u8])> = (0..12).map(|i| (NOON - i % 3 * DAY, &br#"{"a":1,"b":{"c":"x"}}"#[..])).collect();
    let _ = sink.write(&timed(0, 0, &days)).await.unwrap();
    let _ = sink.write(&batch(1, 5, &[r#"{"a":2}"#])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 12), (1, 6)]).await.unwrap();
    lake.set_clock(NOON + 2 * MINUTE);
    let _ = cut(&mut sink, 2, &[(0, 20), (1, 6)]).await.unwrap();
    let _ = sink.write(&batch(0, 20, &[r#"{"a":"text"}"#, "not json"])).await.unwrap();
    let _ = cut(&mut sink, 3, &[(0, 30), (1, 6)]).await.unwrap();
    lake
}

async fn verified(lake: &Lake) -> Verification {
    let collection = lake.reader().collection("orders").await.expect("a collection");
    verify(&collection, |_| {}).await.expect("it can be checked")
}

/// The damage that is found, each with a part of its text; nothing else.
async fn check(lake: &Lake, expected: &[&str]) {
    check_level(lake, Level::Damage, expected).await;
}

async fn check_level(lake: &Lake, level: Level, expected: &[&str]) {
    let verification = verified(lake).await;
    let found: Vec<String> = verification
        .findings
        .iter()
        .filter(|finding| finding.level == level)
        .map(|finding| format!("{}: {} ({})", finding.place, finding.what, finding.advice))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for part in expected {
        assert!(found.iter().any(|text| text.contains(part)), "{found:#?}\nlacks {part}");
    }
}

fn entry(lake: &Lake, version: usize) -> PathBuf {
    lake.folder().join(format!("_delta_log/{version:020}.json"))
}

/// Changes the text of an entry.
fn edit(lake: &Lake, version: usize, from: &str, to: &str) {
    let path = entry(lake, version);
    let text = std::fs::read_to_string(&path).expect("an entry");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).expect("written");
}

/// Files of the commit with that many rows.
async fn file_with_rows(lake: &Lake, rows: usize) -> String {
    let all = lake.rows().await;
    let files = lake.files().await;
    let has = |file: &&String| all.iter().filter(|row| row.file == **file).count() == rows;
    files.iter().find(has).expect("such a file").clone()
}

/// Puts other rows into a file, with its footer as it was, and tells the log its size.
async fn rewrite(lake: &Lake, file: &str, change: impl Fn(RecordBatch) -> RecordBatch) {
    let path = lake.folder().join(file);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).expect("a file")).expect("parquet");
    let pairs = builder.metadata().file_metadata().key_value_metadata().cloned();
    let pairs = pairs.map(|pairs| pairs.into_iter().filter(|pair| pair.key.starts_with("catchwater")).collect());
    let schema = Arc::clone(builder.schema());
    let batches: Vec<_> = builder.build().expect("a reader").collect::<Result<_, _>>().expect("rows");
    let rows = change(concat_batches(&schema, &batches).expect("one batch"));
    let properties = WriterProperties::builder().set_key_value_metadata(pairs).build();
    let before = std::fs::metadata(&path).expect("a file").len();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(&path).expect("a file"), schema, Some(properties))
        .expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("closed");
    let after = std::fs::metadata(&path).expect("a file").len();
    for version in 0..lake.commits() {
        let text = std::fs::read_to_string(entry(lake, version)).expect("an entry");
        let (size, new_size) = (format!("\"size\":{before}"), format!("\"size\":{after}"));
        let line = |line: &str| if line.contains(file) { line.replace(&size, &new_size) } else { line.to_owned() };
        std::fs::write(entry(lake, version), text.lines().map(|text| line(text) + "\n").collect::<String>())
            .expect("written");
    }
}

fn with_column(rows: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let at = rows.schema().index_of(name).expect("a column");
    let mut columns = rows.columns().to_vec();
    columns[at] = column;
    RecordBatch::try_new(rows.schema(), columns).expect("a batch")
}

// === what is whole ===

#[tokio::test]
async fn a_whole_table_is_clean_with_all_that_can_happen_to_it() {
    let lake = table().await;
    let verification = verified(&lake).await;
    assert_eq!(verification.findings, []);
    let counts = (verification.entries, verification.files, verification.rows, verification.version);
    assert_eq!(counts, (3, 4, 15, Some(2)));
}

/// Whatever it is a part of: most of a payload unpacks to something else without a word.
#[tokio::test]
async fn any_bit_of_the_rows_that_flips_is_found() {
    let lake = table().await;
    let path = lake.folder().join(file_with_rows(&lake, 4).await);
    let whole = std::fs::read(&path).expect("a file");
    let metadata = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).expect("a file"));
    let metadata = Arc::clone(metadata.expect("parquet").metadata());
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns()).map(|chunk| chunk.byte_range());
    let end = chunks.map(|(start, bytes)| start + bytes).max().expect("it has some") as usize;
    for at in (4..end).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).expect("written");
        check(&lake, &["their checksum is another"]).await;
    }
    std::fs::write(&path, whole).expect("written");
    check(&lake, &[]).await;
}

/// One that some tool wrote anew has other bytes, and may have taken the checksums along.
#[tokio::test]
async fn checksums_of_a_file_that_was_written_anew_are_none() {
    let lake = table().await;
    let file = file_with_rows(&lake, 4).await;
    rewrite(&lake, &file, |rows| rows).await;
    check(&lake, &[]).await;
}

#[tokio::test]
async fn two_captures_of_one_stream_are_no_damage() {
    let lake = table().await;
    let mut other = lake.other_capture("allow_other_captures: true").await;
    let _ = other.write(&batch(0, 0, &[r#"{"a":1}"#, r#"{"a":2}"#])).await.unwrap();
    let _ = cut(&mut other, 1, &[(0, 2)]).await.unwrap();
    check(&lake, &[]).await;
}

#[tokio::test]
async fn a_checkpoint_is_read_too() {
    let lake = table().await;
    let table = lake.table().await.expect("a table");
    deltalake::checkpoints::create_checkpoint(&table, None).await.expect("a checkpoint");
    assert_eq!(verified(&lake).await.checkpoints, 1);
    check(&lake, &[]).await;
    std::fs::write(lake.folder().join("_delta_log/00000000000000000002.checkpoint.parquet"), b"PAR1 no")
        .expect("written");
    check(&lake, &["checkpoint 2"]).await;
}

// === files ===

#[tokio::test]
async fn a_missing_file_is_named_with_the_positions_that_went_with_it() {
    let lake = table().await;
    let last = file_with_rows(&lake, 2).await;
    std::fs::remove_file(lake.folder().join(&last)).expect("removed");
    check(&lake, &[&last, "positions 20 up to 30 are in no file"]).await;
}

#[tokio::test]
async fn a_missing_file_of_several_leaves_no_hole_in_the_ranges() {
    let lake = table().await;
    let one = file_with_rows(&lake, 5).await;
    std::fs::remove_file(lake.folder().join(&one)).expect("removed");
    check(&lake, &["it is not there"]).await;
}

#[tokio::test]
async fn a_file_that_was_cut_or_overwritten_is_named() {
    for damage in
        [|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 100), |bytes: &mut Vec<u8>| bytes[8..200].fill(0xa5)]
    {
        let lake = table().await;
        let one = file_with_rows(&lake, 5).await;
        let mut bytes = std::fs::read(lake.folder().join(&one)).expect("a file");
        damage(&mut bytes);
        std::fs::write(lake.folder().join(&one), bytes).expect("written");
        check(&lake, &[&one]).await;
    }
}

#[tokio::test]
async fn what_the_log_says_of_a_file_has_to_hold() {
    let lake = table().await;
    edit(&lake, 0, r#"\"numRecords\":5"#, r#"\"numRecords\":6"#);
    check(&lake, &["it has 5 rows, the log says 6"]).await;
    let lake = table().await;
    edit(&lake, 0, r#"\"_position\":9"#, r#"\"_position\":8"#);
    check(&lake, &["_position has 9, the log says 8 is the greatest"]).await;
    let lake = table().await;
    edit(&lake, 0, r#"\"_key\":4"#, r#"\"_key\":3"#);
    check(&lake, &["_key has 4 nulls, the log says 3"]).await;
    let lake = table().await;
    edit(&lake, 0, "\"date\":\"2026-11-20\"", "\"date\":\"2026-11-19\"");
    check(&lake, &["events of other days than 2026-11-19"]).await;
}

#[tokio::test]
async fn rows_out_of_order_are_named() {
    let lake = table().await;
    let one = file_with_rows(&lake, 5).await;
    let reversed = |rows: RecordBatch| {
        let order = UInt32Array::from_iter_values((0..rows.num_rows() as u32).rev());
        take_record_batch(&rows, &order).expect("rows")
    };
    rewrite(&lake, &one, reversed).await;
    check(&lake, &["row 1 is not behind the row before it"]).await;
}

#[tokio::test]
async fn an_identity_that_the_columns_contradict_is_named() {
    let lake = table().await;
    let one = file_with_rows(&lake, 2).await;
    let moved = |rows: RecordBatch| with_column(&rows, "_position", Arc::new(Int64Array::from(vec![20, 22])));
    rewrite(&lake, &one, moved).await;
    check(&lake, &["1 rows have an `_id`", "_position has 22, the log says 21"]).await;
}

#[tokio::test]
async fn a_row_outside_of_what_its_commit_covers_is_named() {
    let lake = table().await;
    let one = file_with_rows(&lake, 2).await;
    let moved = |rows: RecordBatch| {
        let rows = with_column(&rows, "_position", Arc::new(Int64Array::from(vec![20, 30])));
        let ids = ["kraft/1/orders/0/20", "kraft/1/orders/0/30"];
        with_column(&rows, "_id", Arc::new(arrow::array::StringArray::from_iter_values(ids)))
    };
    rewrite(&lake, &one, moved).await;
    check(&lake, &["rows of orders[0] from 20 to 30 are outside", "_position has 30"]).await;
}

#[tokio::test]
async fn a_row_that_is_there_twice_is_named() {
    let lake = table().await;
    // The four rows at 1, 4, 7 and 10 become 2, 5, 8 and 11, which stand in the file of another day.
    let one = lake.files().await.into_iter().find(|file| file.contains("2026-11-21")).expect("a file");
    let doubled = |rows: RecordBatch| {
        let at = rows.column_by_name("_position").expect("positions").len();
        assert_eq!(at, 4);
        let rows = with_column(&rows, "_position", Arc::new(Int64Array::from(vec![2, 5, 8, 11])));
        let ids = [2, 5, 8, 11].map(|position| format!("kraft/1/orders/0/{position}"));
        with_column(&rows, "_id", Arc::new(arrow::array::StringArray::from_iter_values(ids)))
    };
    rewrite(&lake, &one, doubled).await;
    check(&lake, &["4 rows are there twice, the first at position 2;", "_position has"]).await;
}

#[tokio::test]
async fn files_that_nobody_counts_are_noted_and_left() {
    let lake = table().await;
    let stray = lake.folder().join("date=2026-11-22/stray.parquet");
    std::fs::write(&stray, b"whatever").expect("written");
    check(&lake, &[]).await;
    check_level(&lake, Level::Note, &["date=2026-11-22/stray.parquet: it is no file of the table (8 bytes)"]).await;
    assert!(stray.exists() && verified(&lake).await.is_clean());
}

#[tokio::test]
async fn what_another_tool_removed_is_noted() {
    let lake = table().await;
    let last = file_with_rows(&lake, 2).await;
    let remove = format!("{{\"remove\":{{\"path\":\"{last}\",\"deletionTimestamp\":1,\"dataChange\":true}}}}\n");
    std::fs::write(entry(&lake, 3), remove).expect("written");
    check(&lake, &[]).await;
    check_level(
        &lake,
        Level::Note,
        &["positions 20 up to 30 were removed from the table", "1 files that were removed"],
    )
    .await;
}

// === positions and the log ===

#[tokio::test]
async fn a_hole_in_the_positions_is_named_from_and_to() {
    let lake = table().await;
    // As if the commit of positions alone had never said so.
    edit(&lake, 1, "\"version\":20", "\"version\":19");
    check(&lake, &["orders[0] of kraft as archive read it: positions 19 up to 20 are in no file"]).await;
    let lake = table().await;
    edit(&lake, 2, "\"version\":30", "\"version\":40");
    check(&lake, &["positions 30 up to 40 are in no file"]).await;
    let lake = table().await;
    edit(&lake, 2, "\"version\":30", "\"version\":25");
    check(&lake, &["the table is at position 25, its files go up to 30"]).await;
}

#[tokio::test]
async fn a_damaged_log_is_named_by_its_entries() {
    let lake = table().await;
    std::fs::write(entry(&lake, 1), "{\"half").expect("written");
    check(&lake, &["the table: ", "00000000000000000001.json: "]).await;
    let lake = table().await;
    std::fs::remove_file(entry(&lake, 1)).expect("removed");
    check(&lake, &["the table: ", "00000000000000000001.json: it is missing"]).await;
}

#[tokio::test]
async fn a_table_of_a_newer_program_is_refused_in_words() {
    let lake = table().await;
    let protocol = r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors","x"],"writerFeatures":["x"]}}"#;
    std::fs::write(entry(&lake, 3), protocol).expect("written");
    let verification = verified(&lake).await;
    assert!(
        !verification.is_clean() && verification.findings[0].what.contains("the feature"),
        "{:?}",
        verification.findings
    );
}

// === ls and info ===

async fn all(lake: &Lake) -> Vec<Overview> {
    let mut collections = Vec::new();
    for name in lake.reader().collections().await.expect("names") {
        collections.push(lake.reader().collection(&name).await.expect("a collection"));
    }
    overview(&collections).await.expect("an overview")
}

#[tokio::test]
async fn the_overview_has_the_numbers_and_survives_damage() {
    let lake = table().await;
    let all = all(&lake).await;
    let one = &all[0];
    assert_eq!((one.collection.as_str(), one.rows, one.files, one.version), ("orders", Some(15), 4, Some(2)));
    assert_eq!(one.first_event.as_deref(), Some("2026-11-20T12:00:00.000000Z"));
    let paths = files(&lake.snapshot().await.expect("a snapshot"));
    assert!(paths.len() == 4 && paths.iter().all(|path| std::path::Path::new(path).is_file()), "{paths:?}");
    assert_eq!(one.last_event.as_deref(), Some("2026-11-22T12:00:00.000000Z"));
    std::fs::create_dir_all(lake.root().join("broken/_delta_log")).expect("a folder");
    std::fs::write(lake.root().join("broken/_delta_log/00000000000000000000.json"), "{").expect("written");
    let all = self::all(&lake).await;
    assert!(all[0].error.as_ref().is_some_and(|error| error.contains("broken/")), "{:?}", all[0]);
    assert_eq!(all[1], *one);
}

#[tokio::test]
async fn info_tells_schema_positions_dates_and_history() {
    let lake = table().await;
    let collection = lake.reader().collection("orders").await.expect("a collection");
    let info = Info::read(&collection).await.expect("info");
    let columns: Vec<_> = info.columns.iter().map(|column| format!("{}: {}", column.name, column.kind)).collect();
    assert_eq!(columns, ["a: long", "b: struct<c: string>", "a__string: string"]);
    assert_eq!(info.columns[2].beside.as_deref(), Some("a"));
    let positions: Vec<_> = info.positions.iter().map(|position| (position.partition, position.position)).collect();
    assert_eq!(positions, [(0, 30), (1, 6)]);
    assert_eq!(info.captures.iter().collect::<Vec<_>>(), ["archive"]);
    let days: Vec<_> = info.dates.iter().map(|day| (day.date.as_deref(), day.files, day.rows)).collect();
    let (a, b, c) = (Some("2026-11-20"), Some("2026-11-21"), Some("2026-11-22"));
    assert_eq!(days, [(a, 1, 4), (b, 1, 4), (c, 2, 7)]);
    assert_eq!(info.small_files, 4);
    let changes: Vec<_> = info.schema_history.iter().map(|change| change.version).collect();
    assert_eq!(changes, [0, 2]);
}

#[tokio::test]
async fn the_last_barrier_commits_positions_alone_and_they_count() {
    let lake = table().await;
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let at = Arc::new(positions(&[(0, 50)]));
    let _ = sink.barrier(&Barrier { number: 1, kind: BarrierKind::Cut, positions: at, last: true }).await.unwrap();
    check(&lake, &[]).await;
}
