//! What the engine promises, each promise under the fault that would break it.

mod changes;
mod handover;
mod routes;
mod scene;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_engine::diff::diff;
use catchwater_engine::plan::Plan;
use catchwater_engine::topology::Topology;
use catchwater_sdk::ErrorKind;
use catchwater_sdk::conformance::doubles::{Call, MemoryLog, MemoryStore};
use catchwater_sdk::source::SourceTraits;
use tokio::time::timeout;

use self::scene::{Scene, all, ended, positions, until};

const LAKE: &str = "sinks: [{type: lake}]\n";
const LAKE_AND_TOPIC: &str = "sinks: [{type: lake}, {type: topic}]\n";

/// For a drain. The sink hangs until it is let go, so that no time would be enough, and the least tells the same.
const TOO_SHORT: Duration = Duration::from_millis(1);

fn committed(log: &MemoryLog, partition: i32) -> Option<i64> {
    log.committed().get(&MemoryLog::partition(partition))
}

#[tokio::test]
async fn every_sink_gets_everything_in_order_and_positions_are_committed() {
    let scene = Scene::new(MemoryLog::of(3, 10_000));
    scene.run(LAKE_AND_TOPIC).await.expect("ends well");
    for partition in 0..3 {
        // Invariant 4
        assert_eq!(positions(&scene.lake, partition), all(10_000));
        assert_eq!(positions(&scene.topic, partition), all(10_000));
        assert_eq!(committed(&scene.log, partition), Some(10_000));
    }
}

/// Invariant 1
#[tokio::test]
async fn nothing_is_committed_before_every_sink_is_durable() {
    let scene = Scene::new(MemoryLog::of(1, 1000));
    scene.topic.faults.hold(Call::Barrier);
    let topology = scene.start(LAKE_AND_TOPIC).await;
    until("the lake has stored all", || positions(&scene.lake, 0) == all(1000)).await;
    assert_eq!(committed(&scene.log, 0), Some(0), "only the resolved start");
    scene.topic.faults.release(Call::Barrier);
    ended(topology).await.expect("ends well");
    assert_eq!(committed(&scene.log, 0), Some(1000));
}

#[tokio::test]
async fn a_second_run_reads_nothing_twice() {
    let scene = Scene::new(MemoryLog::of(2, 100));
    scene.run(LAKE_AND_TOPIC).await.expect("ends well");
    (0..50).for_each(|_| scene.log.append(0, Some(b"later")));
    scene.run(LAKE_AND_TOPIC).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(150));
    assert_eq!(positions(&scene.topic, 0), all(150));
    assert_eq!(positions(&scene.topic, 1), all(100));
}

/// Invariant 9: else what a full sink has not stored yet would be in memory several times over.
#[tokio::test]
async fn a_full_sink_stores_a_large_record_before_the_next_is_read() {
    let log = MemoryLog::default();
    (0..4).for_each(|_| log.append(0, Some(&[b'x'; 9_000_000])));
    log.end();
    let scene = Scene::new(log);
    scene.lake.set_room(1);
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(scene.lake.cuts(), [1; 4]);
}

/// The payloads of a store whose records were numbered by a transform that remembers.
fn numbers(store: &MemoryStore) -> Vec<i64> {
    let number = |payload: Option<Vec<u8>>| String::from_utf8(payload.unwrap_or_default()).ok()?.parse().ok();
    store.records().into_iter().map(|record| number(record.payload).expect("a number")).collect()
}

#[tokio::test]
async fn a_transform_goes_on_with_what_the_one_before_it_remembered() {
    let counting = format!("transforms: [{{type: count}}]\n{LAKE}");
    let scene = Scene::new(MemoryLog::of(1, 100));
    scene.run(&counting).await.expect("ends well");
    (0..50).for_each(|_| scene.log.append(0, Some(b"later")));
    scene.run(&counting).await.expect("ends well");
    assert_eq!(numbers(&scene.lake), all(150));
    // Another pipeline's begin anew, and so does one in a sink's branch.
    let other = Scene::new(MemoryLog::of(1, 100));
    other.run("sinks: [{type: lake, transforms: [{type: count}]}]\n").await.expect("ends well");
    assert!(!other.data_dir().join("states").exists());
}

#[tokio::test]
async fn what_was_abandoned_was_not_remembered() {
    let scene = Scene::new(MemoryLog::of(1, 5000));
    [Call::Write, Call::Write].iter().for_each(|call| scene.lake.faults.fail(*call, ErrorKind::Stale));
    scene.run(&format!("transforms: [{{type: count}}]\n{LAKE}")).await.expect("ends well");
    assert_eq!(numbers(&scene.lake), all(5000));
}

#[tokio::test]
async fn a_sink_that_lost_the_commit_is_still_exactly_once_by_its_own_positions() {
    let scene = Scene::new(MemoryLog::of(1, 100));
    scene.run(LAKE).await.expect("ends well");
    std::fs::remove_dir_all(scene.data_dir().join("positions")).expect("the commits are gone");
    scene.log.append(0, Some(b"later"));
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(101));
}

#[tokio::test]
async fn what_is_away_is_tried_again_until_it_is_back() {
    let scene = Scene::new(MemoryLog::of(2, 5000));
    let calls = [Call::Open, Call::Stored, Call::Write, Call::Write, Call::Barrier, Call::Barrier];
    calls.iter().for_each(|call| scene.lake.faults.fail(*call, ErrorKind::Unavailable));
    let calls = [Call::Open, Call::Poll, Call::Start, Call::Poll, Call::Commit];
    calls.iter().for_each(|call| scene.log.faults.fail(*call, ErrorKind::Unavailable));
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(5000));
    assert_eq!(positions(&scene.lake, 1), all(5000));
    assert_eq!(committed(&scene.log, 1), Some(5000));
}

#[tokio::test]
async fn attempts_are_bounded_where_the_pipeline_says_so() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    (0..9).for_each(|_| scene.lake.faults.fail(Call::Barrier, ErrorKind::Unavailable));
    let error = scene.run_with("retry: {initial: 1ms, max: 5ms, attempts: 3}\n", LAKE).await.expect_err("it gives up");
    assert!(error.to_string().contains("gave up after 3 attempts"), "{error}");
}

#[tokio::test]
async fn a_fenced_sink_abandons_and_goes_on_from_what_is_stored() {
    let scene = Scene::new(MemoryLog::of(2, 5000));
    [Call::Barrier, Call::Write, Call::Barrier].iter().for_each(|call| scene.lake.faults.fail(*call, ErrorKind::Stale));
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(5000));
    assert_eq!(positions(&scene.lake, 1), all(5000));
}

#[tokio::test]
async fn a_refusal_stops_the_pipeline_and_commits_nothing_more() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    scene.lake.faults.fail(Call::Barrier, ErrorKind::Refused);
    let error = scene.run(LAKE).await.expect_err("it was refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(committed(&scene.log, 0), Some(0));
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(10));
}

#[tokio::test]
async fn a_sink_that_panics_fails_its_pipeline_and_nobody_waits_for_it() {
    for call in [Call::Open, Call::Write, Call::Barrier] {
        let scene = Scene::new(MemoryLog::of(1, 10));
        scene.topic.faults.panic(call);
        let ended = timeout(Duration::from_secs(60), scene.run(LAKE_AND_TOPIC)).await.expect("it ends");
        let error = ended.expect_err("it fails");
        assert!(error.kind() == ErrorKind::Bug && error.to_string() == "sink topic panicked", "{error}");
        assert_eq!(committed(&scene.log, 0).unwrap_or(0), 0);
        scene.run(LAKE_AND_TOPIC).await.expect("ends well");
        assert_eq!(positions(&scene.topic, 0), all(10));
    }
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_is_halved_and_its_order_kept() {
    let scene = Scene::new(MemoryLog::of(1, 1000));
    (0..3).for_each(|_| scene.topic.faults.fail(Call::Write, ErrorKind::Data));
    scene.run("sinks: [{type: topic}]\n").await.expect("each half is stored");
    assert_eq!(positions(&scene.topic, 0), all(1000));
}

#[tokio::test]
async fn a_sink_that_wants_nothing_more_ends_the_pipeline_without_complaint() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    scene.topic.faults.fail(Call::Write, ErrorKind::Ended);
    scene.run("sinks: [{type: topic}]\n").await.expect("no failure");
    assert_eq!(committed(&scene.log, 0), Some(0));
}

/// Invariant 3
#[tokio::test]
async fn what_is_rejected_becomes_a_dead_letter_with_the_reason() {
    let scene = Scene::new(MemoryLog::of(2, 3000));
    scene.lake.refuse(br#"{"p":0,"i":1}"#);
    let lines = "transforms: [{type: reject-thirds}]\nsinks: [{type: lake}]\ndead_letters: {type: letters}\n";
    scene.run(lines).await.expect("ends well");
    let stored = positions(&scene.lake, 0);
    let letters = scene.letters.records();
    assert_eq!(stored.len(), 1999);
    assert_eq!(letters.len(), 2001);
    let by_sink: Vec<_> = letters.iter().filter(|letter| letter.position % 3 != 0).collect();
    assert_eq!(by_sink.len(), 1);
    let header =
        |name: &str| by_sink[0].headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone());
    assert_eq!(header("catchwater.reason").as_deref(), Some(&b"it is poison"[..]));
    assert_eq!(header("catchwater.step").as_deref(), Some(&b"lake"[..]));
    assert_eq!(header("catchwater.position").as_deref(), Some(&b"1"[..]));
    assert_eq!(committed(&scene.log, 0), Some(3000));
}

/// Invariant 1, of dead letters
#[tokio::test]
async fn nothing_is_committed_before_its_dead_letters_are_durable() {
    let scene = Scene::new(MemoryLog::of(1, 30));
    scene.letters.faults.hold(Call::Barrier);
    let lines = "transforms: [{type: reject-thirds}]\nsinks: [{type: lake}]\ndead_letters: {type: letters}\n";
    let topology = scene.start(lines).await;
    until("the lake has stored its part", || positions(&scene.lake, 0).len() == 20).await;
    assert_eq!(committed(&scene.log, 0), Some(0));
    scene.letters.faults.release(Call::Barrier);
    ended(topology).await.expect("ends well");
    assert_eq!(committed(&scene.log, 0), Some(30));
    assert_eq!(positions(&scene.letters, 0).len(), 10);
}

#[tokio::test]
async fn a_rejected_record_stops_a_pipeline_without_dead_letters() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    let error = scene.run("transforms: [{type: reject-thirds}]\nsinks: [{type: lake}]\n").await.expect_err("it stops");
    assert!(error.to_string().contains("log[0] at 0: a multiple of three"), "{error}");
    let lines = "transforms: [{type: reject-thirds, on_error: drop}]\nsinks: [{type: lake}]\n";
    scene.run(lines).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), [1, 2, 4, 5, 7, 8]);
}

/// Invariant 3
#[tokio::test]
async fn a_forgotten_record_is_an_error_and_never_a_silence() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    let error = scene.run("transforms: [{type: forgetful}]\nsinks: [{type: lake}]\n").await.expect_err("it stops");
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert!(scene.lake.records().is_empty());
}

#[tokio::test]
async fn a_full_sink_gets_its_cut_early() {
    let scene = Scene::new(MemoryLog::of(1, 50_000));
    scene.lake.set_room(100);
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(50_000));
}

#[tokio::test]
async fn a_full_sink_is_cut_once_and_not_again_for_each_batch_that_was_on_its_way() {
    let mut scene = Scene::new(MemoryLog::of(1, 50_000));
    scene.lake = MemoryStore::with_hot_log();
    scene.lake.set_room(10_000);
    scene.run(LAKE).await.expect("ends well");
    let cuts = scene.lake.cuts();
    let (_last, full) = cuts.split_last().expect("all is stored");
    assert!(full.iter().all(|stored| *stored >= 10_000), "{cuts:?}");
}

#[tokio::test]
async fn a_revoked_partition_is_drained_and_committed_before_it_goes() {
    let log = MemoryLog::default();
    log.keep_positions();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    (0..100).for_each(|_| log.append(1, Some(b"x")));
    let scene = Scene::new(log);
    let topology = scene.start(LAKE).await;
    until("some is stored", || !scene.lake.records().is_empty()).await;
    scene.log.append(0, Some(b"just before"));
    scene.log.revoke(&[0], Duration::from_secs(10));
    until("the partition is committed", || {
        committed(&scene.log, 0) == Some(scene.lake.positions().get(&MemoryLog::partition(0)).unwrap_or(-1))
    })
    .await;
    scene.log.append(1, Some(b"kept"));
    until("the kept one goes on", || positions(&scene.lake, 1) == all(101)).await;
    scene.log.assign(&[0]);
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(101));
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_abandoned_and_nothing_is_lost_or_doubled() {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    let scene = Scene::new(log);
    scene.lake.faults.hold(Call::Barrier);
    let topology = scene.start(LAKE).await;
    until("the sink hangs with all of it", || {
        scene.lake.faults.is_waiting(Call::Barrier) && topology.statuses()[0].1.read.load(Relaxed) == 100
    })
    .await;
    scene.log.revoke(&[0], TOO_SHORT);
    scene.log.assign(&[0]);
    until("it is given up undrained", || scene.log.released() == [MemoryLog::partition(0)]).await;
    assert!(scene.lake.records().is_empty());
    scene.lake.faults.release(Call::Barrier);
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(100));
}

#[tokio::test]
async fn a_sink_that_is_fenced_while_partitions_move_does_not_keep_them() {
    let log = MemoryLog::default();
    (0..2).for_each(|partition| (0..100).for_each(|_| log.append(partition, Some(b"x"))));
    let scene = Scene::new(log);
    scene.lake.faults.hold(Call::Barrier);
    let topology = scene.start(LAKE).await;
    until("all is read", || topology.statuses()[0].1.read.load(Relaxed) == 200).await;
    scene.lake.faults.fail(Call::Barrier, ErrorKind::Stale);
    scene.log.revoke(&[0], Duration::from_secs(30));
    scene.lake.faults.release(Call::Barrier);
    until("it is given up", || scene.log.released() == [MemoryLog::partition(0)]).await;
    scene.log.append(0, Some(b"the next owner's"));
    scene.log.append(1, Some(b"ours"));
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 1), all(101));
    assert!(!positions(&scene.lake, 0).contains(&100));
}

#[tokio::test]
async fn what_the_source_does_not_confirm_is_never_stored() {
    let scene = Scene::new(MemoryLog::of(1, 100));
    scene.log.faults.fail(Call::Confirm, ErrorKind::Stale);
    scene.log.faults.hold(Call::Confirm);
    let topology = scene.start(LAKE).await;
    until("the source was asked", || scene.log.faults.is_waiting(Call::Confirm)).await;
    assert!(scene.lake.records().is_empty());
    scene.log.lose(&[0]);
    scene.log.faults.release(Call::Confirm);
    ended(topology).await.expect("ends well");
    assert!(scene.lake.records().is_empty(), "its partition was lost, and came to nobody");
}

#[tokio::test]
async fn what_cannot_be_confirmed_now_is_stored_later() {
    let scene = Scene::new(MemoryLog::of(1, 5000));
    scene.lake.set_room(100);
    (0..5).for_each(|_| scene.log.faults.fail(Call::Confirm, ErrorKind::Unavailable));
    scene.run(LAKE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(5000));
}

#[tokio::test]
async fn lost_partitions_are_abandoned_and_the_others_go_on() {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    (0..100).for_each(|_| log.append(1, Some(b"x")));
    let scene = Scene::new(log);
    let topology = scene.start(LAKE).await;
    until("some is stored", || !scene.lake.records().is_empty()).await;
    scene.log.append(0, Some(b"just before"));
    scene.log.lose(&[0]);
    scene.log.assign(&[0]);
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(101));
    assert_eq!(positions(&scene.lake, 1), all(100));
}

#[tokio::test]
async fn a_stop_drains_and_commits() {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    let scene = Scene::new(log);
    let topology = scene.start(LAKE_AND_TOPIC).await;
    until("all is read", || topology.statuses()[0].1.read.load(Relaxed) == 100).await;
    topology.stop_all();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(100));
    assert_eq!(committed(&scene.log, 0), Some(100));
}

#[tokio::test]
async fn a_stop_while_a_sink_hangs_ends_in_time_and_commits_nothing() {
    let scene = Scene::new(MemoryLog::of(1, 50_000));
    scene.topic.faults.hold(Call::Write);
    let topology = scene.start(&format!("{LAKE_AND_TOPIC}drain_timeout: 10ms\n")).await;
    until("the sink hangs", || scene.topic.faults.is_waiting(Call::Write)).await;
    topology.stop_all();
    let error = ended(topology).await.expect_err("it says that it could not finish");
    assert!(error.to_string().contains("drain_timeout"), "{error}");
    assert_eq!(committed(&scene.log, 0), Some(0));
}

#[tokio::test]
async fn a_stop_waits_for_no_sink_that_has_not_connected_and_was_given_nothing() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    (0..10_000).for_each(|_| scene.topic.faults.fail(Call::Open, ErrorKind::Unavailable));
    let topology = scene.start(&format!("{LAKE_AND_TOPIC}drain_timeout: 1h\n")).await;
    until("it waits", || topology.statuses()[0].1.troubles().iter().any(|(step, _)| step == "topic")).await;
    topology.stop_all();
    timeout(Duration::from_secs(20), ended(topology)).await.expect("it ends soon").expect("ends well");
    assert_eq!(committed(&scene.log, 0), None);
}

/// Invariant 1: sinks that are new know nothing of what was read for those that were dropped.
#[tokio::test]
async fn a_stop_right_after_what_was_read_was_abandoned_commits_nothing_of_it() {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    let scene = Scene::new(log);
    scene.topic.faults.hold(Call::Barrier);
    let patient =
        "name: p\nsource: {type: log, format: opaque}\nretry: {initial: 1h, max: 1h}\nsinks: [{type: topic}]\n";
    let mut topology = scene.topology();
    topology.apply(&scene.try_plan(patient).unwrap_or_else(|mistakes| panic!("{mistakes}"))).await;
    until("all is read", || topology.statuses()[0].1.read.load(Relaxed) == 100).await;
    scene.topic.faults.fail(Call::Barrier, ErrorKind::Stale);
    scene.topic.faults.release(Call::Barrier);
    until("it waits", || !topology.statuses()[0].1.troubles().is_empty()).await;
    topology.stop_all();
    ended(topology).await.expect("ends well");
    assert_eq!((positions(&scene.topic, 0), committed(&scene.log, 0)), (vec![], Some(0)));
    scene.log.end();
    scene.run("sinks: [{type: topic}]\n").await.expect("ends well");
    assert_eq!(positions(&scene.topic, 0), all(100));
}

/// Invariant 7
#[tokio::test]
async fn an_unchanged_pipeline_never_notices_and_a_changed_one_goes_on_where_it_was() {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"x")));
    let scene = Scene::new(log);
    let mut topology = scene.start(LAKE).await;
    let built = scene.sources.load(Relaxed);
    topology.apply(&scene.plan(LAKE)).await;
    assert_eq!(scene.sources.load(Relaxed), built + 1, "the plan built one to prove it sound, and nobody else");
    until("all is committed", || committed(&scene.log, 0) == Some(100)).await;
    topology.apply(&scene.plan(LAKE_AND_TOPIC)).await;
    scene.log.append(0, Some(b"later"));
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(101));
    assert_eq!(positions(&scene.topic, 0), [100], "a new sink starts at the last commit");
}

#[test]
fn a_file_that_a_component_is_made_of_is_a_change_of_it() {
    let scene = Scene::new(MemoryLog::of(1, 1));
    let file = scene.data_dir().join("plugin");
    std::fs::write(&file, "one").expect("writes");
    let lines = format!("sinks: [{{type: taker, file: '{}'}}]\n", file.display());
    let running = |plan: &Plan| plan.pipelines.iter().map(|one| (one.spec.name.clone(), Arc::clone(one))).collect();
    let before = running(&scene.plan(&lines));
    assert!(diff(&before, &scene.plan(&lines)).adapt.is_empty(), "nothing has changed");
    std::fs::write(&file, "two").expect("writes");
    assert_eq!(diff(&before, &scene.plan(&lines)).adapt.len(), 1);
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(diff(&before, &scene.plan(&lines)).adapt.len(), 1);
}

#[test]
fn what_bears_one_user_is_not_given_to_two() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    let check = |text: &str, phrases: &[&str]| {
        let report = scene.try_plan(text).expect_err("it is taken").to_string();
        phrases.iter().for_each(|phrase| assert!(report.contains(phrase), "{report}"));
    };
    let source = "source: {type: log, format: opaque}";
    let two = format!("name: p\n{source}\nsinks: [{{type: taker, what: a}}, {{type: taker, what: b}}]\n");
    check(
        &format!("{two}dead_letters: {{type: taker, what: b}}\n"),
        &["pipeline.yaml:4:35", "b is taken by `taker-2` of pipeline `p` at", "pipeline.yaml:3:40", "1 mistake"],
    );
    let other = format!("name: q\n{source}\nsinks: [{{type: taker, what: a}}, {{type: taker, port: '80'}}]\n");
    scene.try_plan(&format!("{two}---\n{other}")).expect("another pipeline has its own");
    check(
        &format!("{other}---\n{}", other.replace("name: q", "name: r")),
        &["pipeline.yaml:7:53", "the port 80 is taken by `taker-2` of pipeline `q` at"],
    );
    let stays = scene.try_plan(&other).expect("it is alone").pipelines;
    let beside = |text: &str| scene.try_plan_beside(text, &stays).map(drop).map_err(|mistakes| mistakes.to_string());
    let report = beside(&other.replace("name: q", "name: r")).expect_err("the port is taken");
    assert!(report.contains("the port 80 is taken by `taker-2` of pipeline `q` at"), "{report}");
    let report = beside(&other.replace("'80'", "'81'")).expect_err("the name is taken");
    assert!(report.contains("two pipelines are called `q`"), "{report}");
    beside(&two).expect("it takes nothing from the other");
}

#[test]
fn a_file_that_a_component_cannot_be_made_of_is_named_with_the_mistake() {
    let scene = Scene::new(MemoryLog::of(1, 1));
    let source = "source: {type: log, format: opaque}";
    let text =
        format!("name: p\n{source}\nsinks: [{{type: taker, file: missing, what: a}}, {{type: taker, what: a}}]\n");
    let mistakes = scene.try_plan(&text).expect_err("it is taken twice");
    assert!(mistakes.files().contains(std::path::Path::new("missing")), "{:?}", mistakes.files());
}

/// Invariant 6
#[tokio::test]
async fn planning_touches_nothing() {
    let scene = Scene::new(MemoryLog::of(1, 10));
    scene.log.faults.fail(Call::Open, ErrorKind::Bug);
    scene.plan(LAKE_AND_TOPIC);
    assert_eq!(std::fs::read_dir(scene.data_dir()).expect("readable").count(), 1, "only the pipeline's own file");
}

/// A source of 100 records in front of a lake; left to themselves, barriers are an hour apart.
async fn unhurried(rereadable: bool, unacknowledged_max: usize) -> (Scene, Topology) {
    let log = MemoryLog::default();
    (0..100).for_each(|_| log.append(0, Some(b"event")));
    log.set_traits(SourceTraits {
        capture: None,
        rereadable,
        keeps_positions: false,
        shareable: false,
        unacknowledged_max: Some(unacknowledged_max),
        commit_within: None,
        may_return: false,
    });
    let mut scene = Scene::new(log);
    scene.lake = MemoryStore::with_hot_log();
    let text =
        "name: p\nsource: {type: log, format: opaque}\ncheckpoint_interval: 1h\nidle: 1h\nsinks: [{type: lake}]\n";
    let mut topology = scene.topology();
    topology.apply(&scene.try_plan(text).unwrap_or_else(|mistakes| panic!("{mistakes}"))).await;
    (scene, topology)
}

#[tokio::test]
async fn what_a_mark_made_safe_is_committed_before_it_is_stored() {
    let (scene, _topology) = unhurried(false, 1_000_000).await;
    until("all is acknowledged", || committed(&scene.log, 0) == Some(100)).await;
    assert_eq!((positions(&scene.lake, 0), scene.lake.marked().len()), (vec![], 100));
}

#[tokio::test]
async fn half_of_what_a_source_may_have_unacknowledged_forces_a_barrier() {
    let (scene, _topology) = unhurried(true, 200).await;
    until("all is stored and acknowledged", || committed(&scene.log, 0) == Some(100)).await;
    assert_eq!(positions(&scene.lake, 0), all(100));
}
