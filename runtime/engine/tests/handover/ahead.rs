//! Sinks that may be open beside others connect before anything else changes.

use std::time::Duration;

use catchwater_engine::topology::Topology;
use catchwater_sdk::ErrorKind;
use catchwater_sdk::conformance::doubles::{Call, MemoryLog, MemoryStore};

use super::{ELSEWHERE, ONE, adapt_while, all_is_there, flow, go_on_from};
use crate::changes::{AFTER, BEFORE, adapt, append, let_nobody_connect};
use crate::committed;
use crate::scene::{Scene, all, ended, positions, until};

/// As [`running`], with a store beside whose sinks others may be open.
async fn running_beside(lines: &str) -> (Scene, Topology) {
    let mut scene = Scene::new(MemoryLog::default());
    scene.letters = MemoryStore::transactional().beside();
    append(&scene, BEFORE);
    let topology = scene.start(lines).await;
    until("all is committed", || committed(&scene.log, 0) == Some(BEFORE)).await;
    (scene, topology)
}

/// A sink in the place of another, and one that is added.
const COMING: [&str; 2] = [ELSEWHERE, "sinks: [{type: lake, name: one}, {type: topic}, {type: letters}]\n"];

#[tokio::test]
async fn all_sinks_store_on_while_one_that_may_be_open_beside_them_connects() {
    for coming in COMING {
        let (scene, mut topology) = running_beside(ONE).await;
        let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
        let stored = async || {
            until("all is committed", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
            assert_eq!(positions(&scene.lake, 0), all(BEFORE + AFTER));
        };
        let connecting = (&scene.letters, Call::Open);
        assert_eq!(adapt_while((&scene, &mut topology), coming, connecting, stored).await, None, "{coming}");
        go_on_from(&scene, topology).await;
        let end = BEFORE + 2 * AFTER;
        assert_eq!(positions(&scene.letters, 0), (BEFORE + AFTER..end).collect::<Vec<_>>());
        assert_eq!((positions(&scene.topic, 0), committed(&scene.log, 0)), (all(end), Some(end)));
    }
}

#[tokio::test]
async fn nothing_is_touched_for_one_that_is_refused_beside_the_others() {
    for coming in COMING {
        let (scene, mut topology) = running_beside(ONE).await;
        let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
        scene.letters.faults.fail(Call::Open, ErrorKind::Unavailable);
        scene.letters.faults.fail(Call::Open, ErrorKind::Refused);
        let why_not = adapt(&scene, &mut topology, coming).await.expect("it stays as it was");
        assert!(why_not.contains("Open was told to fail"), "{why_not}");
        flow(&scene, AFTER).await;
        all_is_there(&scene, topology, 1).await;
    }
}

#[tokio::test]
async fn nothing_is_touched_for_one_that_does_not_connect_in_time_beside_the_others() {
    let (scene, topology) = running_beside(ONE).await;
    let mut topology = topology.with_patience(Duration::from_secs(1));
    let_nobody_connect(&scene, &[&scene.lake, &scene.topic]);
    (0..10_000).for_each(|_| scene.letters.faults.fail(Call::Open, ErrorKind::Unavailable));
    let (why_not, ()) = tokio::join!(adapt(&scene, &mut topology, ELSEWHERE), flow(&scene, AFTER));
    let why_not = why_not.expect("it stays as it was");
    assert!(why_not.starts_with("it had not connected after 1 s; one waits: "), "{why_not}");
    all_is_there(&scene, topology, 1).await;
    assert!(positions(&scene.letters, 0).is_empty());
}

#[tokio::test]
async fn what_comes_between_while_one_connects_beside_the_others_is_heard() {
    for between in ["stop", "failure", "move"] {
        let (scene, mut topology) = running_beside(ONE).await;
        let stopper = topology.stopper();
        let happens = async || match between {
            "stop" => {
                stopper.stop();
                until("all is committed", || committed(&scene.log, 0) == Some(BEFORE + AFTER)).await;
            }
            "failure" => {
                scene.topic.faults.fail(Call::Write, ErrorKind::Stale);
                append(&scene, AFTER);
                until("it is read again", || committed(&scene.log, 0) == Some(BEFORE + 2 * AFTER)).await;
            }
            _ => {
                scene.log.revoke(&[0], Duration::from_secs(20));
                scene.log.assign(&[0]);
                until("it is given up", || scene.log.released() == [MemoryLog::partition(0)]).await;
            }
        };
        let connecting = (&scene.letters, Call::Open);
        assert_eq!(adapt_while((&scene, &mut topology), ELSEWHERE, connecting, happens).await, None, "{between}");
        topology.stop_all();
        ended(topology).await.expect("ends well");
        append(&scene, AFTER);
        scene.log.end();
        scene.run(ONE).await.expect("ends well");
        let end = BEFORE + if between == "failure" { 3 } else { 2 } * AFTER;
        let mut stored = positions(&scene.topic, 0);
        stored.sort_unstable();
        stored.dedup();
        assert_eq!((stored, committed(&scene.log, 0)), (all(end), Some(end)), "{between}");
    }
}
