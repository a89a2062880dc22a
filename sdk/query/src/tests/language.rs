use catchwater_sdk::record::{FieldKind, Timestamp, TimestampKind};
use catchwater_sdk::{Field, Record};

use super::matches;

fn check(payload: &str, yes: &[&str], no: &[&str]) {
    for query in yes {
        assert!(matches(query, Record::payload(payload.as_bytes())), "{query} on {payload}");
    }
    for query in no {
        assert!(!matches(query, Record::payload(payload.as_bytes())), "{query} on {payload}");
    }
}

#[test]
fn not_binds_before_and_before_or() {
    let payload = r#"{"a":"1","b":"2"}"#;
    check(payload, &["a:1 b:2", "a:1 AND b:2", "a:0 OR a:1 b:2", "a:1 b:0 OR b:2", "NOT a:0 b:2", "-a:0"], &[]);
    check(payload, &["a:1 -b:0", "NOT NOT a:1", "-(a:0 OR b:0)", "a:1 NOT b:0", "(a:1)AND(b:2)", "NOT(a:0)"], &[]);
    check(payload, &["b:2 OR a:0 a:0"], &["(b:2 OR a:0) a:0", "NOT a:1 OR b:0", "-a:1", "a:1 b:0", "NOT (a:1 b:2)"]);
}

#[test]
fn a_field_takes_values_in_parentheses() {
    check(
        r#"{"c":"DE"}"#,
        &["c:(DE OR FR)", "c:(NOT FR)", "c:(-FR)", "c:(D* -FR)", "c:((DE))"],
        &["c:(DE FR)", "c:(FR OR IT)"],
    );
    check(r#"{"c":["DE","FR"]}"#, &["c:(DE FR)", "c:(DE AND FR)"], &["c:(DE IT)", "c:(NOT FR)"]);
    check(r#"{"c":"a:b","n":7}"#, &["c:(x OR a:b)", "n:(>5 <9)", "n:([1 TO 3] OR [6 TO 8])"], &["n:(>5 <7)"]);
}

#[test]
fn a_star_matches_everything() {
    check("{}", &["*", "(*)", "* OR a:1"], &["NOT *", "-*"]);
    check("no JSON", &["*", "JSON"], &["a:*"]);
    assert!(matches("*", Record::default()) && !matches("x", Record::default()) && matches("-a:1", Record::default()));
}

#[test]
fn the_first_colon_ends_the_field() {
    check(r#"{"url":"http://x:80/a?b","a:b":"c"}"#, &["url:http://x:80/a\\?b", "a\\:b:c", "`a:b`:c"], &["a:b:c"]);
    check(r#"{"path":"/a/@b~c-d"}"#, &["path:/a/@b~c-d"], &[]);
}

#[test]
fn names_are_nested_or_dotted_or_forced() {
    check(r#"{"a":{"b":1}}"#, &["a.b:1", "`a`.`b`:1"], &["`a.b`:1", "A.b:1", "b:1"]);
    check(r#"{"a.b":1}"#, &["a.b:1", "`a.b`:1", "a\\.b:1"], &["`a`.b:1", "a.`b`:1"]);
    check(r#"{"a":{"b.c":{"d":1}}}"#, &["a.b.c.d:1", "a.`b.c`.d:1"], &["a.`b`.c.d:1"]);
    check(r#"{"a":{"b":2},"a.b":1}"#, &["a.b:1", "a.b:2"], &["a.b:3"]);
    check(r#"{"a":null,"a.b":1}"#, &["a.b:1"], &[]);
    check(r#"{"my key":1,"t`k":2,"":3}"#, &["`my key`:1", "my\\ key:1", "`t``k`:2", "``:3"], &[]);
    check(r#"{"_key":1,"_x":2}"#, &["`_key`:1", "\\_key:1", "`_x`:2", "NOT _key:1"], &[]);
}

#[test]
fn any_element_of_an_array_counts() {
    check(r#"{"t":["a","b"]}"#, &["t:a", "t:b", "t:*"], &["t:c", "-t:a"]);
    check(r#"{"i":[{"s":1},{"s":[2,[3]]}]}"#, &["i.s:1", "i.s:2", "i.s:3", "i.s:>2"], &["i.s:4"]);
    check(r#"[{"a":1}]"#, &["a:1"], &["a:2"]);
    check(r#"{"t":[]}"#, &["t:*"], &["t:x"]);
    check(r#"{"t":{}}"#, &["t:*"], &["t.x:*"]);
}

#[test]
fn missing_and_null_are_no_match() {
    check(
        r#"{"a":null,"b":""}"#,
        &["NOT a:*", "NOT c:*", "b:*", "b:\"\"", "-a:1", "-c:1"],
        &["a:*", "c:*", "a:null", "b:x"],
    );
}

#[test]
fn a_word_is_equality_of_the_whole_value() {
    check(r#"{"a":"Paid"}"#, &["a:Paid", "a:\"Paid\""], &["a:paid", "a:Pai", "a:aid"]);
    check(r#"{"a":true}"#, &["a:true"], &["a:\"true\"", "a:false", "a:TRUE"]);
    check(r#"{"a":"true"}"#, &["a:true", "a:\"true\""], &[]);
    check(r#"{"a":"say \"x\" \\ y"}"#, &[r#"a:"say \"x\" \\ y""#, r#"a:say\ \"x\"\ \\\ y"#], &[]);
}

#[test]
fn numbers_are_equal_by_value_and_quoted_text_is_text() {
    for same in ["5", "5.0", "0.5e1", "\"5\""] {
        check(&format!(r#"{{"id":{same}}}"#), &["id:5"], &["id:6", "id:05"]);
    }
    check(r#"{"id":5}"#, &["id:5.0", "id:50e-1"], &["id:\"5\""]);
    check(r#"{"id":"5"}"#, &["id:\"5\""], &["id:5.0"]);
    check(r#"{"id":9007199254740993}"#, &["id:9007199254740993"], &["id:9007199254740992"]);
    check(r#"{"id":123456789012345678901234567890}"#, &["id:>123456789012345678901234567889"], &["id:1e29"]);
    check(r#"{"a":0.1}"#, &["a:0.1", "a:0.10", "a:1e-1"], &["a:0.1000000000000000055511151231257827"]);
    check(r#"{"a":-5}"#, &["a:-5", "a:(\\-5)", "a:<-4", "a:[-6 TO -5]"], &["a:5", "a:>-5"]);
}

#[test]
fn the_literal_decides_what_is_compared() {
    check(
        r#"{"a":100.5}"#,
        &["a:>100", "a:>=100.5", "a:<1e3", "a:[100 TO 101]", "a:{100 TO 100.5]"],
        &["a:>100.5", "a:[1 TO 100.5}"],
    );
    check(r#"{"a":"100.5"}"#, &["a:>\"100\""], &["a:>100", "a:<1000", "a:[0 TO 200]"]);
    check(
        r#"{"a":"m"}"#,
        &["a:>l", "a:<n", "a:[a TO z]", "a:[m TO m]", "a:[* TO n}", "a:>\"5\""],
        &["a:{m TO z]", "a:>5"],
    );
    check(r#"{"a":true}"#, &[], &["a:>0", "a:<z"]);
    check(r#"{"a":7}"#, &["a:[* TO *]", "a:[5 TO *]", "a:[* TO 7]"], &["a:[8 TO *]", "a:{7 TO *]"]);
}

#[test]
fn a_date_covers_its_day_in_utc() {
    let at = r#"{"t":"2026-11-22T23:30:00-01:00"}"#;
    check(
        at,
        &["t:>2026-11-22", "t:2026-11-23", "t:[2026-11-23 TO 2026-11-23]", "t:<=2026-11-23", "t:2026-11-23T00:30:00Z"],
        &[],
    );
    check(
        at,
        &["t:[2026-11-22 TO 2026-11-24}", "t:>2026-11-23T00:29:59.999999Z"],
        &["t:>2026-11-23", "t:<2026-11-23", "t:2026-11-22"],
    );
    check(
        r#"{"t":"2026-11-22"}"#,
        &["t:2026-11-22", "t:>=2026-11-22", "t:<=2026-11-22", "t:<2026-11-22T00:00:01Z"],
        &["t:>2026-11-22", "t:\"2026\""],
    );
    check(r#"{"t":"soon"}"#, &["t:>\"2026-11-22\""], &["t:>2026-11-22", "t:<2026-11-22"]);
    check(r#"{"t":1795608000}"#, &[], &["t:>2026-11-22", "t:<2026-11-22"]);
}

#[test]
fn a_bare_word_occurs_in_any_value() {
    let payload = r#"{"note":"Order PAID, see #4711","n":{"deep":["x y"]},"amount":19.90,"ok":true,"paid_key":0}"#;
    check(
        payload,
        &["paid", "Paid", "\"order paid\"", "4711", "y", "19.9", "19.90", "\"19.90\"", "true", "TRUE", "0"],
        &[],
    );
    check(
        payload,
        &["ord*", "x\\ ?", "*4711"],
        &["order*x", "pai", "paid_key", "note", "19", "null", "\"order  paid\"", "amount"],
    );
    check(r#"{"a":"first","a":"second"}"#, &["a:first", "first"], &["a:second", "second"]);
    check(r#"{"a":{"b":1},"a":{"c":"second"}}"#, &[], &["second", "a.c:second"]);
    check("plain text, PAID\u{e9}", &["plain", "text", "PAIDÉ"], &["paid", "a:plain"]);
    check("{\"a\":\"d\u{e9}j\u{e0} vu\"}", &["DÉJÀ", "vu"], &["d"]);
}

#[test]
fn wildcards_cover_the_whole_value() {
    check(
        r#"{"m":"bob@acme.com"}"#,
        &["m:*@acme.com", "m:bob*", "m:b?b@*", "m:*"],
        &["m:acme*", "m:BOB*", "m:\"bob*\"", "m:bob\\*"],
    );
    check(r#"{"m":"a*b"}"#, &["m:a\\*b", "m:\"a*b\"", "m:a*"], &[]);
    check(r#"{"m":1234,"f":2.5,"b":true}"#, &["m:12*", "f:2.?", "b:tr*"], &["m:*5"]);
}

#[test]
fn the_envelope_is_known_by_its_names() {
    let micros = 1_795_305_600_000_000; // 2026-11-22T00:00:00Z
    let headers = [
        Field::text("env", "test"),
        Field::bytes("env", Some(b"prod")),
        Field::bytes("a.b", None),
        Field { kind: FieldKind::Int, ..Field::text("retries", "12") },
        Field::bytes("raw", Some(b"\xff")),
    ];
    let record = Record {
        payload: Some(b"{\"a\":1}"),
        key: Some(b"k-1"),
        headers: &headers,
        timestamp: Some(Timestamp { micros, kind: TimestampKind::Append }),
        redelivered: true,
        ..Record::default()
    };
    for yes in [
        "_key:k-1",
        "_key:k*",
        "_key:>k",
        "_headers.env:test",
        "_headers.env:prod",
        "_headers.retries:>9",
        "_headers.retries:12",
        "_headers.raw:*",
        "_headers:prod",
        "_timestamp:2026-11-22",
        "_timestamp:>=2026-11-22",
        "_timestamp:<2026-11-22T00:00:01Z",
        "_timestamp:[2026-11-01 TO 2026-11-22]",
        "_timestamp:>2026-11-21",
        "_timestamp_type:append",
        "_source:kafka-1",
        "_stream:orders",
        "_partition:3",
        "_position:>41",
        "_position:42.0",
        "_index:0",
        "_id:kafka-1/a%2Fb/orders/3/42",
        "_payload:*",
        "_payload:*\\\"a\\\"*",
        "_redelivered:true",
        "NOT _replay:*",
        "NOT _ingested_at:*",
        "NOT _schema:*",
        "NOT _error:*",
    ] {
        assert!(matches(yes, record), "{yes}");
    }
    for no in [
        "_key:k",
        "_headers.env:dev",
        "_headers.Env:test",
        "_headers.a.b:*",
        "_headers.retries:\"12\"",
        "_timestamp:>2026-11-22",
        "_timestamp:<2026-11-22",
        "_stream:Orders",
        "_partition:>3",
        "_redelivered:false",
        "_properties.x:*",
        "test",
        "k-1",
    ] {
        assert!(!matches(no, record), "{no}");
    }
    assert!(matches("NOT _payload:* NOT _key:* NOT _timestamp:*", Record::default()));
}
