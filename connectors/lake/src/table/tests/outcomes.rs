//! Writes whose answer is lost, or wrong.

use super::flaky::{Fate, Fates, flaky};
use super::*;

/// A table with `a` at 10, and a writer whose store fails.
async fn place() -> (Place, Table, Fates) {
    let place = Place::new();
    check(&mut place.table().await, first("a", 10), "version 0").await;
    let (store, fates) = flaky(&place.store);
    let table = Table::open(store, Arc::new(SystemClock)).await.expect("a table");
    (place, table, fates)
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_recognised() {
    let (place, mut table, fates) = place().await;
    fates.lock().expect("no panic").extend([Fate::AnswerIsLost]);
    check(&mut table, step("a", Some(10), 20), "version 1").await;
    check(&mut table, step("a", Some(20), 30), "version 2").await;
    assert!(place.added().values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_failed_write_is_repeated_as_the_same_version() {
    let (place, mut table, fates) = place().await;
    fates.lock().expect("no panic").extend([Fate::Fails, Fate::Fails, Fate::AnswerIsLost, Fate::Fails]);
    check(&mut table, step("a", Some(10), 20), "version 1").await;
    assert_eq!(place.table().await.state.version, Some(1));
}

#[tokio::test]
async fn a_failed_write_gives_way_to_who_came_meanwhile() {
    let (place, mut table, fates) = place().await;
    let mut other = place.table().await;
    fates.lock().expect("no panic").extend([Fate::Fails; 3]);
    let (outcome, ()) = tokio::join!(
        try_commit(&mut table, step("a", Some(10), 20)),
        check(&mut other, step("b", None, 1), "version 1")
    );
    assert_eq!(outcome, "version 2");
    assert!(place.added().values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_lost_answer_is_told_from_being_fenced() {
    let (place, mut table, fates) = place().await;
    // The commit is there, unknown to its writer, and another goes on from it before the writer asks again.
    fates.lock().expect("no panic").extend([Fate::AnswerIsLost, Fate::Fails, Fate::Fails]);
    let next = async {
        loop {
            let mut other = place.table().await;
            if other.position("a") == Some(20) {
                break check(&mut other, step("a", Some(20), 30), "version 2").await;
            }
            tokio::task::yield_now().await;
        }
    };
    let (outcome, ()) = tokio::join!(try_commit(&mut table, step("a", Some(10), 20)), next);
    assert_eq!(outcome, "version 1");
    check(&mut table, step("a", Some(20), 25), "fenced a").await;
}

#[tokio::test]
async fn what_is_refused_at_once_is_an_error() {
    let place = Place::new();
    let mut table = place.table().await;
    std::fs::write(place.folder.path().join("orders"), "a file where the folder should be").expect("written");
    check(&mut table, first("a", 1), "write file:").await;
}
