//! Long logs.

use std::time::Duration;

use super::*;
use crate::table::checkpoint::INTERVAL;

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

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_delta_sees_the_same() {
    let place = place().await;
    let url = url::Url::parse(&place.store.url()).expect("a URL");
    let builder = deltalake::DeltaTableBuilder::from_url(url.clone()).expect("a table");
    let table = builder.with_storage_backend(place.store.objects(), url).load().await.expect("loaded");
    assert_eq!(table.version(), Some(INTERVAL.unsigned_abs() + 1));
    let files = table.get_file_uris().expect("files").count();
    assert_eq!(files, place.added().len());
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
