//! Each mistake in a document that is right but for it.

use super::*;

/// The keys of the three components of a document.
struct Document {
    source: &'static str,
    filter: &'static str,
    sink: &'static str,
}

const GOOD: Document = Document {
    source: "  brokers: b\n  topics: [orders]\n  group: g",
    filter: "    where: x",
    sink: "    path: ./lake",
};

impl Document {
    fn text(&self) -> String {
        let (source, filter, sink) = (self.source, self.filter, self.sink);
        format!(
            "name: p\nsource:\n  type: kafka\n{source}\ntransforms:\n  - type: filter\n{filter}\nsinks:\n  - type: lake\n{sink}\n"
        )
    }
}

/// Every mistake of a text, in order. What is expected is a part of what is told; `...` stands for anything.
pub(super) fn check(text: &str, expected: &[&str]) {
    let found: Vec<_> = match load_texts(&[text]) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.list().iter().map(told).collect(),
    };
    let all =
        found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| fits(found, expected));
    assert!(all, "{text}\nfound {found:#?}\nexpected {expected:#?}");
}

fn fits(found: &str, expected: &str) -> bool {
    let mut rest = found;
    expected.split("...").enumerate().all(|(index, part)| match rest.find(part) {
        Some(at) if index > 0 || at == 0 => {
            rest = &rest[at + part.len()..];
            true
        }
        _ => false,
    })
}

fn source(source: &'static str, expected: &[&str]) {
    check(&Document { source, ..GOOD }.text(), expected);
}

fn filter(filter: &'static str, expected: &[&str]) {
    check(&Document { filter, ..GOOD }.text(), expected);
}

fn sink(sink: &'static str, expected: &[&str]) {
    check(&Document { sink, ..GOOD }.text(), expected);
}

/// `GOOD` with one text replaced.
fn replaced(from: &str, to: &str, expected: &[&str]) {
    let text = GOOD.text();
    assert!(text.contains(from), "{from}");
    check(&text.replace(from, to), expected);
}

#[test]
fn finds_nothing_wrong_where_nothing_is() {
    check(&GOOD.text(), &[]);
    source(
        "  brokers: ${env:B:-localhost:9092}\n  topics: [7]\n  group: 1.10\n  name: no\n  librdkafka: {a.b: 7}",
        &[],
    );
    source("  brokers: b # the cluster\n  topics: [a] #x\n  start: latest #x\n  follow: true #x", &[]);
    sink("    path: ./lake\n    collection: x-${stream}\n    file_size: 1.5GiB\n    commit_interval: 200ms", &[]);
}

#[test]
fn names_the_key_that_was_meant() {
    filter("    wher: x", &["9:5 transforms[0].wher: unknown key [did you mean `where`?]"]);
    source(
        "  bootstrap.servers: b\n  topics: [a]\n  group.id: g",
        &[
            "4:3 source.bootstrap.servers: unknown key [here it is called `brokers`]",
            "6:3 source.group.id: unknown key [here it is called `group`]",
        ],
    );
    sink("    path: x\n    flush_size: 5", &["13:5 ...[here it is called `file_size`]", "13:17 ...needs a unit"]);
    source("  brokers: b\n  topics: [a]\n  <<: b", &["6:3 ...unknown key [merge keys are not read"]);
    sink("    path: x\n    colour: red", &["13:5 ...unknown key [there are: collection, commit_interval"]);
    replaced("source:", "input:", &["2:1 input: unknown key [here it is called `source`]"]);
}

#[test]
fn checks_the_other_keys_of_an_unknown_type() {
    let text = GOOD.text().replace("type: kafka", "type: kafak").replace("group: g", "follow: maybe");
    check(
        &text,
        &[
            "3:9 source.type: unknown source type `kafak` [did you mean `kafka`?]",
            "6:11 source.follow: must be `true` or `false`, not `maybe`",
        ],
    );
    replaced(
        "type: lake",
        "type: hologram",
        &["11:11 sinks[0].type: unknown sink type `hologram` [there are: kafka, lake]"],
    );
    replaced("type: lake", "kind: lake", &["11:5 sinks[0].kind: unknown key [here it is called `type`]"]);
    replaced(
        "- type: lake\n    path",
        "- path",
        &["11:5 sinks[0].type: is missing [the sink type is one of: kafka, lake]"],
    );
}

#[test]
fn names_what_is_missing_with_its_manual() {
    replaced(
        "lake\n    path: ./lake",
        "kafka\n    brokers: b",
        &["11:11 sinks[0].topic: is missing [The topic, which may differ from record to record.]"],
    );
    check(
        "sinks: []\n",
        &[
            "1:1 name: is missing [",
            "1:1 source: is missing [Where records come from.]",
            "1:8 sinks: must not be an empty list",
        ],
    );
}

#[test]
fn checks_choices_ranges_and_units() {
    source(
        "  brokers: b\n  topics: [a]\n  start: erliest",
        &["6:10 source.start: must be one of earliest, latest, not `erliest` [did you mean `earliest`?]"],
    );
    sink(
        "    path: x\n    writers: 0\n    file_size: 5KiB",
        &["13:14 ...must be at least 1", "14:16 ...must be at least 1MiB"],
    );
    sink("    path: x\n    writers: 1_0", &["13:14 sinks[0].writers: must be a whole number, not `1_0` [write: 10]"]);
    sink("    path: x\n    writers: nan", &["13:14 ...must be a whole number, not `nan`"]);
    sink(
        "    path: x\n    commit_interval: 5\n    file_size: 256 Mb",
        &[
            "13:22 sinks[0].commit_interval: needs a unit, such as `5s` [units: ms, s, m, h, d]",
            "14:16 sinks[0].file_size: `Mb` is no unit [did you mean `256MiB`?]",
        ],
    );
    replaced("name: p", "name: a/b\ntasks: 0", &["2:8 tasks: must be at least 1"]);
}

#[test]
fn a_pipeline_is_called_as_one_likes_and_a_component_as_a_file_may_be() {
    let (long, longest) = ("\u{e4}".repeat(41), "\u{e4}".repeat(40));
    for name in ["my sink", "a/b", "..a", "1.5", "\"${{x\"", longest.as_str()] {
        replaced("name: p", &format!("name: {}", name.replace("${{", "$${")), &[]);
    }
    let count = "of what is neither a letter or digit of ASCII nor `-` or `_`, each byte counts as three";
    let name = |written: &str, problem: &str| {
        replaced("name: p", &format!("name: {written}"), &[&format!("1:7 name: must {problem}")]);
    };
    name("\"\"", "not be empty");
    name("..", "be another name than `.` and `..`, which lead elsewhere in a URL");
    for unseen in ["\\n", "\\u2028", "\\u202e", "\\u200d", "\\ufffe"] {
        name(&format!("\"a{unseen}b\""), "be a name without line breaks and other characters that are not seen");
    }
    name("\" a\"", "be a name without spaces around it");
    name(&long, &format!("be a name of at most 240 bytes [{count}]"));
}

#[test]
fn names_what_the_environment_lacks() {
    source(
        "  brokers: ${env:NOPE}\n  topics: [a]\n  group: ${file:/nope}\n  password: ${env:PASSWORD}",
        &[
            "4:12 source.brokers: the environment variable `NOPE` is not set [set it, or give a default: ${env:NOPE:-...}]",
            "6:10 source.group: cannot read `/nope`",
            "7:13 source.password: the environment variable `PASSWORD` is not set",
        ],
    );
}

#[test]
fn never_shows_a_secret() {
    sink(
        "    path: x\n    writers: ${env:PW}\n    commit_interval: ${env:PW}\n    file_size: 5MiB${env:PW}",
        &[
            "13:14 sinks[0].writers: must be a whole number, not the value of `${env:PW}`",
            "14:22 sinks[0].commit_interval: must be a duration such as `5s`, not the value of `${env:PW}`",
            "15:16 sinks[0].file_size: must be a size such as `256MiB`, not the value of `5MiB${env:PW}`",
        ],
    );
    source(
        "  brokers: b\n  topics: [a]\n  start: ${env:PW}",
        &["6:10 source.start: must be one of earliest, latest, not the value of `${env:PW}`"],
    );
    let text = GOOD.text().replace("group: g", "password: hunter2 #x\n  follow: ${env:PW}");
    let report = load_texts(&[&text]).expect_err("it has mistakes").to_string();
    assert!(report.contains("password: **********") && !report.contains("hunter2"), "{report}");
    let report = load_texts(&[&text.replace("hunter2", "hunter2$${")]).expect_err("it is no placeholder").to_string();
    assert!(report.contains("password: ****") && !report.contains("hunter2"), "{report}");
    for broken in [
        ": @hunter2",
        ": *hunter2",
        ": !hunter2",
        ": 'hunter2",
        ": hunter2: x",
        ": &hunter2",
        ": \"hunter2\" x",
        ":hunter2",
    ] {
        let text = GOOD.text().replace("group: g", &format!("password{broken}"));
        let report = load_texts(&[&text]).expect_err(broken).to_string();
        assert!(report.contains("cannot be read as it stands") && !report.contains("hunter2"), "{report}");
    }
    let json = |password: &str| {
        format!("{{\"name\": \"p\",\n\"source\": {{\"type\": \"kafka\",\n\"password\": {password}\n}}}}")
    };
    let report = load_texts(&[&json("\"hunter\\q2\"")]).expect_err("it is no JSON").to_string();
    assert!(report.contains("cannot be read as it stands") && !report.contains("hunter"), "{report}");
    for shown in [GOOD.text().replace("group: g", "password: *******"), json("*********")] {
        let report = load_texts(&[&shown]).expect_err("these are stars").to_string();
        assert!(report.contains("is what is shown for a secret"), "{report}");
    }
    let text = GOOD.text().replace("group: g", "password: hunter2\n  password: hunter2");
    let report = load_texts(&[&text]).expect_err("it is there twice").to_string();
    assert!(report.contains("`password` is given twice") && !report.contains("hunter2"), "{report}");
}

#[test]
fn says_how_to_write_the_kind_that_is_wanted() {
    let list = |topics: &str| GOOD.text().replace("[orders]", topics);
    check(&list("orders"), &["5:11 source.topics: must be a list, not `orders` [write: [orders]]"]);
    check(&list("a, b"), &["5:11 ...[write: ['a, b']]"]);
    check(&list("${env:PW}"), &["5:11 ...not the value of `${env:PW}` [write: ['${env:PW}']]"]);
    filter("    where: x\n    fields: 7", &["10:13 transforms[0].fields: must be a list, not `7` [write: [7]]"]);
    source(
        "  brokers: b\n  topics: [a]\n  follow: Yes",
        &["6:11 ...must be `true` or `false`, not `Yes` [write: true]"],
    );
    source(
        "  brokers: b\n  topics: [a]\n  group:",
        &["6:8 source.group: is empty [give it a value, or leave the key out]"],
    );
    filter(
        "    where: [a TO b]",
        &["9:12 ...must be text, not a list [`[` opens a list; if it is text, quote it: '[a TO b]']"],
    );
    filter(
        "    where: {a: b}",
        &["9:12 ...must be text, not a map [`{` opens a map; if it is text, quote it: '{a: b}']"],
    );
    filter(
        "    where: a #b",
        &["9:14 ...the text ends before the ` #`, which begins a comment [quote the text: 'a #b'; if it is a comment"],
    );
    replaced(
        "source:\n  type",
        "source:\n  - type",
        &["3:5 ...remove the `- ` before its first key", "4:3 ...fits nothing above it"],
    );
    check(
        "name: p\nsource:\n  - type: kafka\n    brokers: b\nsinks: [{type: lake, path: x}]\n",
        &["3:5 source: must be a map of keys and values, not a list [remove the `- ` before its first key]"],
    );
    check(
        "name: p\nsource: kafka\nsinks: {type: lake}\n",
        &[
            "2:9 source: must be a map of keys and values, not `kafka` [write: { type: kafka }]",
            "3:8 sinks: must be a list, not a map [begin each entry of the list with `- `]",
        ],
    );
}

#[test]
fn knows_where_records_have_a_say() {
    source(
        "  brokers: ${stream}\n  topics: ['${nope}']\n  librdkafka: {a: '${key}'}",
        &[
            "4:12 source.brokers: `${stream}` has no meaning here",
            "5:12 source.topics[0]: `${nope}` is not known [there are ${env:NAME}",
            "6:19 source.librdkafka.a: `${key}` has no meaning here",
        ],
    );
    sink(
        "    path: $${x}\n    collection: ${topic}",
        &["13:17 sinks[0].collection: `${topic}` is not known [there are ${stream}"],
    );
}

#[test]
fn follows_no_mistake_of_syntax_with_others() {
    filter("    where: >100", &["9:12 ...opens a block of text [quote it: '>100']"]);
    filter("    where: 'x", &["9:12 transforms[0].where: this quote is never closed"]);
    filter("    wher:x", &["9:5 ...a space is missing"]);
    filter("    where: *error*", &["9:12 ...is a YAML alias"]);
    source(
        "  brokers: b\n  topics: [${env:X}]\n  start: erliest",
        &["5:12 ...needs quotes", "6:10 ...[did you mean `earliest`?]"],
    );
}

#[test]
fn checks_what_concerns_several_keys() {
    filter(
        "    where: x\n    on_error: dead_letter",
        &["8:11 transforms[0].on_error: `dead_letter` is asked for, and the pipeline has no `dead_letters`"],
    );
    replaced(
        "path: ./lake",
        "path: ./lake\n    name: p\n  - {type: lake, path: y, name: p}",
        &["14:12 sinks[1].name: two components of the pipeline are called `p`"],
    );
}

#[test]
fn tells_at_most_two_hundred_mistakes() {
    let keys: String = (0..300).map(|number| format!("k{number}: 1\n")).collect();
    let mistakes = load_texts(&[&keys]).expect_err("none of them is known");
    assert_eq!((mistakes.list().len(), mistakes.count()), (200, 303));
    assert!(mistakes.to_string().ends_with("... and 103 more\n\n303 mistakes in 1 file"));
}
