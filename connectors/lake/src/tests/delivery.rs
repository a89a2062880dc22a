//! Exactly once: what a crash, a zombie, a slow disk and a neighbour may do.

use std::fs;
use std::time::Duration;

use catchwater_sdk::sink::Room;
use catchwater_sdk::{Barrier, BarrierKind, ErrorKind};
use tokio::time::timeout;

use super::support::*;

#[tokio::test]
async fn a_durable_cut_is_in_the_table() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assert_eq!(assign(&mut sink, &[0]).await, [None]);
    assert_eq!(sink.write(&batch(0, 5, &["{\"id\":1}", "{\"id\":2}"])).await.unwrap(), Room::Left);
    assert_eq!(lake.commits(), 0);
    assert_eq!(cut(&mut sink, 1, &[(0, 7)]).await.unwrap().through, Some(1));
    assert_eq!(lake.places().await, "0:5 0:6");
    assert_eq!(assign(&mut lake.other_process("").await, &[0]).await, [Some(7)]);
}

#[tokio::test]
async fn a_mark_is_durable_only_when_nothing_is_held() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let mark =
        |number| Barrier { number, kind: BarrierKind::Mark, positions: positions(&[(0, 1)]).into(), last: false };
    assert_eq!(sink.barrier(&mark(1)).await.unwrap().through, Some(1));
    let _ = sink.write(&batch(0, 0, &["{}"])).await.unwrap();
    assert_eq!(sink.barrier(&mark(2)).await.unwrap().through, Some(1));
    assert_eq!(cut(&mut sink, 3, &[(0, 1)]).await.unwrap().through, Some(3));
    assert_eq!(sink.barrier(&mark(4)).await.unwrap().through, Some(4));
}

#[tokio::test]
async fn a_crash_before_and_after_the_commit_loses_and_doubles_nothing() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&batch(0, 0, &["1", "2"])).await.unwrap();
    drop(sink);
    let mut sink = lake.other_process("").await;
    assert_eq!(assign(&mut sink, &[0]).await, [None]);
    let _ = sink.write(&batch(0, 0, &["1", "2", "3"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 3)]).await.unwrap();
    drop(sink);
    // The answer never reached the source, which starts too early: another sink is behind.
    let mut sink = lake.other_process("").await;
    assert_eq!(assign(&mut sink, &[0]).await, [Some(3)]);
    let _ = sink.write(&batch(0, 1, &["2", "3", "4"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 4)]).await.unwrap();
    assert_eq!(lake.places().await, "0:0 0:1 0:2 0:3");
}

#[tokio::test]
async fn a_barrier_below_what_is_stored_moves_nothing_back() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&batch(0, 0, &["1", "2"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    let mut sink = lake.other_process("").await;
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
    let last = Barrier { number: 1, kind: BarrierKind::Cut, positions: positions(&[(0, 1)]).into(), last: true };
    assert_eq!(sink.barrier(&last).await.unwrap().through, Some(1));
    assert_eq!(assign(&mut lake.sink("").await, &[0]).await, [Some(2)]);
}

#[tokio::test]
async fn a_zombie_is_fenced_and_leaves_nothing() {
    let lake = Lake::new();
    let (mut zombie, mut owner) = (lake.sink("").await, lake.other_process("").await);
    assign(&mut zombie, &[0]).await;
    assign(&mut owner, &[0]).await;
    let _ = zombie.write(&batch(0, 0, &["1", "2"])).await.unwrap();
    let _ = owner.write(&batch(0, 0, &["1"])).await.unwrap();
    let _ = cut(&mut owner, 1, &[(0, 1)]).await.unwrap();
    assert_eq!(cut(&mut zombie, 1, &[(0, 2)]).await.unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(lake.places().await, "0:0");
    let files = fs::read_dir(lake.folder().join("date=2026-11-22")).unwrap().count();
    assert_eq!(files, 1, "what is certainly not committed is deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_process_share_a_collection() {
    let lake = Lake::new();
    let mut tasks = Vec::new();
    for number in 0..8 {
        let mut sink = lake.sink("").await;
        tasks.push(tokio::spawn(async move {
            assign(&mut sink, &[number]).await;
            for round in 0..5 {
                let _ = sink.write(&batch(number, round, &["{\"id\":1}"])).await.unwrap();
                let _ = cut(&mut sink, round as u64, &[(number, round + 1)]).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(lake.rows().await.len(), 40);
    assert!(lake.commits() < 40, "{} commits: parts that wait together are one commit", lake.commits());
}

#[tokio::test]
async fn goes_on_where_it_was_when_the_disk_is_back() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let _ = sink.write(&timed(0, 0, &[(NOON - DAY, b"1"), (NOON, b"2")])).await.unwrap();
    // A file where the second folder should be.
    fs::create_dir_all(lake.folder()).unwrap();
    let obstacle = lake.folder().join("date=2026-11-22");
    fs::write(&obstacle, "").unwrap();
    assert!(cut(&mut sink, 1, &[(0, 2)]).await.is_err());
    fs::remove_file(&obstacle).unwrap();
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    assert_eq!(lake.places().await, "0:0 0:1");
    assert_eq!(lake.files().await.len(), 2);
}

#[tokio::test]
async fn positions_without_rows_are_committed_once_a_minute_and_at_the_end() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 1)]).await.unwrap();
    assert_eq!(cut(&mut sink, 2, &[(0, 2)]).await.unwrap().through, Some(2));
    assert_eq!(lake.commits(), 1);
    lake.set_clock(NOON + 60_000_000);
    let _ = cut(&mut sink, 3, &[(0, 3)]).await.unwrap();
    assert_eq!(lake.commits(), 2);
    let last = Barrier { number: 4, kind: BarrierKind::Cut, positions: positions(&[(0, 4)]).into(), last: true };
    let _ = sink.barrier(&last).await.unwrap();
    assert_eq!(assign(&mut lake.sink("").await, &[0]).await, [Some(4)]);
}

#[tokio::test]
async fn positions_alone_make_no_table() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0]).await;
    let last = Barrier { number: 1, kind: BarrierKind::Cut, positions: positions(&[(0, 9)]).into(), last: true };
    assert_eq!(sink.barrier(&last).await.unwrap().through, Some(1));
    assert!(!lake.folder().exists());
}

#[tokio::test]
async fn a_second_capture_of_a_stream_is_refused_unless_allowed() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&batch(0, 0, &["1"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 1)]).await.unwrap();
    let error = lake.other_capture("").await.stored(&[partition(0)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("`archive` has stored it there before"), "{error}");
    let mut allowed = lake.other_capture("allow_other_captures: true").await;
    assert_eq!(assign(&mut allowed, &[0]).await, [None]);
}

#[tokio::test]
async fn two_sinks_of_a_pipeline_in_one_collection_are_refused_and_one_after_the_other_is_not() {
    let lake = Lake::new();
    let mut first = lake.sink("").await;
    assign(&mut first, &[0]).await;
    assign(&mut lake.sink("").await, &[1]).await;
    let error = lake.second_sink("collection: orders").await.stored(&[partition(0)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("sinks `lake` and `lake-2`"), "{error}");
    drop(first);
    assign(&mut lake.second_sink("collection: orders").await, &[0]).await;
}

#[tokio::test]
async fn is_full_when_the_buffer_is() {
    let lake = Lake::new();
    let mut sink = lake.sink("buffer: 1MiB").await;
    let payload = "x".repeat(600 << 10);
    assert_eq!(sink.write(&batch(0, 0, &[&payload])).await.unwrap(), Room::Left);
    assert_eq!(sink.write(&batch(0, 1, &[&payload])).await.unwrap(), Room::Full);
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    assert_eq!(sink.write(&batch(0, 2, &["1"])).await.unwrap(), Room::Left);
}

#[tokio::test]
async fn rows_that_no_position_covers_are_a_bug() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let _ = sink.write(&batch(0, 0, &["1", "2"])).await.unwrap();
    assert_eq!(cut(&mut sink, 1, &[(0, 1)]).await.unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(cut(&mut sink, 2, &[(1, 9)]).await.unwrap_err().kind(), ErrorKind::Bug);
}

/// Whenever a barrier is given up, its commit may have happened: the files are then the table's and must stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barrier_that_was_given_up_half_way_takes_no_file_away() {
    for wait_micros in (0..6000).step_by(150) {
        let lake = Lake::new();
        let mut sink = lake.sink("").await;
        assign(&mut sink, &[0]).await;
        let _ = sink.write(&batch(0, 0, &["1", "2"])).await.unwrap();
        let _ = timeout(Duration::from_micros(wait_micros), cut(&mut sink, 1, &[(0, 2)])).await;
        for _ in 0..2 {
            if let Err(error) = cut(&mut sink, 1, &[(0, 2)]).await {
                assert_eq!(error.kind(), ErrorKind::Stale);
            }
        }
        assert_eq!(lake.places().await, "0:0 0:1", "given up after {wait_micros} us");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_may_be_abandoned_at_any_moment() {
    let lake = Lake::new();
    for step in 0..40 {
        let mut sink = lake.sink("").await;
        let start = assign(&mut sink, &[0]).await[0].unwrap_or(0);
        assert!(start <= step, "a position ran ahead of its rows");
        let payloads: Vec<&str> = (start..=step).map(|_| "{\"id\":1}").collect();
        let _ = sink.write(&batch(0, start, &payloads)).await.unwrap();
        let patience = Duration::from_micros(step as u64 * 300);
        let _ = timeout(patience, cut(&mut sink, 1, &[(0, step + 1)])).await;
    }
    let mut sink = lake.other_process("").await;
    let stored = assign(&mut sink, &[0]).await[0].unwrap_or(0);
    let expected: Vec<String> = (0..stored).map(|position| format!("0:{position}")).collect();
    assert!(stored > 0, "some cut got through");
    assert_eq!(lake.places().await, expected.join(" "));
}
