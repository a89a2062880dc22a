//! Which records a transform is for, and which sinks they go to.

use super::*;
use catchwater_sdk::conformance::doubles::MemoryStore;

const LETTERS: &str = "dead_letters: {type: letters}\n";

fn payloads(store: &MemoryStore) -> Vec<String> {
    store
        .records()
        .iter()
        .map(|record| String::from_utf8_lossy(record.payload.as_deref().unwrap_or_default()).into_owned())
        .collect()
}

/// The header of that name of each record.
fn headers(store: &MemoryStore, name: &str) -> Vec<String> {
    let of = |headers: &[(String, Option<Vec<u8>>)]| {
        let value = headers.iter().find(|(of, _)| of == name).and_then(|(_, value)| value.clone());
        String::from_utf8(value.expect("it is there")).expect("text")
    };
    store.records().iter().map(|record| of(&record.headers)).collect()
}

fn range(from: i64, to: i64) -> Vec<i64> {
    (from..to).collect()
}

#[tokio::test]
async fn a_sink_gets_what_it_asks_for_in_order() {
    let scene = Scene::new(MemoryLog::of(2, 5000));
    scene.run("sinks: [{type: lake}, {type: topic, when: '_position:[1000 TO 3000}'}]\n").await.expect("ends well");
    for partition in 0..2 {
        assert_eq!(positions(&scene.lake, partition), all(5000));
        assert_eq!(positions(&scene.topic, partition), range(1000, 3000));
        assert_eq!(committed(&scene.log, partition), Some(5000));
    }
}

#[tokio::test]
async fn otherwise_takes_what_no_query_asks_for() {
    let scene = Scene::new(MemoryLog::of(1, 1000));
    let sinks = "sinks: [{type: lake, when: otherwise}, {type: topic, when: '_position:<100'}, {type: letters, when: '_position:[50 TO 200}'}]\n";
    scene.run(sinks).await.expect("ends well");
    assert_eq!(positions(&scene.topic, 0), range(0, 100));
    assert_eq!(positions(&scene.letters, 0), range(50, 200));
    assert_eq!(positions(&scene.lake, 0), range(200, 1000));
}

#[tokio::test]
async fn what_no_sink_asks_for_is_dropped_and_counted() {
    let scene = Scene::new(MemoryLog::of(1, 1000));
    let topology = scene.start("sinks: [{type: lake, when: '_position:<10'}]\nunmatched: drop\n").await;
    let status = topology.statuses().remove(0).1;
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(10));
    assert_eq!(
        (status.read.load(Relaxed), status.dropped.load(Relaxed), status.dead_lettered.load(Relaxed)),
        (1000, 990, 0)
    );
    assert_eq!(committed(&scene.log, 0), Some(1000));
}

#[tokio::test]
async fn what_no_sink_asks_for_becomes_a_dead_letter_with_the_reason() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    let lines = format!("sinks: [{{type: lake, when: '_position:<8'}}]\nunmatched: dead_letter\n{LETTERS}");
    scene.run(&lines).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(8));
    assert_eq!(positions(&scene.letters, 0), [8, 9]);
    assert_eq!(headers(&scene.letters, "catchwater.reason"), ["no sink's `when` asks for it"; 2]);
    assert_eq!(headers(&scene.letters, "catchwater.step"), ["sinks"; 2]);
}

#[tokio::test]
async fn a_payload_that_is_not_understood_is_told_where_a_query_asked_for_it() {
    const NONE_ASKS: &str = "no sink's `when` asks for it";
    let odd = format!("{NONE_ASKS}, and its payload is not understood: opaque");
    for (query, reason) in [("a:1", odd.as_str()), ("_key:a", NONE_ASKS), ("_key:a OR word", odd.as_str())] {
        let log = MemoryLog::default();
        [None, Some("x"), Some("x"), None, None].iter().for_each(|p| log.append(0, p.map(str::as_bytes)));
        log.end();
        let scene = Scene::new(log);
        let lines = format!("sinks: [{{type: lake, when: '{query}'}}]\nunmatched: dead_letter\n{LETTERS}");
        scene.run(&lines).await.expect("ends well");
        assert_eq!(positions(&scene.letters, 0), all(5));
        let expected = [NONE_ASKS, reason, reason, NONE_ASKS, NONE_ASKS];
        assert_eq!(headers(&scene.letters, "catchwater.reason"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_transform_is_passed_in_order_by_what_it_is_not_for() {
    let scene = Scene::new(MemoryLog::of(1, 1000));
    let lines = "transforms: [{type: mark, when: '_position:*7'}]\nsinks: [{type: lake}]\n";
    scene.run(lines).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(1000));
    let marked = payloads(&scene.lake)
        .iter()
        .enumerate()
        .filter(|(_, payload)| *payload == "marked")
        .map(|(i, _)| i)
        .collect::<Vec<_>>();
    assert_eq!(marked, (7..1000).step_by(10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_transform_rejects_only_what_it_is_for() {
    let scene = Scene::new(MemoryLog::of(1, 100));
    let lines =
        format!("transforms: [{{type: reject-thirds, when: '_position:>=50'}}]\nsinks: [{{type: lake}}]\n{LETTERS}");
    scene.run(&lines).await.expect("ends well");
    let rejected: Vec<i64> = (50..100).filter(|position| position % 3 == 0).collect();
    assert_eq!(positions(&scene.letters, 0), rejected);
    assert_eq!(positions(&scene.lake, 0), (0..100).filter(|position| !rejected.contains(position)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_transform_for_nothing_sees_nothing() {
    let scene = Scene::new(MemoryLog::of(1, 100));
    scene.run("transforms: [{type: forgetful, when: '-*'}]\nsinks: [{type: lake}]\n").await.expect("it is never asked");
    assert_eq!(positions(&scene.lake, 0), all(100));
}

#[tokio::test]
async fn a_branch_that_nothing_went_to_does_not_hold_back_the_others() {
    let scene = Scene::new(MemoryLog::of(1, 100));
    scene.run("sinks: [{type: lake}, {type: topic, when: '-*'}]\n").await.expect("ends well");
    assert_eq!(positions(&scene.topic, 0), Vec::<i64>::new());
    assert_eq!(committed(&scene.log, 0), Some(100));
    scene.run("sinks: [{type: lake}, {type: topic, when: '-*'}]\n").await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(100));
}

#[tokio::test]
async fn routes_hold_after_what_was_abandoned_is_read_again() {
    let scene = Scene::new(MemoryLog::of(1, 5000));
    [Call::Barrier, Call::Write, Call::Barrier].iter().for_each(|call| scene.lake.faults.fail(*call, ErrorKind::Stale));
    let lines = format!("sinks: [{{type: lake, when: '_position:<4000'}}]\nunmatched: dead_letter\n{LETTERS}");
    scene.run(&lines).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(4000));
    assert_eq!(positions(&scene.letters, 0), range(4000, 5000));
}
