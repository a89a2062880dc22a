use super::super::testing::{apply, keeps_the_contract};
use super::*;
use crate::testing::{transform, try_transform};

pub(super) const IS_WORKER: &str = "CATCHWATER_TEST_JQ_WORKER";

/// The process that the transforms of the other tests start is this test alone; by itself it looks at what a worker does
/// whom nobody asks anything.
#[test]
fn a_worker_for_the_other_tests() {
    if std::env::var_os(IS_WORKER).is_some() {
        let _ = serve();
        std::process::exit(0);
    }
    let hello = Hello { program: ".".into(), bounds: bounds() };
    let process = Process::start(&hello).expect("it starts");
    assert!(process.end(&hello.bounds).contains("it said nothing"), "it complains of nothing");
}

fn bounds() -> Bounds {
    Bounds { time_ms: 1000, memory_bytes: 64 << 20, output_bytes: 1000, outputs: 10 }
}

fn config(program: &str) -> String {
    serde_json::json!({ "program": program, "time_max": "500ms", "memory_max": "64MiB", "records_max": 1000 })
        .to_string()
}

/// What becomes of a payload.
fn check(program: &str, payload: &str, expected: &[&str]) {
    assert_eq!(apply(&mut transform("jq", &config(program)), &[], &[Some(payload)]), expected, "{program}");
}

/// What reason a record is rejected for, within such a time; the record behind it passes.
fn rejected_within(time: &str, program: &str, payload: &str, reason: &str) {
    let program = format!("if . == 0 then 0 else ({program}) end");
    let config = config(&program).replace("500ms", time);
    let apply = apply(&mut transform("jq", &config), &[], &[Some("0"), Some(payload), Some("0")]);
    let [first, second, third] = apply.as_slice() else { panic!("{program}: {apply:?}") };
    assert_eq!((first.as_str(), third.as_str()), ("kept 0", "kept 0"), "{program}");
    assert!(second.starts_with("rejected") && second.contains(reason), "{program}: {second}");
}

fn rejected(program: &str, payload: &str, reason: &str) {
    rejected_within("500ms", program, payload, reason);
}

#[test]
fn each_output_is_a_record() {
    check("{id, n: .a.b}", r#"{ "id" : 1, "a": {"b": 1.50} }"#, &[r#"kept {"id":1,"n":1.50}"#]);
    check(".[]", "[1,[2],null]", &["kept 1", "kept [2]", "kept null"]);
    check("select(.a > 1)", r#"{"a":1}"#, &[]);
    check(".", "12345678901234567890.10", &["kept 12345678901234567890.10"]);
    check(r#".a |= ascii_upcase"#, r#"{"a":"gr\u00fcn","b":"\n"}"#, &[r#"kept {"a":"GRüN","b":"\n"}"#]);
}

#[test]
fn the_record_is_at_hand_and_tombstones_pass() {
    let mut jq = transform("jq", &config("[$record.stream, $record.position, $record.headers[0].value, .]"));
    let headers = [catchwater_sdk::Field::text("h", "v")];
    let applied = apply(&mut jq, &headers, &[Some("1"), None]);
    assert_eq!(applied, [r#"kept ["orders",0,"v",1] [h=v]"#, "kept - [h=v]"]);
}

#[test]
fn what_the_program_fails_on_is_rejected_with_its_reason() {
    rejected(".a.b", r#"{"a":"x"}"#, "the program fails: cannot index \"x\" with \"b\"");
    rejected("error(\"no \" + .a)", r#"{"a":"way"}"#, "the program fails: no way");
    rejected(".", "{", "the payload is not JSON: EOF while parsing an object");
    rejected(".", "NaN", "the payload is not JSON");
    rejected(".", "1 2", "the payload is not JSON: trailing characters");
    rejected("nan", "1", "which is not JSON");
    rejected("1, error(\"late\")", "1", "the program fails: late");
}

#[test]
fn a_program_that_never_ends_is_ended() {
    rejected("def f: f; f", "1", "takes longer than 500ms (`time_max`)");
    rejected("last(repeat(1))", "1", "takes longer than 500ms");
    rejected("first(range(1; infinite) | select(. < 0))", "1", "takes longer than 500ms");
    rejected("[range(1; infinite) | try error(.) catch empty]", "1", "takes longer than 500ms");
}

#[test]
fn a_program_that_explodes_is_ended() {
    let rejected = |program, payload, reason| rejected_within("30s", program, payload, reason);
    rejected("\"x\" * 100000000000 | length", "1", "bytes of memory (`memory_max`)");
    rejected("[1] | until(false; . + .)", "1", "bytes of memory (`memory_max`)");
    rejected("{a: 1} | until(false; {a: [., .] | tojson})", "1", "bytes of memory (`memory_max`)");
    rejected("def f: 1 + f; f", "1", "goes too deep for the stack");
    rejected("reduce range(300000) as $i (0; [.]) | tojson | length", "1", "goes too deep for the stack");
    rejected("range(1000000)", "1", "makes more than 1000 records (`records_max`)");
    rejected("\"x\" * 9000000", "1", "makes more than 8388608 bytes out of the record (`output_max`)");
}

#[test]
fn outputs_of_a_batch_are_bounded_together() {
    let payloads = vec![Some("1"); 12];
    let mut jq = transform("jq", &config("\"x\" * 7000000").replace("500ms", "30s"));
    let applied = apply(&mut jq, &[], &payloads);
    let kept = applied.iter().filter(|text| text.starts_with("kept")).count();
    assert_eq!(kept, 9);
    assert!(applied.last().is_some_and(|last| last.contains("out of one batch")));
}

#[test]
fn a_worker_that_was_ended_by_others_is_replaced_without_a_loss() {
    let mut jq = Jq::new(serde_json::from_str(&config(". + 1")).expect("a configuration")).expect("a good program");
    let batch = super::super::testing::batch(&[], &[Some("1"), Some("2")]);
    for _ in 0..2 {
        let mut out = Output::new(&batch);
        jq.apply(&batch, &mut out).expect("it applies");
        assert_eq!(out.finish().expect("all are accounted for").balance.emitted, 2);
        jq.process.as_mut().expect("it runs").kill();
    }
}

#[test]
fn a_large_record_and_many_small_ones_arrive_in_order() {
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let mut payloads: Vec<_> = (0..5000).map(|number| number.to_string()).collect();
    payloads.insert(2500, large);
    let payloads: Vec<_> = payloads.iter().map(|payload| Some(payload.as_str())).collect();
    let applied = apply(&mut transform("jq", "{program: ., time_max: 20s}"), &[], &payloads);
    let kept: Vec<_> = applied.iter().filter_map(|applied| applied.strip_prefix("kept ")).map(Some).collect();
    assert!(kept == payloads, "{} of {} kept", kept.len(), payloads.len());
}

#[test]
fn mistakes_of_a_program_are_said_before_it_runs() {
    let said = try_transform("jq", &config(".a | foo")).map(drop).expect_err("it is refused").to_string();
    assert!(said.contains("there is no filter `foo`"), "{said}");
    let long = format!("\"{}\"", "x".repeat(PROGRAM_BYTES_MAX));
    let said = try_transform("jq", &config(&long)).map(drop).expect_err("it is refused").to_string();
    assert!(said.contains("longer than 8192 bytes"), "{said}");
}

#[test]
fn keeps_the_contract_of_a_transform() {
    keeps_the_contract("jq", "program: '., .customer?'");
}
