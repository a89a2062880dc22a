//! What a plugin wants, and what it gets of that.

use super::memory::Memory;
use super::{Hand, Step, apply};

const CLOCK: &str = r#"(import "catchwater:plugin/clock@0.1.0" "now" (func $now (result i64)))"#;
const RANDOM: &str = r#"(import "catchwater:plugin/random@0.1.0" "bytes" (func $bytes (param i32 i32)))"#;

fn hand(deed: &str, imports: &str, memory: Memory) -> Step {
    Hand { process: &format!("{deed} (i32.const 4096)"), imports, memory, ..Hand::default() }.step()
}

#[test]
fn what_is_wanted_must_be_granted() {
    let step = hand("(drop (call $now))", CLOCK, Memory::default().wanting("clock"));
    let said = step.mistake("");
    assert_eq!(said, "grants: hand wants `clock`, which is not granted: `grants: {clock: true}`");
    assert!(step.mistake("grants: {random: true}").contains("hand wants `clock`"));
    assert_eq!(apply(&mut step.build("grants: {clock: true}").expect("it is granted"), &["a"]).0, ["a"]);
}

#[test]
fn what_is_imported_and_not_wanted_is_no_plugins() {
    let said = hand("(drop (call $now))", CLOCK, Memory::default()).mistake("grants: {clock: true}");
    assert!(said.ends_with("hand.wasm imports `clock` and does not say that it wants it"), "{said}");
    let said = hand("", "", Memory::default().wanting("files")).mistake("");
    assert!(said.ends_with("hand.wasm wants `files`, which this Catchwater does not have"), "{said}");
}

#[test]
fn what_is_granted_and_not_wanted_does_no_harm() {
    let step = hand("", "", Memory::default());
    assert_eq!(apply(&mut step.build("grants: {clock: true}").expect("it is sound"), &["a"]).0, ["a"]);
}

#[test]
fn the_time_is_that_of_the_pipeline() {
    // In the year 2020 and after; a plugin without a clock of the host's would have none.
    let deed = "(if (i64.lt_s (call $now) (i64.const 1577836800000000)) (then unreachable))";
    let step = hand(deed, CLOCK, Memory::default().wanting("clock"));
    assert_eq!(apply(&mut step.build("grants: {clock: true}").expect("it is granted"), &["a"]).0, ["a"]);
}

#[test]
fn chance_is_bounded() {
    let step = |count: u32| {
        let deed = format!(
            "(call $bytes (i32.const {count}) (i32.const 3200))
             (if (i32.ne (i32.load (i32.const 3204)) (i32.const {count})) (then unreachable))"
        );
        hand(&deed, RANDOM, Memory::default().wanting("random"))
    };
    let run = |count: u32| apply(&mut step(count).build("grants: {random: true}").expect("it is granted"), &["a"]);
    assert_eq!(run(65536).0, ["a"]);
    let reason = "a: plugin.trap: plugin hand: it failed: it asks for 65537 random bytes at once, and 65536 may be";
    assert_eq!(run(65537).1, [reason]);
}

#[test]
fn what_an_instance_for_trial_keeps_by_key_is_gone_with_it() {
    let imports = r#"(import "catchwater:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32) (result i32)))"#;
    let open = "(drop (call $set (i32.const 4096) (i32.const 1) (i32.const 4096) (i32.const 1)))";
    let step = Hand { open, imports, memory: Memory::default().wanting("state"), ..Hand::default() }.step();
    let mut transform = step.build("grants: {state: true}").expect("it is granted");
    assert_eq!(transform.state().as_deref(), Some(&b"hand 0 0\n"[..]));
    apply(&mut transform, &["a"]);
    assert!(transform.state().is_some_and(|state| state.len() > b"hand 0 0\n".len()), "the one that works keeps it");
}

#[test]
fn a_transform_gets_no_network() {
    let said = hand("", "", Memory::default()).mistake("grants: {egress: [{to: 'https://a'}]}");
    assert_eq!(said, "grants.egress: is for sources and sinks: a transform waits for nobody");
}
