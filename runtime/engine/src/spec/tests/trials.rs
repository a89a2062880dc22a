//! Tests of pipelines out of files, and the mistakes in them.

use super::*;

const PIPELINE: &str = "\
name: orders
source: {type: kafka, brokers: b, topics: [a]}
transforms: [{type: filter, where: x}]
sinks:
  - {type: lake, path: x, when: paid}
  - {type: kafka, name: rest, brokers: b, topic: t, when: otherwise}
";

/// A folder with these files, read with their tests.
fn read(files: &[(&str, &str)]) -> Result<Documents, Mistakes> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("write a file");
    }
    load_tested(&[folder.path().to_owned()], &Drawn::new())
}

fn trials(files: &[(&str, &str)]) -> Vec<Trial> {
    let documents = read(files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    documents.pipelines.into_iter().flat_map(|pipeline| pipeline.trials.0).collect()
}

/// The pipeline with one test, whose keys these are beside its name.
fn check(keys: &str, expected: &[&str]) {
    let text = format!("{PIPELINE}tests:\n  - name: one\n{keys}\n");
    let found: Vec<_> = match read(&[("orders.yaml", &text)]) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.list().iter().map(told).collect(),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn reads_what_comes_in_and_what_must_come_out() {
    let text = format!(
        "{PIPELINE}tests:\n  - name: one\n    input:\n      - {{payload: {{b: 1, a: x}}, key: k, headers: {{h: '1'}}, timestamp: 2026-01-02T03:04:05Z, stream: s}}\n      - payload: null\n    sinks:\n      lake: [1, {{payload: text, key: null}}]\n      rest: []\n    rejected: [{{input: 2, step: filter, reason: why}}]\n    dropped: [2, 1, 2]\n"
    );
    let trial = trials(&[("orders.yaml", &text)]).remove(0);
    let [first, second] = &trial.input[..] else { panic!("two records") };
    assert_eq!(first.payload.as_deref(), Some(&br#"{"b":1,"a":"x"}"#[..]));
    assert_eq!((first.key.as_deref(), first.timestamp), (Some(&b"k"[..]), Some(1_767_323_045_000_000)));
    assert_eq!((first.stream.as_str(), second.stream.as_str(), &second.payload), ("s", "test", &None));
    assert_eq!(first.headers, [Named { name: "h".into(), value: Some(b"1".to_vec()), kind: None }]);
    let (sink, lake) = &trial.sinks[0];
    assert_eq!((sink.as_str(), lake[0].input, &lake[1].key), ("lake", Some(1), &Some(None)));
    assert_eq!((trial.sinks[1].1.len(), trial.dropped.as_deref()), (0, Some(&[1, 2][..])));
    assert_eq!(trial.rejected[0].step.as_deref(), Some("filter"));
}

#[test]
fn names_what_no_schema_can_know() {
    check(
        "    input: [{payload: a}]",
        &["8:11 tests[0].name: nothing is said of what comes out [add `sinks`, `rejected` or `dropped`]"],
    );
    check(
        "    input: [{payload: a}]\n    sinks: {lak: [2], rest: [{input: 0}]}",
        &["10:38 tests[0].sinks.rest[0].input: must be at least 1"],
    );
    check(
        "    input: [{payload: a}]\n    sinks: {lak: [2]}\n    rejected: [{input: 1, step: filtr}]",
        &[
            "10:13 tests[0].sinks.lak: the pipeline has no sink `lak` [did you mean `lake`?]",
            "10:19 tests[0].sinks.lak[0]: there is no input 2, the last is 1 [they are counted from 1, in the order of `input`]",
            "11:33 tests[0].rejected[0].step: the pipeline has no step `filtr` [did you mean `filter`?]",
        ],
    );
    check(
        "    input: [{payload: a, timestamp: today, key: [a]}]\n    dropped: []",
        &[
            "9:37 tests[0].input[0].timestamp: `today` is no time [write it like 2026-11-22T10:00:00Z]",
            "9:49 tests[0].input[0].key: must be text, `null`, or `{base64: ...}` for what is no text",
        ],
    );
}

#[test]
fn names_what_the_schema_knows() {
    check(
        "    inputs: [{payload: a}]\n    dropped: []",
        &["9:5 tests[0].inputs: unknown key [here it is called `input`]"],
    );
    check(
        "    input: [{paylod: a}]\n    sinks: {lake: [{match: a}]}",
        &[
            "9:14 tests[0].input[0].paylod: unknown key [did you mean `payload`?]",
            "10:21 tests[0].sinks.lake[0].match: unknown key [here it is called `matches`]",
        ],
    );
    check("    input: []\n    dropped: []", &["9:12 tests[0].input: must not be an empty list"]);
}

#[test]
fn what_comes_from_outside_is_in_no_test() {
    check(
        "    input: [{payload: {a: '${env:HOME}'}}]\n    dropped: []",
        &[
            "9:27 tests[0].input[0].payload.a: must not come from outside: the report of a test shows what is in it [write the value itself, invented if need be]",
        ],
    );
}

const ONE: &str = "tests: [{name: one, input: [{payload: a}], dropped: [1]}]\n";

#[test]
fn tests_may_stand_beside_their_pipelines() {
    assert_eq!(trials(&[("orders.yaml", PIPELINE), ("orders.test.yaml", ONE)]).len(), 1);
    let others = format!("{PIPELINE}---\n{}", PIPELINE.replace("orders", "others"));
    let of_others = format!("pipeline: others\n{ONE}");
    let documents = read(&[("orders.yaml", &others), ("orders.test.yaml", &of_others)]).expect("they are right");
    let counts: Vec<_> = documents.pipelines.iter().map(|pipeline| pipeline.trials.0.len()).collect();
    assert_eq!(counts, [0, 1]);
    let refused = |files: &[(&str, &str)], expected: &str| {
        let report = read(files).expect_err(expected).to_string();
        assert!(report.contains(expected), "{report}");
    };
    refused(&[("orders.yaml", &others), ("orders.test.yaml", ONE)], "pipeline: is missing");
    let of_nobody = format!("pipeline: other\n{ONE}");
    refused(&[("orders.yaml", &others), ("orders.test.yaml", &of_nobody)], "did you mean `others`?");
    refused(&[("orders.yaml", PIPELINE), ("order.test.yaml", ONE)], "order.yaml that these tests are for");
    refused(
        &[("orders.yaml", &format!("{PIPELINE}{ONE}")), ("orders.test.yaml", ONE)],
        "two tests of the pipeline are called `one`",
    );
}

#[test]
fn who_only_runs_passes_over_tests() {
    let wrong = format!("{PIPELINE}tests: [{{nam: ${{env:NOPE}}}}]\n");
    let other = format!("{PIPELINE}tests: [{{nam: '${{env:NOPE}}'}}]\n");
    assert!(load_texts(&[&wrong]).is_err(), "what is no YAML is no pipeline either");
    assert_eq!(load_texts(&[&other]).expect("its pipeline is right").len(), 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("write a file");
    write("orders.yaml", PIPELINE);
    write("orders.test.yaml", "tests: 7");
    assert_eq!(load_path(folder.path().to_owned()).expect("its pipeline is right").len(), 1);
    let report = load_path(folder.path().join("orders.test.yaml")).expect_err("no pipeline").to_string();
    assert!(report.contains("the file holds tests") && report.contains("orders.yaml"), "{report}");
}

#[test]
fn tests_change_nothing_of_what_runs() {
    let with = read(&[("orders.yaml", PIPELINE), ("orders.test.yaml", ONE)]).expect("they are right");
    let without = load_texts(&[PIPELINE]).expect("it is right");
    assert_eq!(with.pipelines, without);
}
