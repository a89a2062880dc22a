//! Plugins that take what they must not: each costs the record to blame, and the message names plugin, record and limit.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use catchwater_sdk::ErrorKind;

use super::memory::Memory;
use super::{Hand, Step, apply, try_apply};

const PAYLOADS: [&str; 7] = ["a", "b", "c", "X", "d", "e", "f"];

/// Does harm where one of the payloads is `X`, else changes nothing.
fn harm(deed: &str, imports: &str) -> Step {
    let process = format!("(if (call $has (local.get $batch) (i32.const 88)) (then {deed}))\n(i32.const 4096)");
    Hand { process: &process, imports, ..Hand::default() }.step()
}

fn check(step: &Step, keys: &str, reason: &str) {
    let mut transform = step.build(keys).expect("it is sound");
    let (emitted, rejected) = apply(&mut transform, &PAYLOADS);
    assert_eq!(emitted, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(rejected, [format!("X: plugin.trap: plugin hand: {reason}")]);
    assert_eq!(apply(&mut transform, &["g"]).0, ["g"], "it goes on");
}

#[test]
fn an_endless_loop_is_ended_in_time() {
    let reason = "it takes longer than 100ms (`time_max`): does it end?";
    check(&harm("(loop $again (br $again))", ""), "time_max: 100ms", reason);
}

#[test]
fn memory_without_end_is_refused() {
    let bomb = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    check(&harm(bomb, ""), "memory_max: 8MiB", "it asked for more than 8 MiB of memory (`memory_max`)");
}

#[test]
fn a_table_counts_as_memory() {
    let grow = "(drop (table.grow $wide (ref.null func) (i32.const 1000000))) unreachable";
    let reason = "it asked for more than 8 MiB of memory (`memory_max`)";
    check(&harm(grow, "(table $wide 1 funcref)"), "memory_max: 8MiB", reason);
}

#[test]
fn a_recursion_without_end_does_not_reach_the_stack_of_the_host() {
    let reason = "its calls are too deep for a stack of 512 KiB: does its recursion end?";
    check(&harm("(drop (call $deeper (i32.const 0)))", ""), "", reason);
}

#[test]
fn a_trap_is_told_by_its_kind() {
    let reason = "it trapped: wasm `unreachable` instruction executed";
    check(&harm("unreachable", ""), "", reason);
    let divide = "(drop (i32.div_u (i32.const 1) (i32.const 0)))";
    check(&harm(divide, ""), "", "it trapped: integer divide by zero");
    let outside = "(drop (i32.load (i32.const -8)))";
    check(&harm(outside, ""), "", "it trapped: out of bounds memory access");
}

const LOG: &str = r#"(import "catchwater:plugin/host@0.1.0" "log" (func $log (param i32 i32 i32)))"#;

#[test]
fn what_it_logs_before_it_breaks_off_is_the_reason() {
    let panic = "(call $log (i32.const 4) (i32.const 1200) (i32.const 4)) unreachable";
    check(&harm(panic, LOG), "", "hand");
}

#[test]
fn a_flood_of_lines_is_ended_in_time_and_left_out() {
    let flood = "(loop $again (call $log (i32.const 2) (i32.const 1200) (i32.const 4)) (br $again))";
    let reason = "it takes longer than 100ms (`time_max`): does it end?";
    check(&harm(flood, LOG), "time_max: 100ms, log_max: 3", reason);
}

/// Whether another step had all of its batches while this one was still at its first, on one thread for both.
fn lets_others_go_on(step: &Step) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("it starts");
    let (harmful, good) = (step.build("time_max: 500ms").expect("it is sound"), Hand::default().step());
    let good = good.build("").expect("it is sound");
    let [begun, ended] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let is_at_it = (Arc::clone(&begun), Arc::clone(&ended));
    let harm = async move {
        let mut harmful = harmful;
        begun.store(true, SeqCst);
        apply(&mut harmful, &PAYLOADS);
        ended.store(true, SeqCst);
    };
    let work = async move {
        let mut good = good;
        while !is_at_it.0.load(SeqCst) {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            apply(&mut good, &["a"]);
            tokio::task::yield_now().await;
        }
        !is_at_it.1.load(SeqCst)
    };
    let harm = runtime.spawn(harm);
    let went_on = runtime.block_on(runtime.spawn(work)).expect("it goes on");
    runtime.block_on(harm).expect("it is ended");
    went_on
}

#[test]
fn others_go_on_while_one_takes_all_of_its_time() {
    assert!(lets_others_go_on(&harm("(loop $again (br $again))", "")));
    let flood = "(loop $again (call $log (i32.const 2) (i32.const 1200) (i32.const 4)) (br $again))";
    assert!(lets_others_go_on(&harm(flood, LOG)));
}

#[test]
fn a_line_longer_than_an_answer_may_be_is_not_copied() {
    let line = "(call $log (i32.const 2) (i32.const 0) (i32.const 2000000))";
    check(&harm(line, LOG), "output_max: 1MiB", "it answers with more than 1 MiB (`output_max`)");
}

#[test]
fn an_answer_that_names_the_same_bytes_again_and_again_is_not_copied() {
    // A thousand rejections, each with a reason of a million bytes: one gigabyte for the host, one megabyte for the plugin.
    let entry = "(i32.add (i32.const 1048576) (i32.mul (global.get $calls) (i32.const 12)))";
    let huge = format!(
        "(loop $next
           (i32.store offset=4 {entry} (i32.const 1064960))
           (i32.store offset=8 {entry} (i32.const 1000000))
           (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
           (br_if $next (i32.lt_u (global.get $calls) (i32.const 1000))))
         (i32.store (i32.const 4340) (i32.const 1048576))
         (i32.store (i32.const 4344) (i32.const 1000))"
    );
    check(&harm(&huge, ""), "output_max: 64MiB", "it answers with more than 64 MiB (`output_max`)");
}

#[test]
fn too_many_records_that_break_it_off_stop_the_step() {
    let mut transform = harm("unreachable", "").build("failures_max: 2").expect("it is sound");
    let error = try_apply(&mut transform, &["X", "a", "X", "b", "X"]).map(drop).expect_err("it is too much");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    let start = "plugin hand: more than 2 records within a minute make it break off (`failures_max`); the last is";
    assert!(text.starts_with(start) && text.contains("orders[0] at 4"), "{text}");
}

#[test]
fn what_breaks_off_only_once_costs_no_record() {
    let once = "(if (i32.eq (global.get $calls) (i32.const 2)) (then unreachable))\n(i32.const 4096)";
    let mut transform = Hand { process: once, ..Hand::default() }.step().build("failures_max: 0").expect("it is sound");
    for _ in 0..5 {
        assert_eq!(apply(&mut transform, &["a", "b"]), (vec!["a".into(), "b".into()], vec![]));
    }
}

#[test]
fn what_the_plugin_says_of_itself_is_the_kind_of_the_error() {
    let kinds = [ErrorKind::Config, ErrorKind::Unavailable, ErrorKind::Refused, ErrorKind::Data];
    for (number, kind) in (0..).zip(kinds) {
        let hand = Hand { memory: Memory::failing(number, "no table"), ..Hand::default() };
        let mut transform = hand.step().build("").expect("it is sound");
        let error = try_apply(&mut transform, &["a"]).map(drop).expect_err("it fails");
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, "plugin hand: no table"));
    }
}
