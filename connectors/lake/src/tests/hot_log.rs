//! Records of a source that cannot be read again: safe at a `Mark`, and in the table once, whatever happens between.

use catchwater_sdk::sink::{BoxSink, Room};
use catchwater_sdk::{Barrier, BarrierKind, Result};

use super::support::*;

/// Sends a `Mark` that covers these positions.
async fn mark(sink: &mut BoxSink, number: u64, at: &[(i32, i64)]) -> Result<Option<u64>> {
    let barrier = Barrier { number, kind: BarrierKind::Mark, positions: positions(at).into(), last: false };
    sink.barrier(&barrier).await.map(|durable| durable.through)
}

#[tokio::test]
async fn a_mark_makes_records_safe_that_are_in_no_table_yet() {
    let lake = Lake::new();
    let mut sink = lake.hot_sink("").await;
    assert_eq!(assign(&mut sink, &[0]).await, [None]);
    let _ = sink.write(&batch(0, 0, &["{\"id\":1}", "{\"id\":2}"])).await.unwrap();
    assert_eq!(mark(&mut sink, 1, &[(0, 2)]).await.unwrap(), Some(1));
    assert_eq!(lake.commits(), 0);
    drop(sink);
    // A crash: the next start brings it in, and gives no number out again.
    let mut sink = lake.hot_sink("").await;
    assert_eq!(assign(&mut sink, &[0]).await, [Some(2)]);
    assert_eq!(lake.places().await, "0:0 0:1");
    let id = |row: &Row| row.columns.get("id").cloned();
    assert_eq!(lake.rows().await.iter().filter_map(id).collect::<Vec<_>>(), ["1", "2"], "payloads are understood");
}

#[tokio::test]
async fn what_a_cut_stored_is_not_brought_in_again() {
    let lake = Lake::new();
    for life in 0..4 {
        let mut sink = lake.hot_sink("").await;
        assert_eq!(assign(&mut sink, &[0]).await, [(life > 0).then_some(life * 3)]);
        let _ = sink.write(&batch(0, life * 3, &["1", "2"])).await.unwrap();
        assert_eq!(cut(&mut sink, 1, &[(0, life * 3 + 2)]).await.unwrap().through, Some(1));
        let _ = sink.write(&batch(0, life * 3 + 2, &["3"])).await.unwrap();
        assert_eq!(mark(&mut sink, 2, &[(0, life * 3 + 3)]).await.unwrap(), Some(2));
    }
    let _last = lake.hot_sink("").await;
    let expected: Vec<_> = (0..12).map(|position| format!("0:{position}")).collect();
    assert_eq!(lake.places().await, expected.join(" "));
}

/// A source that lost its numbers and begins anew at 0 loses no record by that: the log's own numbers decide.
#[tokio::test]
async fn numbers_that_a_source_gave_out_twice_lose_nothing() {
    let lake = Lake::new();
    let mut first = lake.hot_sink("").await;
    assign(&mut first, &[0]).await;
    let mut second = lake.hot_sink("").await;
    assign(&mut second, &[0]).await;
    for sink in [&mut first, &mut second] {
        let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
        assert_eq!(mark(sink, 1, &[(0, 1)]).await.unwrap(), Some(1));
    }
    drop((first, second));
    let _next = lake.hot_sink("").await;
    assert_eq!(lake.places().await, "0:0 0:0");
}

/// A sink said that a record is safe, and is gone before that is in the table.
async fn leave_one(lake: &Lake) {
    let mut sink = lake.hot_sink("").await;
    assert!(sink.traits().hot_log);
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
    assert_eq!(mark(&mut sink, 1, &[(0, 1)]).await.unwrap(), Some(1));
}

#[tokio::test]
async fn what_is_left_goes_where_it_was_meant_to_go() {
    let lake = Lake::new();
    leave_one(&lake).await;
    drop(lake.hot_sink("collection: elsewhere").await);
    assert_eq!(lake.places().await, "0:0");
}

#[tokio::test]
async fn without_a_hot_log_a_mark_waits_for_the_table_and_what_is_left_comes_in_all_the_same() {
    let lake = Lake::new();
    leave_one(&lake).await;
    let mut sink = lake.hot_sink("hot_log: false").await;
    assert!(!sink.traits().hot_log);
    assert_eq!(lake.places().await, "0:0");
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&batch(0, 1, &["2"])).await.unwrap();
    assert_eq!(mark(&mut sink, 1, &[(0, 2)]).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_left_comes_in_also_where_the_source_is_now_one_that_can_be_read_again() {
    let lake = Lake::new();
    leave_one(&lake).await;
    drop(lake.sink("").await);
    assert_eq!(lake.places().await, "0:0");
    drop(lake.hot_sink("").await);
    assert_eq!(lake.places().await, "0:0", "once");
}

#[tokio::test]
async fn a_source_that_can_be_read_again_has_no_hot_log() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
    assert_eq!(mark(&mut sink, 1, &[(0, 1)]).await.unwrap(), None);
    assert!(!lake.root().join("data").exists());
}

#[tokio::test]
async fn a_full_log_asks_for_a_cut_and_has_room_after_it() {
    let lake = Lake::new();
    let mut sink = lake.hot_sink("hot_log_max: 16MiB\nbuffer: 512MiB").await;
    assign(&mut sink, &[0]).await;
    let large = format!("\"{}\"", "x".repeat(3 << 20));
    assert_eq!(sink.write(&batch(0, 0, &[&large])).await.unwrap(), Room::Left);
    for position in 1..3 {
        let _ = sink.write(&batch(0, position, &[&large])).await.unwrap();
        mark(&mut sink, position as u64 + 1, &[(0, position + 1)]).await.unwrap();
    }
    assert_eq!(sink.write(&batch(0, 3, &["1"])).await.unwrap(), Room::Full);
    let _ = cut(&mut sink, 9, &[(0, 4)]).await.unwrap();
    for attempt in 0.. {
        match sink.write(&batch(0, 4 + attempt, &["1"])).await.unwrap() {
            Room::Left => break,
            Room::Full => assert!(attempt < 1000, "the segments never went"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
