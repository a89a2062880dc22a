//! Long logs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::table::checkpoint::{Actions, Checkpoints, INTERVAL};
use crate::table::log::Log;
use crate::table::replay::replay;

/// A clock that stands, in microseconds.
#[derive(Debug)]
struct Frozen(i64);

impl Clock for Frozen {
    fn now_micros(&self) -> i64 {
        self.0
    }
}

/// A table whose log just got a checkpoint, with `a` moved once per version.
async fn place() -> Place {
    let place = Place::new();
    let mut table = place.table().await;
    let mut commit = Commit { schema: Some(schema(&[("n", DataType::Int64)])), ..step("a", None, 0) };
    commit.moves.extend((0..1000).map(|number| Move { app_id: format!("p{number}"), from: None, to: number }));
    check(&mut table, commit, "version 0").await;
    for at in 0..INTERVAL {
        check(&mut table, step("a", Some(at), at + 1), "version").await;
    }
    wait_for(&place, "_delta_log/_last_checkpoint").await;
    check(&mut table, step("a", Some(INTERVAL), INTERVAL + 1), "version").await;
    place
}

async fn wait_for(place: &Place, path: &str) {
    for _ in 0..600 {
        if place.path(path).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} is not there after 30 seconds");
}

fn checkpoint(place: &Place) -> std::path::PathBuf {
    place.path(&format!("_delta_log/{INTERVAL:020}.checkpoint.parquet"))
}

async fn check_complete(place: &Place) {
    let table = place.table().await;
    assert_eq!(table.state.version, Some(INTERVAL + 1));
    assert_eq!(table.position("a"), Some(INTERVAL + 1));
    assert!((0..1000).all(|number| table.position(&format!("p{number}")) == Some(number)));
    assert!(table.schema().expect("a schema").field_with_name("n").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_says_what_the_entries_before_it_said() {
    let place = place().await;
    check_complete(&place).await;
    (0..=INTERVAL).for_each(|version| std::fs::remove_file(place.entry(version)).expect("removed"));
    check_complete(&place).await;
    let mut table = place.table().await;
    let wider = Commit { schema: Some(schema(&[("n", DataType::Int64), ("m", DataType::Utf8)])), ..step("b", None, 1) };
    check(&mut table, wider, &format!("version {}", INTERVAL + 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_checkpoint_is_no_loss_while_the_entries_are_there() {
    let place = place().await;
    let whole = std::fs::read(checkpoint(&place)).expect("a checkpoint");
    for damaged in [&whole[..whole.len() / 2], b"", &[7; 5000]] {
        std::fs::write(checkpoint(&place), damaged).expect("written");
        check_complete(&place).await;
    }
    std::fs::remove_file(checkpoint(&place)).expect("removed");
    check_complete(&place).await;
    std::fs::write(place.path("_delta_log/_last_checkpoint"), "{").expect("written");
    check_complete(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_checkpoint_without_the_entries_is_refused() {
    let place = place().await;
    std::fs::write(checkpoint(&place), "x").expect("written");
    std::fs::remove_file(place.entry(0)).expect("removed");
    let error = place.open().await.expect_err("half of it is gone");
    assert!(error.chain().contains("no checkpoint that can be read"), "{}", error.chain());
}

/// The rows of the checkpoint that would be made now, but for what is null in them.
async fn rows(place: &Place, now_millis: i64) -> Vec<serde_json::Value> {
    let (actions, _) = replay::<Actions>(&Log::new(place.store.clone())).await.expect("a log");
    let rows = actions.rows(now_millis).expect("a table").map(|row| serde_json::to_value(row).expect("json"));
    let mut rows: Vec<_> = rows.map(without_nulls).collect();
    rows.sort_by_key(ToString::to_string);
    rows
}

/// A partition's value is kept: null is one.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| name == DATE || !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        other => other,
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn what_other_tools_said_of_files_is_repeated_word_for_word() {
    let place = Place::new();
    let mut table = place.table().await;
    check(&mut table, first("a", 0), "version 0").await;
    let add = |path: &str| {
        let values = r#""partitionValues":{"date":null},"size":7,"modificationTime":5,"dataChange":false"#;
        format!(r#"{{"add":{{"path":"{path}",{values},"stats":"{{}}","tags":{{"Z":"1"}}}}}}"#)
    };
    let remove = |path: &str, at: i64| {
        let size = r#""partitionValues":{"date":"2026-11-22"},"extendedFileMetadata":true,"size":7"#;
        format!(r#"{{"remove":{{"path":"{path}","deletionTimestamp":{at},"dataChange":false,{size}}}}}"#)
    };
    let lines = [add("a%20b.parquet"), add("gone"), remove("new", 10 * DAY_MS), remove("old", DAY_MS)];
    place.foreign(&lines.join("\n")).await;
    place.foreign(&remove("gone", 11 * DAY_MS)).await;
    let now_millis = 12 * DAY_MS;
    let before = rows(&place, now_millis).await;
    let said: Vec<_> = before.iter().map(ToString::to_string).filter(|row| row.contains(r#""date":null"#)).collect();
    assert_eq!(said, [serde_json::from_str::<serde_json::Value>(&lines[0]).expect("json").to_string()]);
    let removed: BTreeSet<_> = before.iter().filter_map(|row| row["remove"]["path"].as_str()).collect();
    assert_eq!(removed, BTreeSet::from(["gone", "new"]), "a removal of eleven days ago is forgotten");
    let checkpoints = Checkpoints::new(Log::new(place.store.clone()), None, Arc::new(Frozen(now_millis * 1000)));
    checkpoints.make(INTERVAL).await.expect("a checkpoint");
    (0..=2).for_each(|version| std::fs::remove_file(place.entry(version)).expect("removed"));
    assert_eq!(rows(&place, now_millis).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_delta_sees_the_same() {
    let place = place().await;
    let added = place.added();
    (0..INTERVAL).for_each(|version| std::fs::remove_file(place.entry(version)).expect("removed"));
    let url = url::Url::parse(&place.store.url()).expect("a URL");
    let builder = deltalake::DeltaTableBuilder::from_url(url.clone()).expect("a table");
    let table = builder.with_storage_backend(place.store.objects(), url).load().await.expect("loaded");
    assert_eq!(table.version(), Some(INTERVAL.unsigned_abs() + 1));
    let files = table.get_file_uris().expect("files").count();
    assert_eq!(files, added.len());
    let snapshot = table.snapshot().expect("a snapshot");
    let position = snapshot.transaction_version(table.log_store().as_ref(), "p7").await.expect("read");
    assert_eq!(position, Some(7));
}

#[test]
fn a_process_can_end_while_a_checkpoint_is_made() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut table = place.table().await;
        check(&mut table, first("a", 0), "version 0").await;
        for at in 0..INTERVAL {
            check(&mut table, step("a", Some(at), at + 1), "version").await;
        }
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    assert_eq!(runtime.block_on(place.table()).position("a"), Some(INTERVAL));
}
