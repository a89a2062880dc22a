//! Answers that do not add up: the batch has failed, and nothing of it is believed.

use std::sync::Arc;

use catchwater_sdk::conformance;

use super::memory::Memory;
use super::{Hand, apply};

fn check(memory: Memory, reason: &str) {
    let mut transform = Hand { memory, ..Hand::default() }.step().build("").expect("it is sound");
    let (emitted, rejected) = apply(&mut transform, &["a"]);
    assert!(emitted.is_empty(), "{emitted:?}");
    assert_eq!(rejected, [format!("a: plugin.trap: plugin hand: its answer is wrong: {reason}")]);
}

fn good(memory: Memory, payloads: &[&str], emitted: &[&str], rejected: &[&str]) {
    let mut transform = Hand { memory, ..Hand::default() }.step().build("").expect("it is sound");
    let (went_on, bad) = apply(&mut transform, payloads);
    assert_eq!(
        (went_on, bad),
        (emitted.iter().map(ToString::to_string).collect(), rejected.iter().map(ToString::to_string).collect())
    );
}

#[test]
fn each_edit_does_what_it_says() {
    let three = ["a", "b", "c"];
    good(Memory::default(), &three, &three, &[]);
    good(Memory::keep(&[0b101]), &three, &["a", "c"], &[]);
    good(Memory::keep(&[0b100]).rejecting(&[(1, "odd")]), &three, &["c"], &["b: odd"]);
    good(
        Memory::default().rejecting(&[(0, "odd"), (2, "")]),
        &three,
        &["b"],
        &["a: odd", "c: the plugin gives no reason"],
    );
    let made = Memory::replace(&[0, 0, 2], &[0, 1, 3, 3], b"xyz", &[0b010], &[0]);
    good(made, &three, &["x", "yz", "b", ""], &[]);
    let made = Memory::replace(&[1], &[0, 1], b"x", &[0], &[0b100]).rejecting(&[(0, "odd")]);
    good(made, &three, &["x"], &["a: odd"]);
}

#[test]
fn a_record_is_invented() {
    check(Memory::keep(&[0b11]), "a bitmap names record 1, and there are 1");
    check(Memory::default().rejecting(&[(1, "odd")]), "it names record 1, and there are 1");
    check(Memory::replace(&[7], &[0, 1], b"x", &[0], &[1]), "it names record 7, and there are 1");
}

#[test]
fn a_record_is_forgotten_or_told_of_twice() {
    check(Memory::replace(&[], &[0], b"", &[0], &[0]), "it does not say what becomes of record 0");
    check(Memory::replace(&[0], &[0, 1], b"x", &[1], &[0]), "record 0 is kept and made into others");
    check(Memory::keep(&[1]).rejecting(&[(0, "odd")]), "record 0 is rejected and kept");
    check(Memory::default().rejecting(&[(0, "odd"), (0, "odd")]), "record 0 is rejected and rejected");
}

#[test]
fn lengths_and_offsets_lie() {
    check(Memory::keep(&[]), "a bitmap of 0 bytes for 1 records");
    check(Memory::keep(&[1, 0]), "a bitmap of 2 bytes for 1 records");
    check(Memory::replace(&[0], &[0, 2], b"x", &[0], &[0]), "offsets that do not lead from 0 to 1 (payload)");
    check(Memory::replace(&[0], &[0], b"x", &[0], &[0]), "1 offsets for 1 values (payload)");
    check(Memory::replace(&[0, 0], &[0, 1, 0], b"x", &[0], &[0]), "offsets that do not lead from 0 to 1 (payload)");
}

#[test]
fn a_list_that_leads_out_of_its_memory_is_not_read() {
    let memory = Memory::keep(&[1]).claiming(1 << 29);
    let mut transform = Hand { memory, ..Hand::default() }.step().build("output_max: 1GiB").expect("it is sound");
    let (_, rejected) = apply(&mut transform, &["a"]);
    assert!(rejected[0].starts_with("a: plugin.trap: plugin hand: it "), "{rejected:?}");
}

#[test]
fn copies_of_a_record_count_as_bytes_of_the_answer() {
    let build =
        |keys| Hand { memory: Memory::copies(3000, &[0]), ..Hand::default() }.step().build(keys).expect("it is sound");
    let payload = "x".repeat(500);
    assert_eq!(apply(&mut build("output_max: 2MiB"), &[&payload]).0, vec![payload.clone(); 3000]);
    let (_, rejected) = apply(&mut build("output_max: 1MiB"), &[&payload]);
    let reason = "its answer is wrong: its new records are 1499500 bytes of copies, and 1048576 may be (`output_max`)";
    assert_eq!(rejected, [format!("{payload}: plugin.trap: plugin hand: {reason}")]);
}

#[test]
fn inputs_that_do_not_ascend_would_change_the_order() {
    let memory = Memory::replace(&[1, 0], &[0, 1, 2], b"xy", &[0], &[0]);
    let mut transform = Hand { memory, ..Hand::default() }.step().build("").expect("it is sound");
    let (_, rejected) = apply(&mut transform, &["a", "b"]);
    assert_eq!(rejected.len(), 2, "{rejected:?}");
}

#[test]
fn keeps_the_contract_of_a_transform() {
    let step = Hand::default().step();
    conformance::transform(|| step.build("").expect("it is sound"), None::<Arc<_>>);
}
