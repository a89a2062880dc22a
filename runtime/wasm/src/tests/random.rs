//! Answers at random, many of them nearly right: none may make the host panic, and one that is believed adds up.

use catchwater_sdk::transform::Output;
use fastrand::Rng;

use super::batch;
use crate::bindings::types::{
    ByteColumnResult as ByteColumn, Edit, FieldColumnResult as FieldColumn, Outcome, Rejection, Replacement,
    TimeColumnResult as TimeColumn,
};
use crate::edit;

const ANSWERS: usize = 50_000;

#[test]
fn an_answer_at_random_is_refused_or_accounts_for_each_record() {
    let mut dice = Rng::with_seed(7);
    let (mut believed, mut replaced) = (0, 0);
    for _ in 0..ANSWERS {
        let records = dice.usize(1..6);
        let answer = outcome(&mut dice, records);
        let replaces = matches!(answer.edit, Edit::Replace(_));
        let batch = batch(&["a", "b", "c", "d", "e"][..records]);
        let Ok(edit) = edit::Edit::check(answer, &batch, usize::MAX) else { continue };
        let mut output = Output::new(&batch);
        edit.apply(&batch, 0..records, &mut output);
        let outcome = output.finish().expect("each record is accounted for");
        assert!(outcome.balance.holds() && outcome.balance.read == records as u64, "{:?}", outcome.balance);
        outcome.emitted.iter().for_each(|record| record.headers().for_each(drop));
        believed += 1;
        replaced += usize::from(replaces);
    }
    assert!(believed > 1000 && replaced > 100, "{believed} were believed, {replaced} of them with new records");
}

fn outcome(dice: &mut Rng, records: usize) -> Outcome {
    let rejected = (0..dice.usize(..3)).map(|_| Rejection { record: dice.u32(..6), reason: "odd".into() }).collect();
    let edit = match dice.u8(..4) {
        0 => Edit::Unchanged,
        1 => Edit::Keep(bitmap(dice, records)),
        _ => Edit::Replace(replacement(dice, records)),
    };
    Outcome { edit, rejected: if dice.bool() { Vec::new() } else { rejected } }
}

/// Most often each record has exactly one fate.
fn replacement(dice: &mut Rng, records: usize) -> Replacement {
    let (mut kept, mut dropped) = (vec![0; records.div_ceil(8)], vec![0; records.div_ceil(8)]);
    let mut input = Vec::new();
    for record in 0..records {
        match dice.u8(..4) {
            0 => kept[record / 8] |= 1 << (record % 8),
            1 => dropped[record / 8] |= 1 << (record % 8),
            _ => input.extend((0..dice.usize(1..3)).map(|_| record as u32)),
        }
    }
    if dice.u8(..5) == 0 {
        (kept, dropped) = (bitmap(dice, records), bitmap(dice, records));
    }
    if dice.u8(..5) == 0 {
        input.push(dice.u32(..7));
    }
    let rows = input.len();
    Replacement {
        input,
        payload: dice.bool().then(|| bytes(dice, rows)),
        key: dice.bool().then(|| bytes(dice, rows)),
        headers: dice.bool().then(|| fields(dice, rows)),
        properties: None,
        time: dice.bool().then(|| times(dice, rows)),
        kept,
        dropped,
    }
}

fn bitmap(dice: &mut Rng, records: usize) -> Vec<u8> {
    let bytes = if dice.u8(..8) == 0 { dice.usize(..3) } else { records.div_ceil(8) };
    (0..bytes).map(|_| dice.u8(..1 << records)).collect()
}

/// Ascending from zero to the end, unless it lies.
fn offsets(dice: &mut Rng, values: usize, end: usize) -> Vec<u32> {
    let mut offsets: Vec<_> = (0..values + 1).map(|_| dice.u32(..end as u32 + 1)).collect();
    offsets.sort_unstable();
    (offsets[0], offsets[values]) = (0, end as u32);
    match dice.u8(..20) {
        0 => offsets.truncate(dice.usize(..=values)),
        1 => offsets[dice.usize(..=values)] = dice.u32(..),
        2 => offsets.reverse(),
        _ => {}
    }
    offsets
}

fn bytes(dice: &mut Rng, values: usize) -> ByteColumn {
    let end = if values == 0 { 0 } else { dice.usize(..9) };
    let absent = if dice.bool() { Vec::new() } else { (0..values.div_ceil(8)).map(|_| dice.u8(..)).collect() };
    ByteColumn {
        offsets: offsets(dice, values, end),
        data: vec![if dice.u8(..9) == 0 { 0xff } else { b'x' }; end],
        absent,
    }
}

fn fields(dice: &mut Rng, rows: usize) -> FieldColumn {
    let count = if rows == 0 { 0 } else { dice.usize(..4) };
    FieldColumn {
        row_offsets: offsets(dice, rows, count),
        names: ByteColumn { absent: Vec::new(), ..bytes(dice, count) },
        values: bytes(dice, count),
        kinds: (0..count).map(|_| dice.u8(..18)).collect(),
    }
}

fn times(dice: &mut Rng, rows: usize) -> TimeColumn {
    let kinds = (0..rows + usize::from(dice.u8(..9) == 0)).map(|_| dice.u8(..3)).collect();
    TimeColumn { micros: (0..rows).map(|_| dice.i64(..)).collect(), kinds }
}
