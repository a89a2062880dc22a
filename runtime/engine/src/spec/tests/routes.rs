//! Queries in documents, and where each record goes.

use super::cases::check;
use super::*;

/// A document with these sinks, and what else stands at its top.
fn sinks(sinks: &str, rest: &str, expected: &[&str]) {
    check(&format!("name: p\nsource: {{type: kafka, brokers: b, topics: [a]}}\nsinks:\n{sinks}\n{rest}"), expected);
}

/// A filter with this query.
fn filter(query: &str, expected: &[&str]) {
    check(
        &format!(
            "name: p\nsource: {{type: kafka, brokers: b, topics: [a]}}\ntransforms:\n  - type: filter\n    where: {query}\nsinks: [{{type: lake, path: x}}]\n"
        ),
        expected,
    );
}

const QUERY: &str = "  - {type: lake, path: x, when: 'a:1'}";
const OTHER_QUERY: &str = "  - {type: lake, path: y, when: 'a:2'}";
const REST: &str = "  - {type: lake, path: z, when: otherwise}";
const ALL: &str = "  - {type: lake, path: z}";

#[test]
fn each_record_goes_somewhere_or_is_meant_not_to() {
    sinks(&format!("{QUERY}\n{ALL}"), "", &[]);
    sinks(&format!("{QUERY}\n{REST}"), "", &[]);
    sinks(&format!("{QUERY}\n{OTHER_QUERY}\n{REST}\n{ALL}"), "", &[]);
    sinks(QUERY, "unmatched: drop", &[]);
    sinks(QUERY, "unmatched: dead_letter\ndead_letters: {type: lake, path: d}", &[]);
    sinks(
        &format!("{QUERY}\n{OTHER_QUERY}"),
        "",
        &[
            "4:33 sinks[0].when: every sink has a `when`, and nothing says what becomes of a record that none asks for [add `unmatched: drop`",
        ],
    );
}

#[test]
fn refuses_routes_that_contradict_each_other() {
    sinks(&format!("{QUERY}\n{REST}\n{REST}"), "", &["6:33 sinks[2].when: two sinks take what is left [only one"]);
    sinks(REST, "", &["4:33 sinks[0].when: nothing is left over: no other sink has a `when` [leave `when` out"]);
    sinks(&format!("{REST}\n{ALL}"), "", &["4:33 sinks[0].when: nothing is left over"]);
    sinks(
        ALL,
        "unmatched: drop",
        &["5:12 unmatched: there are no such records: a sink takes all, or the rest [leave it out"],
    );
    sinks(&format!("{QUERY}\n{REST}"), "unmatched: drop", &["6:12 unmatched: there are no such records"]);
    sinks(
        QUERY,
        "unmatched: dead_letter",
        &["5:12 unmatched: `dead_letter` is asked for, and the pipeline has no `dead_letters` [add them"],
    );
    sinks(QUERY, "unmatched: ignore", &["5:12 unmatched: must be one of drop, dead_letter"]);
    sinks(QUERY, "unmached: drop", &["5:1 unmached: ...[did you mean `unmatched`?]"]);
}

#[test]
fn points_into_a_query() {
    filter(
        "status:paid or status:sent",
        &["5:24 transforms[0].where: `or` is an ordinary word here [operators are upper case: `OR`"],
    );
    filter("'status:paid or status:sent'", &["5:25 transforms[0].where: `or` is an ordinary word here"]);
    filter("(a", &["5:12 transforms[0].where: this `(` is never closed"]);
    filter(
        "status=paid",
        &["5:12 transforms[0].where: `=` is an ordinary character here [a `:` ends a field's name: status:paid"],
    );
    filter("'it''s or'", &["5:12 transforms[0].where: `or` is an ordinary word here"]);
    filter("''", &["5:12 transforms[0].where: the query is empty [`*` matches everything]"]);
    filter("${env:PW}", &[]);
    filter("${stream}:x", &["5:12 transforms[0].where: `${stream}` has no meaning here"]);
    sinks(
        "  - {type: lake, path: x, when: 'a or b'}\n  - {type: lake, path: y}",
        "",
        &["4:36 sinks[0].when: `or` is an ordinary word"],
    );
    sinks(
        "  - {type: lake, path: x, when: '_error:*'}",
        "unmatched: drop",
        &["4:33 sinks[0].when: `_error` is known of records in a lake only, not of those on their way there"],
    );
}

#[test]
fn knows_the_traps_that_yaml_sets_for_queries() {
    filter("*error*", &["5:12 ...is a YAML alias"]);
    filter(">100", &["5:12 ...opens a block of text [quote it: '>100']"]);
    filter("a:b #c", &["5:16 ...the text ends before the ` #`, which begins a comment [quote the text: 'a:b #c'"]);
    filter("status: paid", &["5:12 ...a `: ` within a value starts a map [quote it: 'status: paid'"]);
    filter("!paid", &["5:12 ...is a YAML tag...[if it is text, quote it: '!paid'"]);
    filter("`my key`:5", &["5:12 ...a value cannot start with...[quote it: '`my key`:5'"]);
    filter("\"new york\" city:x", &["5:23 ...text after the closing quote [quote all of it: '\"new york\" city:x'"]);
    filter(
        "\"new york\"",
        &[
            "5:12 transforms[0].where: YAML takes these quotes away...[for the phrase write: '\"new york\"'; for the words: new AND york]",
        ],
    );
    filter("\"new AND york\"", &[]);
    filter("\"city:york paid\"", &[]);
    filter("'\"new york\"'", &[]);
    filter("[a TO b]", &["5:12 ...must be text, not a list"]);
}

#[test]
fn a_condition_stands_where_there_is_a_choice() {
    let of = |text: &str, expected: &[&str]| check(text, expected);
    of(
        "name: p\nsource: {type: kafka, brokers: b, topics: [a], when: 'a:1'}\nsinks: [{type: lake, path: x}]\n",
        &["2:48 source.when: "],
    );
    of(
        "name: p\nsource: {type: kafka, brokers: b, topics: [a]}\ntransforms: [{type: filter, where: a, when: otherwise}]\nsinks: [{type: lake, path: x}]\n",
        &[
            "3:45 transforms[0].when: `otherwise` is for sinks: it takes what no other sink asks for [a transform is passed by what it is not for",
        ],
    );
}

#[test]
fn another_condition_is_another_pipeline() {
    let with = |query: &str| {
        let text = format!(
            "name: p\nsource: {{type: kafka, brokers: b, topics: [a]}}\nsinks: [{{type: lake, path: x, when: '{query}'}}]\nunmatched: drop\n"
        );
        load_texts(&[&text]).expect("a good document").remove(0)
    };
    assert_eq!(with("a:1"), with("  a:1"));
    assert_ne!(with("a:1"), with("a:2"));
    assert_eq!(with("a:1").sinks[0].component.when, When::Matching("a:1".parse().expect("a query")));
}
