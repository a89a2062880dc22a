//! What becomes of a table from cut to cut.

use super::*;

/// Cuts one after the other into one table: the columns after each, and the rows of the last. It makes no difference whether
/// the shredder goes on or begins again with what was committed.
fn check(cuts: &[&[&str]], columns: &[&str], last: Json) {
    let mut going_on = shredder();
    let mut committed = LakeSchema::empty();
    let mut after = Vec::new();
    for (i, payloads) in cuts.iter().enumerate() {
        let shredded = cut(&mut going_on, payloads);
        let anew = cut(&mut over(committed, Options::default()), payloads);
        assert_eq!(shredded.schema, anew.schema, "cut {i}");
        assert_eq!(rows(&shredded), rows(&anew), "cut {i}");
        assert_eq!(words(&shredded.events), words(&anew.events), "cut {i}");
        after.push(shredded.schema.to_string().trim_end().replace('\n', ", "));
        committed = LakeSchema::clone(&shredded.schema);
        if i + 1 == cuts.len() {
            assert_eq!(Json::Array(rows(&shredded)), last);
        }
    }
    assert_eq!(after, columns);
}

#[test]
fn a_committed_column_never_changes_its_type() {
    check(
        &[&[r#"{"a": 1}"#], &[r#"{"a": 1.5}"#, r#"{"a": 2}"#], &[r#"{"a": 3}"#]],
        &["a: long", "a: long, a__double: double", "a: long, a__double: double"],
        json!([{"a": 3, "a__double": 3.0}]),
    );
    check(
        &[&[r#"{"t": "2026-11-22T10:30:00Z"}"#], &[r#"{"t": "soon"}"#, r#"{"t": "2026-11-22T10:30:00Z"}"#]],
        &["t: timestamp", "t: timestamp, t__string: string"],
        json!([
            {"t__string": "soon"},
            {"t": 1_795_343_400_000_000i64, "t__string": "2026-11-22T10:30:00Z"}
        ]),
    );
    check(
        &[&[r#"{"a": 1}"#], &[r#"{"a": 18446744073709551615}"#, r#"{"a": 2}"#]],
        &["a: long", "a: long, a__decimal: decimal"],
        json!([{"a__decimal": "18446744073709551615"}, {"a": 2, "a__decimal": "2"}]),
    );
}

#[test]
fn what_had_no_value_in_one_cut_gives_no_type_in_the_next() {
    check(
        &[&[r#"{"l": [null, {}]}"#], &[r#"{"l": [{"a": false}]}"#, r#"{"l": [false]}"#]],
        &["", "l: array<struct<a: boolean>>, l__json: json"],
        json!([{"l": [{"a": false}]}, {"l__json": "[false]"}]),
    );
    check(
        &[&[r#"{"l": [{}], "o": {"p": null}}"#], &[r#"{"l": [5], "o": true}"#]],
        &["", "l: array<long>, o: boolean"],
        json!([{"l": [5], "o": true}]),
    );
    check(
        &[&[r#"{"a": false}"#], &[r#"{"a": {}}"#, r#"{"a": []}"#], &[r#"{"a": true}"#]],
        &["a: boolean", "a: boolean", "a: boolean"],
        json!([{"a": true}]),
    );
}

#[test]
fn new_columns_come_behind_the_old_ones() {
    check(
        &[&[r#"{"a": 1, "b": {"x": 1}, "n": null}"#], &[r#"{"a": "x", "b": {"w": 1, "x": 2}, "n": 2, "z": 1}"#]],
        &["a: long, b: struct<x: long>", "a: long, b: struct<x: long, w: long>, a__string: string, n: long, z: long"],
        json!([{"a__string": "x", "b": {"x": 2, "w": 1}, "n": 2, "z": 1}]),
    );
}

#[test]
fn lists_and_maps_grow_inwards() {
    check(
        &[&[r#"{"l": [{"x": 1}], "m": {"1.1": {"x": 1}}}"#], &[r#"{"l": [{"y": 2}], "m": {"1.2": {"y": true}}}"#]],
        &[
            "l: array<struct<x: long>>, m: map<string, struct<x: long>>",
            "l: array<struct<x: long, y: long>>, m: map<string, struct<x: long, y: boolean>>",
        ],
        json!([{"l": [{"y": 2}], "m": {"1.2": {"y": true}}}]),
    );
    check(
        &[&[r#"{"l": [1]}"#], &[r#"{"l": [1.5]}"#]],
        &["l: array<long>", "l: array<long>, l__json: json"],
        json!([{"l__json": "[1.5]"}]),
    );
}

#[test]
fn a_cut_may_have_no_rows() {
    let payload = r#"{"a": 1, "s": {"x": "y"}, "l": [[1]], "m": {"1.1": true}, "t": "2026-11-22"}"#;
    check(&[&[], &[payload], &[]], &["", SCHEMA, SCHEMA], json!([]));
    const SCHEMA: &str = "a: long, s: struct<x: string>, l: array<array<long>>, m: map<string, boolean>, t: date";
}

/// Records of one key each, which looks like a name, out of 150.
fn exploding(records: usize, value: impl Fn(usize) -> Json) -> Vec<String> {
    let key = |i: usize| format!("{}{}", (b'a' + (i / 10 % 15) as u8) as char, i % 10);
    (0..records).map(|i| json!({"by": {key(i): value(i)}}).to_string()).collect()
}

fn cut_of(shredder: &mut Shredder, payloads: &[String]) -> Shredded {
    cut(shredder, &payloads.iter().map(String::as_str).collect::<Vec<_>>())
}

fn check_exploded(value: impl Fn(usize) -> Json, column: &str) {
    let payloads = exploding(300, value);
    let shredded = cut_of(&mut shredder(), &payloads);
    assert_eq!(shredded.schema.to_string().trim_end(), column);
    for (row, payload) in rows(&shredded).iter().zip(&payloads) {
        assert_eq!(row, &serde_json::from_str::<Json>(payload).unwrap());
    }
}

#[test]
fn an_object_that_explodes_becomes_a_map_while_no_file_has_it() {
    check_exploded(|i| json!(i), "by: map<string, long>");
    check_exploded(|i| json!(i as f64 + 0.5), "by: map<string, double>");
    check_exploded(
        |i| json!({"n": i, "l": [format!("x{i}"), null]}),
        "by: map<string, struct<l: array<string>, n: long>>",
    );
    check_exploded(|i| json!({"10.0.0.1": i % 2 == 0}), "by: map<string, map<string, boolean>>");
    let later = |i| if i < 64 { json!("2026-11-22") } else { json!("never") };
    check_exploded(later, "by: map<string, string>");
}

#[test]
fn an_object_whose_values_conflict_explodes_into_json_at_worst() {
    let payloads = exploding(300, |i| if i < 150 { json!([i]) } else { json!([true]) });
    let shredded = cut_of(&mut shredder(), &payloads);
    assert_eq!(shredded.schema.to_string().trim_end(), "by: map<string, array<long>>\nby__json: json");
}

#[test]
fn a_committed_object_that_explodes_goes_on_as_a_map_beside_it() {
    let payloads = exploding(200, |i| json!(i));
    let mut shredder = shredder();
    assert_eq!(cut_of(&mut shredder, &payloads[..10]).schema.columns.len(), 1);
    let second = cut_of(&mut shredder, &payloads[10..]);
    let names: Vec<_> = second.schema.columns.iter().map(|column| column.name().into_owned()).collect();
    assert_eq!(names, ["by", "by__map"]);
    let rows = rows(&second);
    for (row, payload) in rows.iter().zip(&payloads[10..]) {
        let by = &serde_json::from_str::<Json>(payload).unwrap()["by"];
        assert!(row["by"] == *by || row["by__map"] == *by, "{row} of {payload}");
    }
    let in_struct = rows.iter().filter(|row| row.get("by").is_some()).count();
    assert_eq!(in_struct, 54 + 50, "64 keys have columns; 10 came before, 50 twice");
}

#[test]
fn a_dense_object_stays_a_struct() {
    let wide: Vec<_> = (0..40).map(|i| format!("\"k{i}\": {i}, \"l{i}\": \"x\"")).collect();
    let payload = format!("{{\"o\": {{{}}}}}", wide.join(","));
    let shredded = cut(&mut shredder(), &[&payload]);
    assert_eq!(shredded.schema.count(), 81);
}

#[test]
fn tells_what_changed() {
    let mut shredder = shredder();
    let first = cut(&mut shredder, &[r#"{"a": {"at": 1700000000, "l": [1]}}"#]);
    assert_eq!(words(&first.events), ["added `a`: struct<at: long, l: array<long>>"]);
    let second = cut(&mut shredder, &[r#"{"a": {"at": 1700000000123, "l": ["x"], "b": true}}"#]);
    assert_eq!(
        words(&second.events),
        [
            "the numbers of `a.at`: seconds became milliseconds",
            "values came that `a.l` cannot hold: they are in `a.l__json` from now on",
            "added `a.b`: boolean",
        ]
    );
    assert!(cut(&mut shredder, &[r#"{"a": {"at": 1700000000124}}"#]).events.is_empty());
}

#[test]
fn the_hash_is_that_of_the_columns() {
    let hash = |payload: &str| cut(&mut shredder(), &[payload]).schema.hash();
    assert_eq!(hash(r#"{"a": 1, "b": null}"#), hash(r#"{"a": 2}"#));
    for other in [r#"{"a": 1.5}"#, r#"{"b": 1}"#, r#"{"a": {"a": 1}}"#, r#"{"a": [1]}"#, r#"{"a": 1, "b": 1}"#, "{}"] {
        assert_ne!(hash(r#"{"a": 1}"#), hash(other), "{other}");
    }
    assert_ne!(hash(r#"{"a": {"b c": 1}}"#), hash(r#"{"a": {"b_c": 1}}"#));
    assert_eq!(hash(r#"{"a": 1}"#), "8c2c2ecd78758edf");
}

#[test]
fn columns_of_other_writers_stay_and_stay_empty() {
    let foreign = vec![Field::new("_key", DataType::Binary, true), Field::new("a", DataType::Int32, true)];
    let mut shredder = over(LakeSchema::from_fields(&foreign.into()), Options::default());
    let shredded = cut(&mut shredder, &[r#"{"a": 1}"#]);
    assert_eq!(shredded.schema.to_string(), "a: Int32\na__long: long\n");
    assert_eq!(rows(&shredded), [json!({"a__long": 1})]);
}

fn pins(pins: Json) -> Options {
    Options { pins: serde_json::from_value(pins).unwrap(), ..Options::default() }
}

#[test]
fn a_pin_gives_a_type_beforehand() {
    let pins = pins(json!({
        "zip": "string", "n": "double", "o.raw": "json", "items.sku": "string", "by": "map", "names": "struct", "t": "timestamp"
    }));
    let payload = r#"{"zip": 80331, "n": 1, "o": {"raw": {"k": [1, "x"]}}, "items": [{"sku": 5}], "by": {"ann": 1},
        "names": {"1.1": 1, "1.2": 2}, "t": null}"#;
    let shredded = cut(&mut over(LakeSchema::empty(), pins), &[payload, r#"{"zip": "EC1A", "t": "never"}"#]);
    assert_eq!(
        shredded.schema.to_string().lines().collect::<Vec<_>>(),
        [
            "zip: string",
            "n: double",
            "o: struct<raw: json>",
            "items: array<struct<sku: string>>",
            "by: map<string, long>",
            "names: struct<x_1_1: long, x_1_2: long>",
            "t: timestamp",
            "t__string: string",
        ]
    );
    let row = json!({"zip": "80331", "n": 1.0, "o": {"raw": "{\"k\":[1,\"x\"]}"}, "items": [{"sku": "5"}], "by": {"ann": 1},
        "names": {"x_1_1": 1, "x_1_2": 2}});
    assert_eq!(rows(&shredded), [row, json!({"zip": "EC1A", "t__string": "never"})]);
}

#[test]
fn a_pin_of_another_type_stands_beside_the_committed_column() {
    let committed = cut(&mut shredder(), &[r#"{"zip": 80331, "name": "x"}"#]).schema;
    let mut pinned = over(LakeSchema::clone(&committed), pins(json!({"zip": "string", "name": "string"})));
    let shredded = cut(&mut pinned, &[r#"{"zip": 10115, "name": 5}"#, r#"{"zip": "EC1A"}"#]);
    assert_eq!(shredded.schema.to_string(), "zip: long\nname: string\nzip__string: string\n");
    assert_eq!(
        rows(&shredded),
        [json!({"zip": 10115, "zip__string": "10115", "name": "5"}), json!({"zip__string": "EC1A"})]
    );
}

fn schema(payloads: &[&str]) -> LakeSchema {
    LakeSchema::clone(&cut(&mut shredder(), payloads).schema)
}

fn check_merge(table: &str, file: &str, expected: Result<&str, &str>) {
    let merged = schema(&[table]).merge(&schema(&[file]));
    let merged =
        merged.map(|schema| schema.to_string().trim_end().replace('\n', ", ")).map_err(|conflict| conflict.to_string());
    assert_eq!(merged, expected.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn a_file_adds_its_columns_to_what_another_writer_added() {
    check_merge(
        r#"{"a": 1, "b": {"x": 1}}"#,
        r#"{"c": 1, "b": {"y": 1}}"#,
        Ok("a: long, b: struct<x: long, y: long>, c: long"),
    );
    check_merge(r#"{"l": [{"x": 1}]}"#, r#"{"l": [{"y": 1}]}"#, Ok("l: array<struct<x: long, y: long>>"));
    check_merge(r#"{"a": [1, "x"]}"#, r#"{"a": [1]}"#, Ok("a__json: json, a: array<long>"));
}

#[test]
fn a_file_whose_column_is_of_another_type_must_be_shredded_again() {
    let conflict = |path, table, file| format!("column `{path}` is {table} in the table and {file} in the file");
    check_merge(r#"{"a": 1}"#, r#"{"a": 1.5}"#, Err(&conflict("a", "long", "double")));
    check_merge(r#"{"b": {"x": 1}}"#, r#"{"b": {"x": "t"}}"#, Err(&conflict("b.x", "long", "string")));
    check_merge(r#"{"b": {"x": 1}}"#, r#"{"b": {"1.1": 1}}"#, Err(&conflict("b", "struct", "map")));
    check_merge(r#"{"Id": 1, "id": 1}"#, r#"{"id": 1}"#, Err(&conflict("id", "of key `Id`", "of key `id`")));
    check_merge(r#"{"Id": 1}"#, r#"{"id": 1}"#, Err(&conflict("id", "of key `Id`", "of key `id`")));
}
