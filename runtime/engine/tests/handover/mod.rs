//! One sink changes while the others flow on, and what may come between.

mod ahead;

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_engine::topology::Topology;
use catchwater_sdk::ErrorKind;
use catchwater_sdk::conformance::doubles::{Call, MemoryLog, MemoryStore};

use crate::changes::{AFTER, BEFORE, adapt, append, go_on, let_nobody_connect, running};
use crate::committed;
use crate::scene::{Scene, all, ended, positions, until};

const ONE: &str = "sinks: [{type: lake, name: one}, {type: topic}]\n";
/// The same store by another sink.
const CHANGED: &str = "sinks: [{type: lake, name: one, on_error: drop}, {type: topic}]\n";
/// Another store in its place.
const ELSEWHERE: &str = "sinks: [{type: letters, name: one}, {type: topic}]\n";

/// Records come one by one, each in a batch and before a barrier of its own: more than may be under way, or in a channel.
async fn flow(scene: &Scene, records: i64) {
    for _ in 0..records {
        append(scene, 1);
        let stored = positions(&scene.topic, 0).len() + 1;
        until("the other sink stores what comes", || positions(&scene.topic, 0).len() >= stored).await;
    }
}

/// The same where one sink hangs that could not be replaced: no barrier is complete any more, but reading goes on.
async fn read_one_by_one(scene: &Scene, topology: &Topology, records: i64) {
    let status = &topology.statuses()[0].1;
    for _ in 0..records {
        let read = status.read.load(Relaxed);
        append(scene, 1);
        until("it is read", || status.read.load(Relaxed) > read).await;
    }
}

/// Changes the pipeline; once the call waits at the store lets others flow on, then does what comes between, then lets go.
async fn adapt_while(
    (scene, topology): (&Scene, &mut Topology),
    lines: &str,
    (store, call): (&MemoryStore, Call),
    between: impl AsyncFnOnce(),
) -> Option<String> {
    store.faults.hold(call);
    let going = async {
        until("the call waits", || store.faults.is_waiting(call)).await;
        flow(scene, AFTER).await;
        between().await;
        store.faults.release(call);
    };
    tokio::join!(adapt(scene, topology, lines), going).0
}

/// After `rounds` times that the others flowed on.
async fn all_is_there(scene: &Scene, topology: Topology, rounds: i64) {
    append(scene, AFTER);
    scene.log.end();
    ended(topology).await.expect("ends well");
    let end = BEFORE + (rounds + 1) * AFTER;
    assert_eq!(committed(&scene.log, 0), Some(end));
    assert_eq!(positions(&scene.lake, 0), all(end));
    assert_eq!(positions(&scene.topic, 0), all(end));
}

#[tokio::test]
async fn the_other_sinks_flow_on_while_one_stores_what_it_has() {
    let (scene, mut topology) = running(ONE).await;
    let_nobody_connect(&scene, &[&scene.topic]);
    let stored = async || assert_eq!(positions(&scene.lake, 0), all(BEFORE));
    let store = (&scene.lake, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), CHANGED, store, stored).await, None);
    all_is_there(&scene, topology, 1).await;
}

#[tokio::test]
async fn the_other_sinks_flow_on_while_one_closes_and_the_next_connects() {
    for call in [Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let_nobody_connect(&scene, &[&scene.topic]);
        let store = (&scene.lake, call);
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, store, async || {}).await, None, "{call:?}");
        all_is_there(&scene, topology, 1).await;
    }
}

#[tokio::test]
async fn a_sink_elsewhere_begins_right_where_the_one_before_it_ends() {
    let (scene, mut topology) = running(ONE).await;
    let store = (&scene.lake, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), ELSEWHERE, store, async || {}).await, None);
    go_on_from(&scene, topology).await;
    let (first, second) = (positions(&scene.lake, 0), positions(&scene.letters, 0));
    assert_eq!(first, all(BEFORE));
    assert_eq!(second, (BEFORE..BEFORE + 2 * AFTER).collect::<Vec<_>>());
    assert_eq!(positions(&scene.topic, 0), all(BEFORE + 2 * AFTER));
}

async fn go_on_from(scene: &Scene, topology: Topology) {
    append(scene, AFTER);
    scene.log.end();
    ended(topology).await.expect("ends well");
}

/// The store that it goes back to lacks what came meanwhile; the other one stores no positions, and gets that twice.
#[tokio::test]
async fn a_sink_that_lacks_what_was_read_gets_it_in_order_and_nothing_of_it_is_committed_before() {
    let behind_once = |sinks: &str| format!("transforms: [{{type: once}}]\n{sinks}");
    let (scene, mut topology) = running(&behind_once(ELSEWHERE)).await;
    assert_eq!(adapt(&scene, &mut topology, &behind_once(ONE)).await, None);
    flow(&scene, AFTER).await;
    let behind = async || assert!(committed(&scene.log, 0) <= Some(BEFORE + AFTER));
    let store = (&scene.lake, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), &behind_once(ELSEWHERE), store, behind).await, None);
    go_on_from(&scene, topology).await;
    let end = BEFORE + 3 * AFTER;
    assert_eq!(positions(&scene.letters, 0), all(end));
    assert_eq!(positions(&scene.lake, 0), (BEFORE..BEFORE + AFTER).collect::<Vec<_>>());
    assert_eq!(positions(&scene.topic, 0)[..(BEFORE + 2 * AFTER) as usize], all(BEFORE + 2 * AFTER));
    assert_eq!((once(&scene.topic), committed(&scene.log, 0)), (all(end), Some(end)));
}

#[tokio::test]
async fn a_sink_that_stores_no_positions_is_followed_without_gap_or_repeat() {
    let lines = |on_error: &str| format!("sinks: [{{type: topic{on_error}}}, {{type: lake}}]\n");
    let (scene, mut topology) = running(&lines("")).await;
    scene.topic.faults.hold(Call::Barrier);
    let going = async {
        until("it waits", || scene.topic.faults.is_waiting(Call::Barrier)).await;
        append(&scene, AFTER);
        until("the lake stores it", || positions(&scene.lake, 0) == all(BEFORE + AFTER)).await;
        scene.topic.faults.release(Call::Barrier);
    };
    let lines = lines(", on_error: drop");
    assert_eq!(tokio::join!(adapt(&scene, &mut topology, &lines), going).0, None);
    all_is_there(&scene, topology, 1).await;
}

#[tokio::test]
async fn a_sink_that_goes_stores_what_it_has_while_the_others_flow_on() {
    let (scene, mut topology) = running(ONE).await;
    let_nobody_connect(&scene, &[&scene.topic]);
    let store = (&scene.lake, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), "sinks: [{type: topic}]\n", store, async || {}).await, None);
    go_on_from(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE));
    assert_eq!(positions(&scene.topic, 0), all(BEFORE + 2 * AFTER));
    assert_eq!(committed(&scene.log, 0), Some(BEFORE + 2 * AFTER));
}

#[tokio::test]
async fn two_sinks_change_and_one_goes_at_once_and_the_order_is_another() {
    let before = "sinks: [{type: letters, name: gone}, {type: lake, name: one}, {type: topic}, {type: taker}]\n";
    let after = "sinks: [{type: topic}, {type: taker, on_error: drop}, {type: lake, name: two}]\n";
    let (scene, mut topology) = running(before).await;
    let store = (&scene.letters, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), after, store, async || {}).await, None);
    go_on_from(&scene, topology).await;
    let end = BEFORE + 2 * AFTER;
    assert_eq!((positions(&scene.lake, 0), positions(&scene.letters, 0)), (all(end), all(BEFORE)));
    let twice = positions(&scene.topic, 0);
    assert_eq!(twice.len() as i64, 2 * end, "it is the store of two sinks");
    assert_eq!(committed(&scene.log, 0), Some(end));
}

#[tokio::test]
async fn what_is_held_is_bounded() {
    let (scene, mut topology) = running(ONE).await;
    let read = topology.status("p");
    scene.lake.faults.hold(Call::Barrier);
    let going = async {
        until("it waits", || scene.lake.faults.is_waiting(Call::Barrier)).await;
        (0..48).for_each(|_| scene.log.append(0, Some(&[b'x'; 1 << 20])));
        until("reading has stopped", || read.read.load(Relaxed) > 120).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let most = read.read.load(Relaxed) as i64 - BEFORE;
        assert!((24..=40).contains(&most), "{most} MiB are held");
        scene.lake.faults.release(Call::Barrier);
    };
    assert_eq!(tokio::join!(adapt(&scene, &mut topology, CHANGED), going).0, None);
    append(&scene, AFTER - 48);
    all_is_there(&scene, topology, 1).await;
}

#[tokio::test]
async fn a_sink_that_cannot_store_in_time_stays_and_the_task_hears_what_is_ordered_next() {
    let lines = |on_error: &str, query: &str| {
        format!(
            "sinks: [{{type: lake, name: one{on_error}}}, {{type: topic, when: '_position:>={query}'}}]\ndrain_timeout: 300ms\n"
        )
    };
    let changed = lines(", on_error: drop", "0");
    let (scene, mut topology) = running(&lines("", "0")).await;
    let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
    scene.lake.faults.hold(Call::Barrier);
    let (why_not, ()) = tokio::join!(adapt(&scene, &mut topology, &changed), async {
        until("it waits", || scene.lake.faults.is_waiting(Call::Barrier)).await;
        flow(&scene, 10).await;
    });
    assert!(why_not.is_some_and(|why| why.contains("drain_timeout")));
    read_one_by_one(&scene, &topology, 10).await;
    assert_eq!(adapt(&scene, &mut topology, &lines("", "1")).await, None, "it is heard while the sink hangs");
    let why_not = adapt(&scene, &mut topology, &lines(", on_error: drop", "1")).await;
    assert!(why_not.is_some_and(|why| why.contains("drain_timeout")));
    read_one_by_one(&scene, &topology, 30).await;
    scene.lake.faults.release(Call::Barrier);
    all_is_there(&scene, topology, 1).await;
}

#[tokio::test]
async fn a_stop_is_heard_while_a_sink_that_stayed_hangs() {
    let (scene, mut topology) = running(&format!("{ONE}drain_timeout: 50ms\n")).await;
    scene.lake.faults.hold(Call::Barrier);
    let why_not = adapt(&scene, &mut topology, &format!("{CHANGED}drain_timeout: 50ms\n")).await;
    assert!(why_not.is_some_and(|why| why.contains("drain_timeout")));
    read_one_by_one(&scene, &topology, 20).await;
    topology.stop_all();
    let error = ended(topology).await.expect_err("it says that it could not finish");
    assert!(error.to_string().contains("drain_timeout"), "{error}");
    assert_eq!(committed(&scene.log, 0), Some(BEFORE));
    scene.lake.faults.release(Call::Barrier);
    scene.log.end();
    scene.run(ONE).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + 20));
}

/// At any point: while it stores, closes, connects.
#[tokio::test]
async fn a_source_that_ends_meanwhile_ends_the_pipeline_with_all_that_it_had() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let end = async || scene.log.end();
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), end).await, None, "{call:?}");
        ended(topology).await.expect("ends well");
        assert_eq!(committed(&scene.log, 0), Some(BEFORE + AFTER), "{call:?}");
        assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER), "{call:?}");
        assert_eq!(positions(&scene.topic, 0), all(BEFORE + AFTER), "{call:?}");
    }
}

#[tokio::test]
async fn a_stop_meanwhile_stores_all_that_was_read() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let stopper = topology.stopper();
        let plan = scene.plan(CHANGED);
        scene.lake.faults.hold(call);
        let stopping = async {
            until("the call waits", || scene.lake.faults.is_waiting(call)).await;
            flow(&scene, AFTER).await;
            stopper.stop();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(committed(&scene.log, 0), Some(BEFORE));
            scene.lake.faults.release(call);
            until("all is committed", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
        };
        tokio::join!(topology.apply(&plan), stopping);
        topology.stop_all();
        ended(topology).await.expect("ends well");
        append(&scene, AFTER);
        scene.log.end();
        scene.run(ONE).await.expect("ends well");
        assert_eq!(positions(&scene.lake, 0), all(BEFORE + 2 * AFTER), "{call:?}");
        assert_eq!(positions(&scene.topic, 0), all(BEFORE + 2 * AFTER), "{call:?}");
    }
}

#[tokio::test]
async fn partitions_that_move_meanwhile_are_drained_and_committed_before_they_go() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let moving = async || {
            scene.log.revoke(&[0], Duration::from_secs(20));
            scene.log.assign(&[0]);
        };
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), moving).await, None, "{call:?}");
        until("it is given up", || scene.log.released() == [MemoryLog::partition(0)]).await;
        until("all is committed", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
        all_is_there(&scene, topology, 1).await;
    }
}

#[tokio::test]
async fn partitions_that_must_move_before_a_sink_is_done_are_given_up() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let moving = async || {
            scene.log.revoke(&[0], Duration::from_millis(1));
            scene.log.assign(&[0]);
            if call != Call::Close {
                until("it is given up", || scene.log.released() == [MemoryLog::partition(0)]).await;
            }
        };
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), moving).await, None, "{call:?}");
        go_on_from(&scene, topology).await;
        assert_eq!(positions(&scene.lake, 0), all(BEFORE + 2 * AFTER), "{call:?}");
        assert_eq!(committed(&scene.log, 0), Some(BEFORE + 2 * AFTER), "{call:?}");
    }
}

#[tokio::test]
async fn a_partition_that_comes_meanwhile_is_read_by_all_sinks() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        (0..BEFORE).for_each(|_| scene.log.append(1, Some(b"y")));
        let coming = async || scene.log.assign(&[1]);
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), coming).await, None, "{call:?}");
        until("it is committed", || committed(&scene.log, 1) == Some(BEFORE)).await;
        assert_eq!(positions(&scene.lake, 1), all(BEFORE));
        all_is_there(&scene, topology, 1).await;
    }
}

#[tokio::test]
async fn a_failure_meanwhile_is_read_again_from_what_is_stored() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        for failing in [Call::Barrier, Call::Write] {
            let (scene, mut topology) = running(ONE).await;
            let fencing = async || {
                scene.topic.faults.fail(failing, ErrorKind::Stale);
                append(&scene, 1);
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            let why_not = adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), fencing).await;
            assert_eq!(why_not, None, "{call:?} {failing:?}");
            append(&scene, AFTER - 1);
            go_on_from(&scene, topology).await;
            let end = BEFORE + 3 * AFTER;
            assert_eq!(positions(&scene.lake, 0), all(end), "{call:?} {failing:?}");
            assert_eq!(committed(&scene.log, 0), Some(end));
        }
    }
}

#[tokio::test]
async fn a_sink_that_is_fenced_as_it_leaves_is_read_again_by_the_next() {
    let (scene, mut topology) = running(ONE).await;
    let fencing = async || scene.lake.faults.fail(Call::Barrier, ErrorKind::Stale);
    let store = (&scene.lake, Call::Barrier);
    assert_eq!(adapt_while((&scene, &mut topology), CHANGED, store, fencing).await, None);
    go_on_from(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + 2 * AFTER));
}

#[tokio::test]
async fn a_source_that_is_away_meanwhile_comes_back() {
    for call in [Call::Barrier, Call::Close, Call::Open, Call::Stored] {
        let (scene, mut topology) = running(ONE).await;
        let away = async || {
            [Call::Poll, Call::Open, Call::Confirm]
                .iter()
                .for_each(|call| scene.log.faults.fail(*call, ErrorKind::Unavailable));
            append(&scene, AFTER);
        };
        assert_eq!(adapt_while((&scene, &mut topology), CHANGED, (&scene.lake, call), away).await, None, "{call:?}");
        all_is_there(&scene, topology, 2).await;
    }
}

#[tokio::test]
async fn a_sink_that_follows_and_is_refused_is_put_back() {
    let (scene, mut topology) = running(ONE).await;
    scene.letters.faults.fail(Call::Open, ErrorKind::Refused);
    let why_not = adapt(&scene, &mut topology, ELSEWHERE).await.expect("it is put back");
    assert!(why_not.contains("Open was told to fail"), "{why_not}");
    go_on(&scene, topology).await;
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
    assert!(positions(&scene.letters, 0).is_empty());
}

#[tokio::test]
async fn a_sink_that_follows_and_does_not_connect_in_time_is_put_back() {
    let (scene, topology) = running(ONE).await;
    let mut topology = topology.with_patience(Duration::from_secs(1));
    scene.letters.faults.hold(Call::Open);
    let going = async {
        until("it connects", || scene.letters.faults.is_waiting(Call::Open)).await;
        flow(&scene, 5).await;
    };
    let (why_not, ()) = tokio::join!(adapt(&scene, &mut topology, ELSEWHERE), going);
    let why_not = why_not.expect("it is put back");
    assert!(why_not.contains("had not connected"), "{why_not}");
    append(&scene, AFTER - 5);
    scene.log.end();
    ended(topology).await.expect("ends well");
    assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
    assert!(positions(&scene.letters, 0).is_empty());
}

/// Invariant 3: letters of the one that leaves, of the others, and of the one that follows.
#[tokio::test]
async fn dead_letters_of_all_come_once() {
    let letters = "transforms: [{type: reject-thirds}]\ndead_letters: {type: letters}\n";
    let (scene, mut topology) = running(&format!("{ONE}{letters}")).await;
    scene.lake.refuse(b"poison");
    scene.log.append(0, Some(b"poison"));
    scene.log.append(0, Some(b"poison"));
    scene.lake.faults.hold(Call::Barrier);
    let going = async {
        until("it waits", || scene.lake.faults.is_waiting(Call::Barrier)).await;
        (0..AFTER).for_each(|_| scene.log.append(0, Some(b"poison")));
        until("the other stores it", || positions(&scene.topic, 0).last() >= Some(&(BEFORE + AFTER))).await;
        scene.lake.faults.release(Call::Barrier);
    };
    let changed =
        "sinks: [{type: lake, name: one, transforms: [{type: mark, when: '_position:>140'}]}, {type: topic}]\n";
    let changed = format!("{changed}{letters}");
    assert_eq!(tokio::join!(adapt(&scene, &mut topology, &changed), going).0, None);
    go_on_from(&scene, topology).await;
    let end = BEFORE + 2 + 2 * AFTER;
    let is_letter = |at: &i64| at % 3 == 0 || (BEFORE..=140).contains(at);
    assert_eq!(positions(&scene.lake, 0), (0..end).filter(|at| !is_letter(at)).collect::<Vec<_>>());
    let mut told = positions(&scene.letters, 0);
    told.sort_unstable();
    assert_eq!(told, (0..end).filter(is_letter).collect::<Vec<_>>());
    assert_eq!(committed(&scene.log, 0), Some(end));
}

const STORMS: u64 = 6;
const CHANGES: usize = 30;

/// Sinks change all the time, while calls wait and fail and partitions move.
#[tokio::test]
async fn whatever_comes_between_nothing_is_lost_or_doubled() {
    for seed in 0..STORMS {
        storm(seed).await;
    }
}

const VARIANTS: [&str; 6] = [
    ONE,
    CHANGED,
    "sinks: [{type: topic}, {type: lake, name: one}]\n",
    "sinks: [{type: lake, name: two}, {type: topic}]\n",
    "sinks: [{type: lake, name: one}, {type: topic}, {type: taker}]\n",
    "sinks: [{type: topic, on_error: drop}, {type: lake, name: one}]\n",
];
const STEPS: [&str; 3] =
    ["", "transforms: [{type: once}]\n", "transforms: [{type: reject-thirds}]\ndead_letters: {type: letters}\n"];
const SINK_CALLS: [Call; 5] = [Call::Open, Call::Stored, Call::Write, Call::Barrier, Call::Close];
const SOURCE_CALLS: [Call; 4] = [Call::Open, Call::Poll, Call::Start, Call::Confirm];

async fn storm(seed: u64) {
    let scene = Scene::new(MemoryLog::default());
    let appended = Cell::new(0);
    let appear = |records: i64| {
        append(&scene, records);
        appended.set(appended.get() + records);
    };
    appear(BEFORE);
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut orders = dice.fork();
    let steps = STEPS[seed as usize % STEPS.len()];
    let quick = scene.plan(ONE).pipelines[0].spec.settings.retry.clone();
    let mut topology = scene.topology().recovering(quick).with_patience(Duration::from_millis(100));
    let changing = async {
        for _ in 0..CHANGES {
            let variant = orders.choice(VARIANTS).expect("there are some");
            let drain_ms = orders.choice([10, 40, 2000]).expect("there are some");
            topology.apply(&scene.plan(&format!("{steps}{variant}drain_timeout: {drain_ms}ms\n"))).await;
            tokio::time::sleep(Duration::from_millis(orders.u64(..10))).await;
        }
    };
    let weather = async {
        loop {
            let store = dice.choice([&scene.lake, &scene.lake, &scene.topic, &scene.letters]).expect("there are some");
            let call = dice.choice(SINK_CALLS).expect("there are some");
            match dice.u32(..100) {
                0..60 => appear(dice.i64(1..5)),
                60..80 => {
                    store.faults.hold(call);
                    tokio::time::sleep(Duration::from_millis(dice.u64(..30))).await;
                    appear(dice.i64(1..5));
                    tokio::time::sleep(Duration::from_millis(dice.u64(..30))).await;
                    store.faults.release(call);
                }
                80..84 => store.faults.fail(call, ErrorKind::Unavailable),
                84..86 => store.faults.fail(call, ErrorKind::Stale),
                86..90 => scene.log.faults.fail(dice.choice(SOURCE_CALLS).expect("some"), ErrorKind::Unavailable),
                90..97 => {
                    scene.log.revoke(&[0], Duration::from_millis(dice.u64(..60)));
                    scene.log.assign(&[0]);
                }
                _ => {
                    scene.log.lose(&[0]);
                    scene.log.assign(&[0]);
                }
            }
            tokio::time::sleep(Duration::from_millis(dice.u64(..6))).await;
        }
    };
    tokio::select! {
        () = changing => {}
        () = weather => {}
    }
    for store in [&scene.lake, &scene.topic, &scene.letters] {
        SINK_CALLS.iter().for_each(|call| store.faults.release(*call));
    }
    appear(1);
    let end = appended.get();
    until(&format!("all is committed in storm {seed}"), || committed(&scene.log, 0) == Some(end)).await;
    let (letters, records): (Vec<_>, Vec<_>) = all(end).into_iter().partition(|at| seed % 3 == 2 && at % 3 == 0);
    assert_eq!(positions(&scene.lake, 0), records, "storm {seed}");
    assert_eq!(once(&scene.topic), records, "storm {seed}");
    assert_eq!(once(&scene.letters), letters, "storm {seed}");
}

/// What a store has that may have some of it twice.
fn once(store: &MemoryStore) -> Vec<i64> {
    let mut positions = positions(store, 0);
    positions.sort_unstable();
    positions.dedup();
    positions
}
