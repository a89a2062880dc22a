//! Which columns come of which values.

use super::*;

/// The columns and the rows of one cut, from payloads one a line.
fn check(payloads: &str, columns: &str, expected: Json) {
    let payloads: Vec<_> = payloads.lines().map(str::trim).collect();
    let shredded = cut(&mut shredder(), &payloads);
    let schema: Vec<_> = columns.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(shredded.schema.to_string().lines().collect::<Vec<_>>(), schema);
    assert_eq!(Json::Array(rows(&shredded)), expected);
}

#[test]
fn scalars_have_their_types() {
    check(
        r#"{"b": true, "l": 1, "d": 1.5, "s": "x", "t": "2026-11-22T10:30:00Z", "day": "2026-11-22", "n": null}"#,
        "b: boolean
         l: long
         d: double
         s: string
         t: timestamp
         day: date",
        json!([{"b": true, "l": 1, "d": 1.5, "s": "x", "t": 1_795_343_400_000_000i64, "day": 20_779}]),
    );
}

#[test]
fn rows_without_a_value_are_null() {
    check("{\"a\": 1}\n{}\nnull\n{\"a\": null}\n{\"a\": 2}", "a: long", json!([{"a": 1}, {}, {}, {}, {"a": 2}]));
}

#[test]
fn integers_widen_to_doubles_where_that_is_exact() {
    check("{\"a\": 1}\n{\"a\": 1.5}\n{\"a\": 2}", "a: double", json!([{"a": 1.0}, {"a": 1.5}, {"a": 2.0}]));
    check(
        "{\"a\": 9007199254740993}\n{\"a\": 1.5}\n{\"a\": 2}",
        "a: long
         a__double: double",
        json!([{"a": 9_007_199_254_740_993i64}, {"a__double": 1.5}, {"a": 2, "a__double": 2.0}]),
    );
    check(
        "{\"a\": 1.5}\n{\"a\": 9223372036854775807}\n{\"a\": 2}",
        "a: double
         a__long: long",
        json!([{"a": 1.5}, {"a__long": i64::MAX}, {"a": 2.0, "a__long": 2}]),
    );
}

#[test]
fn integers_past_64_bits_are_never_wrong() {
    check(
        "{\"a\": 1}\n{\"a\": 18446744073709551615}\n{\"a\": \"#-123456789012345678901234567890\"}",
        "a: decimal",
        json!([{"a": "1"}, {"a": "18446744073709551615"}, {"a": "-123456789012345678901234567890"}]),
    );
    let long = "9".repeat(39);
    check(
        &format!("{{\"a\": 1}}\n{{\"a\": \"#{long}\"}}\n{{\"a\": \"#{long}\"}}"),
        "a: long
         a__string: string",
        json!([{"a": 1}, {"a__string": long}, {"a__string": long}]),
    );
}

#[test]
fn times_become_text_with_all_that_came_before_when_one_is_none() {
    check(
        "{\"t\": \"2026-11-22T11:30:00+01:00\"}\n{\"t\": \"58000-01-01T00:00:00Z\"}\n{\"t\": \"2026-11-22T10:30:00Z\"}",
        "t: string",
        json!([{"t": "2026-11-22T11:30:00+01:00"}, {"t": "58000-01-01T00:00:00Z"}, {"t": "2026-11-22T10:30:00Z"}]),
    );
    check("{\"t\": \"2026-11-22\"}\n{\"t\": \"n/a\"}", "t: string", json!([{"t": "2026-11-22"}, {"t": "n/a"}]));
}

#[test]
fn types_that_have_nothing_in_common_stand_beside_each_other() {
    check(
        "{\"a\": 1}\n{\"a\": \"x\"}\n{\"a\": {\"b\": 1}}\n{\"a\": [1]}\n{\"a\": true}\n{\"a\": 2}",
        "a: long
         a__string: string
         a__struct: struct<b: long>
         a__array: array<long>
         a__boolean: boolean",
        json!([{"a": 1}, {"a__string": "x"}, {"a__struct": {"b": 1}}, {"a__array": [1]}, {"a__boolean": true}, {"a": 2}]),
    );
}

#[test]
fn structs_have_siblings_of_their_own() {
    check(
        "{\"a\": {\"b\": 1}}\n{\"a\": {\"b\": \"x\", \"c\": null}}\n{\"a\": null}\n{\"a\": {}}",
        "a: struct<b: long, b__string: string>",
        json!([{"a": {"b": 1}}, {"a": {"b__string": "x"}}, {}, {"a": {}}]),
    );
}

#[test]
fn containers_appear_with_their_first_typed_value() {
    check("{\"a\": {}, \"b\": [], \"c\": [null], \"d\": {\"e\": []}}", "", json!([]));
    check(
        "{\"a\": {}, \"b\": []}\n{\"a\": {\"x\": 1}, \"b\": [null, 1]}",
        "a: struct<x: long>
         b: array<long>",
        json!([{"a": {}, "b": []}, {"a": {"x": 1}, "b": [null, 1]}]),
    );
}

#[test]
fn lists_widen_by_element() {
    check("{\"a\": [1, 2]}\n{\"a\": [null, 2.5]}", "a: array<double>", json!([{"a": [1.0, 2.0]}, {"a": [null, 2.5]}]));
    check(
        r#"{"a": [{"x": 1}, {"y": [true]}, {"x": 2.5}]}"#,
        "a: array<struct<x: double, y: array<boolean>>>",
        json!([{"a": [{"x": 1.0}, {"y": [true]}, {"x": 2.5}]}]),
    );
}

#[test]
fn a_list_of_several_types_is_json_as_a_whole() {
    check("{\"a\": [1, \"x\"]}", "a__json: json", json!([{"a__json": "[1,\"x\"]"}]));
    check(
        "{\"a\": [1]}\n{\"a\": [2, \"x\", {\"b\": [1.5, null]}]}\n{\"a\": [3]}",
        "a: array<long>
         a__json: json",
        json!([{"a": [1]}, {"a__json": "[2,\"x\",{\"b\":[1.5,null]}]"}, {"a": [3], "a__json": "[3]"}]),
    );
    check(
        "{\"a\": [{\"p\": 1}]}\n{\"a\": [{\"p\": 2}, {\"p\": \"x\"}]}\n{\"a\": [{\"p\": 3}]}",
        "a: array<struct<p: long>>
         a__json: json",
        json!([{"a": [{"p": 1}]}, {"a__json": "[{\"p\":2},{\"p\":\"x\"}]"}, {"a": [{"p": 3}], "a__json": "[{\"p\":3}]"}]),
    );
}

#[test]
fn objects_whose_keys_are_data_are_maps() {
    check(
        "{\"by\": {\"10.0.0.1\": 5}}\n{\"by\": {\"10.0.0.2\": 7.5, \"x\": null}}\n{\"by\": {}}",
        "by: map<string, double>",
        json!([{"by": {"10.0.0.1": 5.0}}, {"by": {"10.0.0.2": 7.5, "x": null}}, {"by": {}}]),
    );
    check(
        "{\"by\": {\"10.0.0.1\": 5}}\n{\"by\": {\"10.0.0.2\": \"x\"}}",
        "by: map<string, long>
         by__json: json",
        json!([{"by": {"10.0.0.1": 5}}, {"by__json": "{\"10.0.0.2\":\"x\"}"}]),
    );
}

#[test]
fn names_are_safe_and_the_original_is_kept() {
    let shredded =
        cut(&mut shredder(), &[r#"{"a b": 1, "A_B": 2, "_id": 3, "date": 4, "größe": {"_id": 5}, "x__long": 6}"#]);
    let fields = shredded.schema.fields();
    let names: Vec<_> =
        fields.iter().map(|field| (field.name().as_str(), field.metadata().get("catchwater.name"))).collect();
    let original = |name: &str| Some(name.to_owned());
    let expected = [
        ("a_b", original("a b")),
        ("A_B_2", original("A_B")),
        ("x_id", original("_id")),
        ("x_date", original("date")),
        ("gr__e", original("größe")),
        ("x__long_", original("x__long")),
    ];
    assert_eq!(names, expected.each_ref().map(|(name, original)| (*name, original.as_ref())));
    assert_eq!(rows(&shredded)[0]["gr__e"], json!({"x_id": 5}));
}

#[test]
fn a_payload_that_is_no_object_is_a_value() {
    check("42\n{\"value\": 43}", "value: long", json!([{"value": 42}, {"value": 43}]));
    check("[1, 2]", "value: array<long>", json!([{"value": [1, 2]}]));
}

#[test]
fn objects_whose_values_conflict_are_no_maps() {
    check(
        r#"{"by": {"1.1": {"a": 1}, "1.2": {"a": "x"}}}"#,
        "by: struct<x_1_1: struct<a: long>, x_1_2: struct<a: string>>",
        json!([{"by": {"x_1_1": {"a": 1}, "x_1_2": {"a": "x"}}}]),
    );
}

#[test]
fn the_tries_of_nested_maps_do_not_multiply() {
    let deep = format!("{}[1,\"x\"]{}", "{\"1.1\":".repeat(31), "}".repeat(31));
    assert!(push(&mut shredder(), &[&deep]).is_empty());
}

fn check_errors(payloads: &[&str], options: Options, errors: &[&str]) {
    assert_eq!(push(&mut over(LakeSchema::empty(), options), payloads), errors);
}

#[test]
fn of_keys_that_come_twice_the_first_counts() {
    let payload = r#"{"a": 1, "b": {"c": 1, "c": 2}, "a": "x", "m": {"1.1": 1, "1.1": 2}}"#;
    check_errors(&[payload], Options::default(), &["key `c` comes twice: the first is kept"]);
    check(
        payload,
        "a: long
         b: struct<c: long>
         m: map<string, long>",
        json!([{"a": 1, "b": {"c": 1}, "m": {"1.1": 1}}]),
    );
}

#[test]
fn says_why_a_payload_has_no_columns() {
    let mut shredder = shredder();
    assert_eq!(shredder.push(Decoded::Undecodable("byte 0 is no JSON")).as_deref(), Some("byte 0 is no JSON"));
    assert_eq!(shredder.push(Decoded::Absent), None);
    assert_eq!(rows(&cut(&mut shredder, &[r#"{"a": 1}"#])), [json!({}), json!({}), json!({"a": 1})]);
}

#[test]
fn what_lies_too_deep_stays_in_the_payload() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let lists = format!("{{\"l\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let options = Options { depth_max: 3, ..Options::default() };
    let error = "1 value is only in the payload: past `depth_max`";
    check_errors(&[&deep, &lists, r#"{"a": {"b": {"c": 1}}}"#], options, &[error, error]);
}

#[test]
fn what_is_past_the_columns_stays_in_the_payload() {
    let options = || Options { columns_max: 3, ..Options::default() };
    let payloads =
        [r#"{"a": 1, "b": {"c": 1, "d": 1}, "e": 1, "f": null}"#, r#"{"a": "x"}"#, r#"{"a": 2, "b": {"c": 2}}"#];
    let two = "2 values are only in the payload: the table has `columns_max` columns";
    let one = "1 value is only in the payload: the table has `columns_max` columns";
    check_errors(&payloads, options(), &[two, one]);
    let shredded = cut(&mut over(LakeSchema::empty(), options()), &payloads);
    assert_eq!(rows(&shredded), [json!({"a": 1, "b": {"c": 1}}), json!({}), json!({"a": 2, "b": {"c": 2}})]);
    assert!(words(&shredded.events).contains(&two.replace('2', "3")), "{:?}", words(&shredded.events));
}

#[test]
fn keys_that_never_have_a_value_leave_room_for_those_that_do() {
    let options = Options { columns_max: 10, ..Options::default() };
    let mut shredder = over(LakeSchema::empty(), options);
    let empty: Vec<_> = (0..30).map(|i| format!(r#"{{"n{i}": null, "l{i}": [], "o{i}": {{}}}}"#)).collect();
    assert!(push(&mut shredder, &empty.iter().map(String::as_str).collect::<Vec<_>>()).is_empty());
    assert!(push(&mut shredder, &[r#"{"a": 1, "b": 2, "c": 3}"#]).is_empty());
    assert_eq!(shredder.finish().schema.columns.len(), 3);
}
