//! Pipelines out of files, and how the reports look.

use super::*;

const SMALL: &str = "name: small\nsource: {type: kafka, brokers: b, topics: [a]}\nsinks: [{type: lake, path: x}]\n";

#[test]
fn reads_what_was_asked() {
    let text = "name: orders\ntasks: 2\nidle: 1s\nretry: {attempts: 3}\n\
        source: {type: kafka, brokers: '${env:PW}', topics: [a], name: in}\n\
        transforms: [{type: filter, where: x, on_error: drop}]\n\
        sinks:\n  - {type: lake, path: x}\n  - type: kafka\n    brokers: b\n    topic: t\n    transforms: [{type: filter, where: y}]\n\
        dead_letters: {type: lake, path: y}\n";
    let pipeline = load_texts(&[text]).expect("it is right").remove(0);
    let names: Vec<_> = pipeline.components().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["in", "filter", "lake", "filter-2", "kafka", "lake-2"]);
    let errors: Vec<_> = pipeline.components().map(|component| component.on_error).collect();
    use OnError::{DeadLetter, Drop, Fail};
    assert_eq!(errors, [DeadLetter, Drop, DeadLetter, DeadLetter, DeadLetter, Fail]);
    assert_eq!((pipeline.name.as_str(), pipeline.format.as_str()), ("orders", "json"));
    assert_eq!((pipeline.settings.tasks, pipeline.settings.retry.attempts), (Some(2), Some(3)));
    assert_eq!(
        (pipeline.settings.idle, pipeline.settings.checkpoint_interval),
        (Duration::seconds(1), Duration::seconds(1))
    );
    assert_eq!(format!("{:?}", pipeline.source.node), r#"{"brokers": "${env:PW}", "topics": ["a"]}"#);
}

#[test]
fn a_pipeline_that_moved_is_the_same() {
    let one = load_texts(&[SMALL]).expect("it is right");
    let moved = load_texts(&[&format!("# moved\n\n{SMALL}")]).expect("it is right");
    let other = load_texts(&[&SMALL.replace("path: x", "path: y")]).expect("it is right");
    assert_eq!(one, moved);
    assert_ne!(one, other);
}

#[test]
fn reads_several_documents_and_json() {
    let json = r#"{"name": "json", "source": {"type": "kafka", "brokers": "b", "topics": ["a"]}, "sinks": [{"type": "lake", "path": "x"}]}"#;
    let pipelines =
        load_texts(&[&format!("{SMALL}---\n{}", SMALL.replace("small", "other")), json]).expect("all are right");
    let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
    assert_eq!(names, ["small", "other", "json"]);
}

#[test]
fn refuses_two_pipelines_of_one_name() {
    let report = load_texts(&[SMALL, SMALL]).expect_err("the name is taken").to_string();
    assert!(report.contains("two pipelines are called `small`"), "{report}");
    assert!(report.contains("1.yaml:1:7") && report.contains("0.yaml:1:7"), "{report}");
}

/// What is shown of a text that holds no sound pipeline: its components, and the text itself.
fn outlined(text: &str) -> (String, String) {
    let pipeline = outline(std::path::Path::new("kept.yaml"), text, "kept", &Drawn::new());
    let components: Vec<_> = pipeline.components().map(|component| component.type_name.as_str()).collect();
    assert_eq!(pipeline.name, "kept");
    (components.join(" "), pipeline.place.file().text().to_owned())
}

#[test]
fn what_cannot_run_is_shown_as_far_as_no_secret_is() {
    let wrong = "# made of\nname: kept\nsource: {type: kafka, brokers: '${file:gone}', topics: [a], password: hunter2}\nsinks: [{type: lake, paht: x}]\n";
    assert_eq!(outlined(wrong), ("kafka lake".to_owned(), wrong.replace("hunter2", "*******")));
    let comments =
        |wrong: &str| assert_eq!(outlined(wrong), ("unknown unknown".to_owned(), "# made of\n".to_owned()), "{wrong}");
    comments(&wrong.replace("type: kafka", "type: unheard-of"));
    comments(&wrong.replace("x}]", "x}"));
    comments(&wrong.replace("[{type: lake, paht: x}]", "[]"));
}

fn destinations(text: &str) -> Result<Documents, Mistakes> {
    super::super::load_texts(&[(std::path::Path::new("given"), text)], &Drawn::new())
}

#[test]
fn reads_destinations_beside_pipelines() {
    let text = format!(
        "destination: test\ntype: kafka\nbrokers: b\ntopic: t\ntransforms: [{{type: filter, where: x}}]\n---\n{SMALL}"
    );
    let Documents { pipelines, destinations } = destinations(&text).expect("it is right");
    assert_eq!((pipelines.len(), destinations.len()), (1, 1));
    let Destination { name, sink, .. } = &destinations[0];
    assert_eq!((name.as_str(), sink.component.type_name.as_str(), sink.transforms.len()), ("test", "kafka", 1));
    assert_eq!(format!("{:?}", sink.component.node), r#"{"brokers": "b", "topic": "t"}"#);
    assert_eq!(load_texts(&[&text]).expect("it is right").len(), 1, "those who run pipelines leave them out");
}

#[test]
fn names_the_mistakes_of_destinations() {
    let check = |text: &str, expected: &str| {
        let report = destinations(text).expect_err(expected).to_string();
        assert!(report.contains(expected), "{report}");
    };
    check("destination: test\ntype: kafka\nbroker: b\ntopic: t\n", "did you mean `brokers`?");
    check("destination: [a]\ntype: lake\npath: x\n", "destination");
    let one = "destination: test\ntype: lake\npath: x\n";
    check(&format!("{one}---\n{one}"), "two destinations are called `test`");
}

#[test]
fn says_what_is_wrong_with_a_file_or_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |path: PathBuf, expected: &str| {
        let report = load_path(path).expect_err(expected).to_string();
        assert!(report.contains(expected), "{report}");
    };
    check(folder.path().to_owned(), "the folder holds no `*.yaml` or `*.yml` file");
    check(folder.path().join("nope.yaml"), "cannot read the file");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("write a file");
        path
    };
    check(write("empty.yaml", b"# nothing\n"), "the file holds no pipeline");
    check(write("latin.yaml", b"name: caf\xe9\n"), "the file is not UTF-8 from byte 9 on");
}

#[test]
fn draws_the_line_with_a_caret() {
    let text = SMALL.replace("name: small", "name: small\nstrat: x");
    let report = load_texts(&[&text]).expect_err("a key is unknown").to_string();
    let expected = "\
error: strat: unknown key
 --> 0.yaml:2:1
  |
2 | strat: x
  | ^^^^^
  |
help: there are: checkpoint_interval, dead_letters, drain_timeout, idle, retry, tasks, tests, transforms, unmatched

1 mistake in 1 file";
    let start = report.find("--> ").expect("a place") + 4;
    let end = report.find("0.yaml").expect("the file");
    assert_eq!(report.replace(&report[start..end], ""), expected, "{report}");
}

#[test]
fn counts_columns_in_characters_and_clips_long_lines() {
    let long = "x".repeat(20_000);
    let text = SMALL.replace("path: x", &format!("日本é: 1, path: '{long}', colour: red"));
    let report = load_texts(&[&text]).expect_err("keys are unknown").to_string();
    assert!(report.contains("0.yaml:3:22"), "{report}");
    assert!(report.lines().all(|line| line.chars().count() < 300), "{report}");
}
