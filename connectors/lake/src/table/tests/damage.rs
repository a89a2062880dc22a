//! Logs that are damaged, or not for us.

use super::*;
use catchwater_sdk::ErrorKind;

/// A table of four versions, the last of which moved `a` to 40.
async fn place() -> Place {
    let place = Place::new();
    let mut table = place.table().await;
    check(&mut table, first("a", 10), "version 0").await;
    for at in [10, 20, 30] {
        check(&mut table, step("a", Some(at), at + 10), "version").await;
    }
    place
}

async fn check_refused(place: &Place, expected: &str) {
    let error = place.open().await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.chain().contains(expected), "{}", error.chain());
}

#[tokio::test]
async fn a_torn_last_entry_is_refused_wherever_it_was_cut() {
    let place = place().await;
    let whole = std::fs::read(place.entry(3)).expect("an entry");
    let line_ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    for length in [0].into_iter().chain(line_ends.take(2)).chain([whole.len() / 2]) {
        std::fs::write(place.entry(3), &whole[..length]).expect("written");
        check_refused(&place, "put the file back from a copy").await;
    }
    std::fs::remove_file(place.entry(3)).expect("removed");
    assert_eq!(place.table().await.position("a"), Some(30));
}

#[tokio::test]
async fn a_missing_entry_is_refused() {
    let place = place().await;
    std::fs::remove_file(place.entry(2)).expect("removed");
    check_refused(&place, "00000000000000000002.json is missing").await;
    std::fs::remove_file(place.entry(0)).expect("removed");
    check_refused(&place, "are not all there").await;
}

#[tokio::test]
async fn a_protocol_that_we_do_not_know_is_refused_and_nothing_is_written() {
    let place = place().await;
    let mut table = place.table().await;
    let protocol = r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}"#;
    place.foreign(protocol).await;
    for _ in 0..2 {
        check(&mut table, step("a", Some(40), 50), "the feature deletionVectors").await;
    }
    assert!(table.refresh().await.is_err());
    assert!(!place.entry(5).exists());
    check_refused(&place, "the feature deletionVectors").await;
}

#[tokio::test]
async fn a_table_of_another_tool_is_refused() {
    let place = place().await;
    let entry = std::fs::read_to_string(place.entry(0)).expect("an entry");
    std::fs::write(place.entry(0), entry.replace(r#""partitionColumns":["date"]"#, r#""partitionColumns":["day"]"#))
        .expect("written");
    check_refused(&place, "partitioned by [day]").await;
}

#[tokio::test]
async fn leftovers_of_a_killed_writer_do_no_harm() {
    let place = place().await;
    std::fs::write(place.path("_delta_log/00000000000000000004.json#12"), "{\"half").expect("written");
    check(&mut place.table().await, step("a", Some(40), 50), "version 4").await;
}
