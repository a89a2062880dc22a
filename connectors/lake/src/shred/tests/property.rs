//! Whatever the records are, every value is in a column, and columns only grow.

use proptest::prelude::*;

use super::super::kind::Kind;
use super::super::moment;
use super::super::schema::Column;
use super::*;

fn value() -> impl Strategy<Value = Json> {
    let text = prop_oneof!["[a-c]{0,3}", Just("2026-11-22T10:30:00Z".into()), Just("2026-11-22".into()), "\\PC{0,8}"];
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i32>().prop_map(|eighths| json!(f64::from(eighths) / 8.0)),
        text.prop_filter("a number in disguise", |text| !text.starts_with('#')).prop_map(Json::from),
    ];
    scalar.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from), object(inner).prop_map(Json::from)]
    })
}

fn object(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Map<String, Json>> {
    let key = prop_oneof![
        "[ab]",
        "[AB]",
        "10\\.0\\.0\\.[1-3]",
        Just("_id".into()),
        Just("date".into()),
        Just("a__long".into())
    ];
    prop::collection::vec((key, value), 0..5).prop_map(|entries| entries.into_iter().collect())
}

fn cuts() -> impl Strategy<Value = Vec<Vec<String>>> {
    let record = object(value()).prop_map(|object| Json::from(object).to_string());
    prop::collection::vec(prop::collection::vec(record, 1..6), 1..4)
}

/// Whether a value gives a column a type.
fn is_typed(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Array(elements) => elements.iter().any(is_typed),
        Json::Object(entries) => entries.values().any(is_typed),
        _ => true,
    }
}

/// Each key's value is in one of its columns, and no column says anything else.
fn is_in_columns(object: &Map<String, Json>, columns: &[Column], cells: &Map<String, Json>) -> bool {
    object.iter().all(|(key, value)| {
        let columns = columns.iter().filter(|column| *column.original == **key);
        let set: Vec<_> = columns.filter_map(|column| Some((column, cells.get(&*column.name())?))).collect();
        (!set.is_empty() || !is_typed(value)) && set.iter().all(|(column, cell)| is_cell(value, &column.kind, cell))
    })
}

fn is_cell(value: &Json, kind: &Kind, cell: &Json) -> bool {
    match (kind, value) {
        (_, Json::Null) => cell.is_null(),
        (Kind::Double, value) => value.as_f64() == cell.as_f64(),
        (Kind::Decimal, value) => cell == &value.to_string(),
        (Kind::Timestamp, Json::String(text)) => moment::timestamp(text) == cell.as_i64(),
        (Kind::Date, Json::String(text)) => moment::date(text).map(i64::from) == cell.as_i64(),
        (Kind::Json, value) => serde_json::from_str::<Json>(cell.as_str().unwrap()).unwrap() == *value,
        (Kind::Struct(columns), Json::Object(object)) => {
            cell.as_object().is_some_and(|cells| is_in_columns(object, columns, cells))
        }
        (Kind::List(kind), Json::Array(elements)) => {
            let cells = cell.as_array().unwrap();
            cells.len() == elements.len()
                && elements.iter().zip(cells).all(|(value, cell)| is_element(value, kind, cell))
        }
        (Kind::Map(kind), Json::Object(object)) => {
            let cells = cell.as_object().unwrap();
            cells.len() == object.len() && object.iter().all(|(key, value)| is_element(value, kind, &cells[key]))
        }
        (_, value) => value == cell,
    }
}

/// Within lists and maps a value of no type, such as `[]`, may be null beside typed ones.
fn is_element(value: &Json, kind: &Kind, cell: &Json) -> bool {
    is_cell(value, kind, cell) || (cell.is_null() && !is_typed(value))
}

fn check(payloads: &[String], shredded: &Shredded) {
    for (payload, row) in payloads.iter().zip(rows(shredded)) {
        let object: Map<String, Json> = serde_json::from_str(payload).unwrap();
        assert!(
            is_in_columns(&object, &shredded.schema.columns, row.as_object().unwrap()),
            "{payload} became {row} in\n{}",
            shredded.schema
        );
    }
}

fn cut_of(shredder: &mut Shredder, payloads: &[String]) -> Shredded {
    cut(shredder, &payloads.iter().map(String::as_str).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_is_in_a_column_and_columns_only_grow(cuts in cuts()) {
        let mut going_on = shredder();
        let mut committed = LakeSchema::empty();
        for payloads in &cuts {
            let shredded = cut_of(&mut going_on, payloads);
            check(payloads, &shredded);
            prop_assert_eq!(&committed.merge(&shredded.schema).unwrap(), &*shredded.schema);
            committed = LakeSchema::clone(&shredded.schema);
        }
    }

    #[test]
    fn records_that_are_shredded_again_are_found_again(cuts in cuts()) {
        let payloads = cuts.concat();
        let first = cut_of(&mut shredder(), &payloads);
        let again = cut_of(&mut over(LakeSchema::clone(&first.schema), Options::default()), &payloads);
        check(&payloads, &again);
        prop_assert_eq!(&first.schema.merge(&again.schema).unwrap(), &*again.schema);
    }

    #[test]
    fn a_merge_holds_the_files_of_both(a in cuts(), b in cuts()) {
        let table = cut_of(&mut shredder(), &a.concat()).schema;
        let file = cut_of(&mut shredder(), &b.concat());
        if let Ok(merged) = table.merge(&file.schema) {
            for part in [&table, &file.schema] {
                prop_assert_eq!(&merged.merge(part).unwrap(), &merged);
            }
        }
        let again = cut_of(&mut over(LakeSchema::clone(&table), Options::default()), &b.concat());
        prop_assert!(table.merge(&again.schema).is_ok());
        check(&b.concat(), &again);
    }
}
