//! What a replay need not read: files by the log, row groups by their footers, rows by the columns of the query; and nothing
//! that is asked for is lost by it.

use std::sync::atomic::Ordering::Relaxed;

use catchwater_sdk::Positions;

use super::replay::{Play, build};
use super::support::*;
use crate::replay::Board;

/// Two commits, of 10,000 events and of 100, in two partitions; a row group has 2048 rows, or fewer where a file ends.
async fn numbered() -> Lake {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    for (barrier, numbers) in [(1, 0..10_000), (2, 10_000..10_100)] {
        for parity in [0, 1] {
            let text = |number: i64| format!("{{\"n\":{number},\"kind\":\"k{}\"}}", number % 100);
            let texts: Vec<_> = numbers.clone().filter(|number| number % 2 == parity).map(text).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let _ = sink.write(&batch(parity as i32, numbers.start / 2, &texts)).await.expect("taken");
        }
        let _ = cut(&mut sink, barrier, &[(0, numbers.end / 2), (1, numbers.end / 2)]).await.expect("stored");
    }
    lake
}

/// The numbers that are sent, and how many files, row groups and rows were ruled out.
async fn sent(lake: &Lake, options: &str) -> (Vec<i64>, [u64; 3]) {
    let board = Board::default();
    let mut play = Play::with(build(lake, &lake.path(), options, &board).expect("a replay"), &Positions::new());
    play.source.open().await.expect("opens");
    assert!(play.read(usize::MAX, 1000).await.expect("reads"));
    let number = |payload: Option<Vec<u8>>| -> i64 {
        let event: serde_json::Value = serde_json::from_slice(&payload.expect("a payload")).expect("JSON");
        event["n"].as_i64().expect("a number")
    };
    let mut numbers: Vec<_> = play.payloads().into_iter().map(number).collect();
    let partition = |parity| numbers.iter().copied().filter(|n| n % 2 == parity).collect::<Vec<_>>();
    assert!(partition(0).is_sorted() && partition(1).is_sorted(), "each partition has its order");
    numbers.sort_unstable();
    play.source.close(true).await.expect("closes");
    let tally = board.tally("again");
    (numbers, [&tally.files_ruled_out, &tally.groups_ruled_out, &tally.rows_ruled_out].map(|count| count.load(Relaxed)))
}

async fn check(lake: &Lake, query: &str, matches: fn(i64) -> bool, ruled_out: [u64; 3]) {
    let expected: Vec<i64> = (0..10_100).filter(|number| matches(*number)).collect();
    assert_eq!(sent(lake, &format!("query: '{query}'")).await, (expected, ruled_out), "{query}");
}

#[tokio::test]
async fn files_row_groups_and_rows_that_cannot_match_are_not_read() {
    let lake = numbered().await;
    check(&lake, "n:>=10000", |n| n >= 10_000, [1, 0, 0]).await;
    // Of five row groups the first two hold even numbers, the third both, the last two odd ones.
    check(&lake, "n:<1000", |n| n < 1000, [1, 3, 10_000 - 1000]).await;
    check(&lake, "kind:k7", |n| n % 100 == 7, [0, 2, 10_100 - 101]).await;
    check(&lake, "kind:k7 OR n:0", |n| n % 100 == 7 || n == 0, [0, 1, 10_100 - 102]).await;
    check(&lake, "kind:nosuch", |_| false, [2, 0, 0]).await;
    check(&lake, "_position:[5 TO 7]", |n| (5..=7).contains(&(n / 2)), [1, 3, 10_000 - 6]).await;
}

#[tokio::test]
async fn what_only_payloads_tell_is_read() {
    let lake = numbered().await;
    check(&lake, "k7", |n| n % 100 == 7, [0, 0, 0]).await;
    check(&lake, "kind:k7 k7", |n| n % 100 == 7, [0, 2, 10_100 - 101]).await;
    check(&lake, "*", |_| true, [0, 0, 0]).await;
}

#[tokio::test]
async fn a_part_of_a_part_is_found_where_it_was_left() {
    let lake = numbered().await;
    let options = "query: 'kind:k7 OR kind:k8'";
    let (all, _) = sent(&lake, options).await;
    let mut first = Play::of(&lake, options);
    first.source.open().await.expect("opens");
    first.read(50, 20).await.expect("reads");
    let mut second = Play::from(&lake, options, &first.positions);
    second.source.open().await.expect("opens");
    second.read(usize::MAX, 20).await.expect("reads");
    assert_eq!(first.places.len() + second.places.len(), all.len());
}
