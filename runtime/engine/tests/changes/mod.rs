//! What changes while a pipeline runs, and what goes on meanwhile.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_engine::plan::Plan;
use catchwater_engine::status::State;
use catchwater_engine::topology::{Change, Topology};
use catchwater_sdk::ErrorKind;
use catchwater_sdk::conformance::doubles::{Call, MemoryLog, MemoryStore};
use catchwater_sdk::source::SourceTraits;

use crate::scene::{Scene, all, ended, positions, until};
use crate::{LAKE, LAKE_AND_TOPIC, TOO_SHORT, committed, numbers};

/// Records that are there when a pipeline starts, and those that come after its change.
pub(crate) const BEFORE: i64 = 100;
pub(crate) const AFTER: i64 = 50;
const FIRST_CHECKPOINT: Duration = Duration::from_millis(50);

pub(crate) fn append(scene: &Scene, records: i64) {
    (0..records).for_each(|_| scene.log.append(0, Some(b"x")));
}

/// A pipeline that has committed all that there is.
pub(crate) async fn running(lines: &str) -> (Scene, Topology) {
    let scene = Scene::new(MemoryLog::default());
    append(&scene, BEFORE);
    let topology = scene.start(lines).await;
    until("all is committed", || committed(&scene.log, 0) == Some(BEFORE)).await;
    (scene, topology)
}

/// From now on, whoever connects anew fails.
pub(crate) fn let_nobody_connect(scene: &Scene, stores: &[&MemoryStore]) {
    scene.log.faults.fail(Call::Open, ErrorKind::Bug);
    stores.iter().for_each(|store| store.faults.fail(Call::Open, ErrorKind::Bug));
}

/// Changes the pipeline while it runs; answers why not.
pub(crate) async fn adapt(scene: &Scene, topology: &mut Topology, lines: &str) -> Option<String> {
    let turned = topology.apply(&scene.plan(lines)).await;
    assert_eq!(turned.iter().map(|turned| turned.change).collect::<Vec<_>>(), [Change::Adapt]);
    turned.into_iter().next()?.trouble.map(|error| error.chain())
}

/// Lets more records come, and the source end.
pub(crate) async fn go_on(scene: &Scene, topology: Topology) {
    append(scene, AFTER);
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(committed(&scene.log, 0), Some(BEFORE + AFTER));
}

#[tokio::test]
async fn a_changed_transform_swaps_between_two_batches_and_nobody_connects_anew() {
    let (scene, mut topology) = running(LAKE_AND_TOPIC).await;
    let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
    let marking = format!("transforms: [{{type: mark}}]\n{LAKE_AND_TOPIC}");
    assert_eq!(adapt(&scene, &mut topology, &marking).await, None);
    go_on(&scene, topology).await;
    for store in [&scene.lake, &scene.topic] {
        assert_eq!(positions(store, 0), all(BEFORE + AFTER));
        let marked = store.records().iter().filter(|record| record.payload.as_deref() == Some(b"marked")).count();
        assert_eq!(marked as i64, AFTER);
    }
}

#[tokio::test]
async fn a_transform_goes_on_with_what_it_remembers_whether_it_stays_or_is_swapped() {
    let (scene, mut topology) = running(&format!("transforms: [{{type: count}}]\n{LAKE}")).await;
    let_nobody_connect(&scene, &[&scene.lake]);
    for transforms in
        ["[{type: mark}, {type: count}]", "[{type: mark}, {type: count, on_error: drop}]", "[{type: count}]"]
    {
        assert_eq!(adapt(&scene, &mut topology, &format!("transforms: {transforms}\n{LAKE}")).await, None);
        append(&scene, 10);
    }
    until("all is committed", || committed(&scene.log, 0) == Some(BEFORE + 30)).await;
    assert_eq!(numbers(&scene.lake), all(BEFORE + 30));
}

#[tokio::test]
async fn what_was_remembered_before_a_swap_is_known_after_a_failure_behind_it() {
    let (scene, mut topology) = running(&format!("transforms: [{{type: count}}]\n{LAKE}")).await;
    let swapped = format!("transforms: [{{type: count, on_error: drop}}]\n{LAKE}");
    assert_eq!(adapt(&scene, &mut topology, &swapped).await, None);
    scene.lake.faults.fail(Call::Write, ErrorKind::Stale);
    go_on(&scene, topology).await;
    assert_eq!(numbers(&scene.lake), all(BEFORE + AFTER));
}

#[tokio::test]
async fn a_transform_that_cannot_be_built_leaves_everything_as_it_was() {
    let (scene, mut topology) = running(&format!("transforms: [{{type: count, name: one}}]\n{LAKE}")).await;
    let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
    let forgetting = format!("transforms: [{{type: forgets, name: one}}]\n{LAKE_AND_TOPIC}");
    let why_not = adapt(&scene, &mut topology, &forgetting).await.expect("it is refused");
    assert!(why_not.contains("it wants to remember nothing"), "{why_not}");
    go_on(&scene, topology).await;
    assert_eq!(numbers(&scene.lake), all(BEFORE + AFTER));
}

#[tokio::test]
async fn settings_change_in_place() {
    let scene = Scene::new(MemoryLog::default());
    append(&scene, BEFORE);
    let plan = |interval: &str, attempts: u32| {
        let retry = format!("{{initial: 1ms, max: 2ms, attempts: {attempts}}}");
        let source = "name: p\nsource: {type: log, format: opaque}\nsinks: [{type: topic}]";
        let planned = scene.try_plan(&format!("{source}\ncheckpoint_interval: {interval}\nretry: {retry}\n"));
        planned.unwrap_or_else(|mistakes| panic!("{mistakes}"))
    };
    let mut topology = scene.topology();
    topology.apply(&plan("1h", 9)).await;
    until("it has begun", || committed(&scene.log, 0).is_some()).await;
    // The first checkpoint is at once, the next one an hour later.
    tokio::time::sleep(FIRST_CHECKPOINT).await;
    append(&scene, AFTER);
    until("all is read", || topology.statuses()[0].1.read.load(Relaxed) == (BEFORE + AFTER) as u64).await;
    assert_ne!(committed(&scene.log, 0), Some(BEFORE + AFTER));
    let_nobody_connect(&scene, &[]);
    let turned = topology.apply(&plan("10ms", 2)).await;
    assert!(turned[0].change == Change::Adapt && turned[0].trouble.is_none(), "{turned:?}");
    until("checkpoints are as often as they should be", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
    (0..9).for_each(|_| scene.topic.faults.fail(Call::Barrier, ErrorKind::Unavailable));
    let error = ended(topology).await.expect_err("it gives up");
    assert!(error.to_string().contains("gave up after 2 attempts"), "{error}");
}

#[tokio::test]
async fn a_changed_sink_stores_what_it_has_and_the_others_stay() {
    let mut scene = Scene::new(MemoryLog::default());
    scene.lake = MemoryStore::with_hot_log();
    append(&scene, BEFORE);
    let lines = |lake: &str| format!("sinks: [{{type: topic}}, {{type: lake{lake}}}]\nidle: 1h\n");
    let plan = |lake: &str| {
        let text = format!("name: p\nsource: {{type: log, format: opaque}}\n{}", lines(lake));
        scene.try_plan(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    };
    let mut topology = scene.topology();
    topology.apply(&plan("")).await;
    until("all is written", || positions(&scene.topic, 0) == all(BEFORE)).await;
    assert!(positions(&scene.lake, 0).is_empty());
    let_nobody_connect(&scene, &[&scene.topic]);
    let turned = topology.apply(&plan(", name: another")).await;
    assert!(turned[0].change == Change::Adapt && turned[0].trouble.is_none(), "{turned:?}");
    assert_eq!(positions(&scene.lake, 0), all(BEFORE));
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
    assert_eq!(positions(&scene.topic, 0), all(BEFORE + AFTER));
}

/// A transform that drops what it has seen takes what comes again for new.
#[tokio::test]
async fn a_sink_that_lacks_what_was_read_takes_the_source_back_and_the_others_skip_it() {
    let once = |sinks: &str| format!("transforms: [{{type: once}}]\n{sinks}");
    let (scene, mut topology) = running(&once("sinks: [{type: letters}]\n")).await;
    assert_eq!(adapt(&scene, &mut topology, &once(LAKE)).await, None);
    append(&scene, AFTER);
    until("the new sink has the rest", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
    assert_eq!(adapt(&scene, &mut topology, &once("sinks: [{type: lake}, {type: letters}]\n")).await, None);
    append(&scene, AFTER);
    scene.log.end();
    ended(topology).await.expect("ends well");
    let end = BEFORE + 2 * AFTER;
    assert_eq!(positions(&scene.letters, 0), all(end));
    assert_eq!(positions(&scene.lake, 0), (BEFORE..end).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_sink_that_is_refused_is_put_back() {
    let (scene, mut topology) = running(LAKE).await;
    scene.topic.faults.fail(Call::Open, ErrorKind::Refused);
    let why_not = adapt(&scene, &mut topology, LAKE_AND_TOPIC).await.expect("it is put back");
    assert!(why_not.contains("Open was told to fail"), "{why_not}");
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
    assert!(positions(&scene.topic, 0).is_empty());
}

/// One task has the only partition and is busy with a commit, when the other's new sink is refused.
#[tokio::test]
async fn the_task_that_fails_says_why_a_change_is_put_back_and_not_the_one_that_stops_for_it() {
    let scene = Scene::new(MemoryLog::default());
    scene.log.keep_positions();
    let shareable = SourceTraits { shareable: true, ..scene.log.source().traits() };
    scene.log.set_traits(shareable);
    let (before, after) = (format!("tasks: 2\n{LAKE}"), format!("tasks: 2\n{LAKE_AND_TOPIC}"));
    let mut topology = scene.start(&before).await;
    let status = topology.status("p");
    until("both tasks run", || status.condition().state == State::Running).await;
    tokio::time::sleep(FIRST_CHECKPOINT).await;
    append(&scene, BEFORE);
    scene.log.assign(&[0]);
    until("all is committed", || committed(&scene.log, 0) == Some(BEFORE)).await;
    scene.log.faults.hold(Call::Commit);
    scene.topic.faults.hold(Call::Open);
    append(&scene, AFTER);
    scene.topic.faults.fail(Call::Open, ErrorKind::Refused);
    let failing = async {
        until("one commits", || scene.log.faults.is_waiting(Call::Commit)).await;
        until("the other connects", || scene.topic.faults.is_waiting(Call::Open)).await;
        scene.topic.faults.release(Call::Open);
        tokio::time::sleep(FIRST_CHECKPOINT).await;
        scene.log.faults.release(Call::Commit);
    };
    let (why_not, ()) = tokio::join!(adapt(&scene, &mut topology, &after), failing);
    let why_not = why_not.expect("it is put back");
    assert!(why_not.contains("Open was told to fail"), "{why_not}");
}

#[tokio::test]
async fn a_sink_that_does_not_connect_in_time_is_put_back() {
    let (scene, topology) = running(LAKE).await;
    let mut topology = topology.with_patience(TOO_SHORT);
    scene.topic.faults.hold(Call::Open);
    let why_not = adapt(&scene, &mut topology, LAKE_AND_TOPIC).await.expect("it is put back");
    assert!(why_not.contains("had not connected"), "{why_not}");
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
}

#[tokio::test]
async fn sinks_that_cannot_store_in_time_stay_as_they_were() {
    let (scene, mut topology) = running(&format!("{LAKE}drain_timeout: 10ms\n")).await;
    let_nobody_connect(&scene, &[&scene.lake]);
    scene.lake.faults.hold(Call::Barrier);
    let why_not = adapt(&scene, &mut topology, &format!("{LAKE_AND_TOPIC}drain_timeout: 10ms\n")).await;
    assert!(why_not.is_some_and(|why| why.contains("drain_timeout")));
    scene.lake.faults.release(Call::Barrier);
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
    assert!(positions(&scene.topic, 0).is_empty());
}

#[tokio::test]
async fn which_records_a_sink_is_given_changes_in_place() {
    let lines = |query: &str| format!("sinks: [{{type: lake}}, {{type: topic, when: '_position:{query}'}}]\n");
    let (scene, mut topology) = running(&lines("<10")).await;
    let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
    assert_eq!(adapt(&scene, &mut topology, &lines(">=140")).await, None);
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.topic, 0), (0..10).chain(140..150).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_removed_sink_stores_what_it_has_before_it_goes() {
    let (scene, mut topology) = running(LAKE_AND_TOPIC).await;
    append(&scene, AFTER);
    assert_eq!(adapt(&scene, &mut topology, "sinks: [{type: topic}]\n").await, None);
    let kept = positions(&scene.lake, 0);
    assert_eq!(kept, all(kept.len() as i64));
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.topic, 0), all(BEFORE + AFTER));
    assert_eq!(positions(&scene.lake, 0), kept);
}

#[tokio::test]
async fn a_part_is_changed_while_another_part_drains() {
    let (scene, mut topology) = running(LAKE_AND_TOPIC).await;
    let plan = scene.plan(LAKE_AND_TOPIC);
    let nothing = Plan { pipelines: Vec::new(), destinations: Vec::new() };
    let (mut part, mut unknown) = (topology.lend(&["p"]), topology.lend(&["unknown"]));
    assert!(
        topology.apply(&nothing).await.is_empty() && unknown.apply(&nothing).await.is_empty(),
        "it is in the part alone"
    );
    assert!(part.apply(&plan).await.is_empty(), "it runs there");
    let turned = part.apply(&nothing).await;
    assert_eq!(turned.iter().map(|turned| turned.change).collect::<Vec<_>>(), [Change::Stop]);
    part.apply(&plan).await;
    topology.take_back(&["unknown"], unknown);
    topology.take_back(&["p"], part);
    assert_eq!(topology.statuses().len(), 1, "nobody is known that never ran");
    assert!(topology.apply(&plan).await.is_empty(), "it runs on");
    go_on(&scene, topology).await;
}
