//! What is in the files: originals, order, dates, footers, statistics.

use catchwater_sdk::{BatchBuilder, Field, Limit, Record};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use super::support::*;

#[tokio::test]
async fn keeps_the_original_byte_for_byte() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition(0));
    let headers = [Field::text("trace", "1"), Field::bytes("trace", None), Field::bytes("", Some(b"\xff"))];
    let payloads: [Option<&[u8]>; 5] =
        [Some(b"{\"a\": 1.50 }\n"), None, Some(b""), Some(b"\xff\xfe{"), Some(b"not json")];
    for (position, payload) in (0..).zip(payloads) {
        let key = (position != 1).then_some(&b"\x00k"[..]);
        builder.push(origin, position, position + 1, Record { payload, key, headers: &headers, ..Record::default() });
    }
    let _ = sink.write(&json(builder.finish())).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 5)]).await.unwrap();
    let rows = lake.rows().await;
    assert_eq!(rows.iter().map(|row| row.payload.as_deref()).collect::<Vec<_>>(), payloads);
    let has = |name: &str| rows.iter().map(|row| row.columns.contains_key(name)).collect::<Vec<_>>();
    assert_eq!(has("_key"), [true, false, true, true, true]);
    assert_eq!(has("_error"), [false, false, true, true, true]);
    let headers =
        "[{name: trace, value: 31, type: text}, {name: trace, value: , type: bytes}, {name: , value: ff, type: bytes}]";
    assert_eq!(rows[0].columns["_headers"], headers);
    assert_eq!(rows[0].columns["_id"], "kraft/1/orders/0/0");
}

#[tokio::test]
async fn what_a_replay_sent_names_the_replay() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition(0));
    let headers = [Field::text("catchwater-replay", "again"), Field::bytes("catchwater-replay", None)];
    builder.push(origin, 0, 1, Record { headers: &headers, ..Record::payload(b"{}") });
    builder.push(origin, 1, 2, Record::payload(b"{}"));
    let _ = sink.write(&builder.finish()).await.expect("taken");
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    let replays: Vec<_> = lake.rows().await.iter().map(|row| row.columns.get("_replay").cloned()).collect();
    assert_eq!(replays, [Some("again".to_owned()), None]);
}

#[tokio::test]
async fn rows_are_in_order_within_a_file() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    for first in 0..3 {
        let _ = sink.write(&batch(1, first * 2, &["1", "2"])).await.unwrap();
        let _ = sink.write(&batch(0, first, &["3"])).await.unwrap();
    }
    let _ = cut(&mut sink, 1, &[(0, 3), (1, 6)]).await.unwrap();
    let rows = lake.rows().await;
    let places: Vec<_> = rows.iter().map(|row| (row.partition, row.position)).collect();
    assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
}

#[tokio::test]
async fn each_date_has_its_folder_and_the_impossible_have_the_null_date() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let year_58000 = NOON * 1000;
    let _ = sink
        .write(&timed(0, 0, &[(NOON, b"1"), (year_58000, b"2"), (NOON - DAY, b"3"), (i64::MIN, b"4")]))
        .await
        .unwrap();
    let _ = cut(&mut sink, 1, &[(0, 4)]).await.unwrap();
    let rows = lake.rows().await;
    let found: Vec<_> = rows.iter().map(|row| (row.file.split('/').next().unwrap(), row.position)).collect();
    let null = "date=__HIVE_DEFAULT_PARTITION__";
    assert_eq!(found, [("date=2026-11-21", 2), ("date=2026-11-22", 0), (null, 1), (null, 3)]);
    // The time is kept where every reader can read it.
    assert!(!rows[2].columns.contains_key("_timestamp"));
    assert!(rows[2].columns["_properties"].contains("catchwater.timestamp"), "{}", rows[2].columns["_properties"]);
}

#[tokio::test]
async fn five_hundred_dates_are_five_hundred_files_of_one_commit() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let records: Vec<(i64, &[u8])> = (0..1500).map(|i| (NOON - i % 500 * DAY, &b"{\"id\":1}"[..])).collect();
    let _ = sink.write(&timed(0, 0, &records)).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 1500)]).await.unwrap();
    assert_eq!((lake.files().await.len(), lake.rows().await.len(), lake.commits()), (500, 1500, 1));
}

#[tokio::test]
async fn ten_megabytes_are_a_record_like_any_other() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(10 << 20));
    let _ = sink.write(&batch(0, 0, &[&text, "{\"text\":\"y\"}"])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    assert_eq!(lake.rows().await[0].payload.as_deref(), Some(text.as_bytes()));
}

#[tokio::test]
async fn footers_name_commit_number_and_ranges() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    let _ = sink.write(&timed(0, 3, &[(NOON, b"1"), (NOON - DAY, b"2")])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 9), (1, 4)]).await.unwrap();
    let _ = sink.write(&timed(0, 9, &[(NOON, b"3")])).await.unwrap();
    let _ = cut(&mut sink, 2, &[(0, 10), (1, 4)]).await.unwrap();
    let footers: Vec<Value> = lake.files().await.iter().map(|file| lake.footer(file)).collect();
    let numbers: Vec<_> = footers.iter().map(|footer| (footer["file"].clone(), footer["files"].clone())).collect();
    assert_eq!(numbers, [(json!(1), json!(2)), (json!(2), json!(2)), (json!(1), json!(1))]);
    assert_eq!(footers[0]["commit"], footers[1]["commit"]);
    assert_ne!(footers[0]["commit"], footers[2]["commit"]);
    let ranges = |footer: &Value| -> Vec<(Value, Value)> {
        footer["positions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|range| (range["from"].clone(), range["to"].clone()))
            .collect()
    };
    assert_eq!(ranges(&footers[0]), [(Value::Null, json!(9)), (Value::Null, json!(4))]);
    assert_eq!(ranges(&footers[2]), [(json!(9), json!(10))]);
}

#[tokio::test]
async fn the_log_has_statistics_that_rule_files_out() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let long = "z".repeat(100);
    let payloads = [
        r#"{"n":1,"x":0.5,"s":"a","at":"2026-11-22T10:00:00Z","in":{"k":"b"},"ok":true}"#.to_owned(),
        format!(r#"{{"n":-7,"x":2.5,"s":"{long}","at":"2026-11-22T11:30:00.5Z","in":{{}}}}"#),
    ];
    let _ = sink.write(&batch(0, 0, &payloads.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.unwrap();
    let stats = stats_in_log(&lake);
    assert_eq!(stats["numRecords"], 2);
    let range = |path: &str| {
        (stats.pointer(&format!("/minValues/{path}")).cloned(), stats.pointer(&format!("/maxValues/{path}")).cloned())
    };
    assert_eq!(range("n"), (Some(json!(-7)), Some(json!(1))));
    assert_eq!(range("x"), (Some(json!(0.5)), Some(json!(2.5))));
    assert_eq!(range("in/k"), (Some(json!("b")), Some(json!("b"))));
    assert_eq!(range("at"), (Some(json!("2026-11-22T10:00:00.000000Z")), Some(json!("2026-11-22T11:30:00.500000Z"))));
    assert_eq!(range("_position"), (Some(json!(0)), Some(json!(1))));
    assert_eq!(stats["nullCount"]["in"]["k"], 1);
    let greatest = stats["maxValues"]["s"].as_str().unwrap();
    assert!(greatest.len() <= 32 && greatest > long.as_str(), "a cut text is rounded up: {greatest}");
}

#[tokio::test]
async fn ids_get_a_bloom_filter_instead_of_a_dictionary() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let payloads: Vec<String> =
        (0..2000).map(|i| format!(r#"{{"id":"o-{i}","status":"s{}","at":{i}}}"#, i % 3)).collect();
    let _ = sink.write(&batch(0, 0, &payloads.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 2000)]).await.unwrap();
    let file = std::fs::File::open(lake.folder().join(&lake.files().await[0])).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let column = |name: &str| columns.iter().find(|column| column.column_path().string() == name).unwrap();
    let of =
        |name: &str| (column(name).bloom_filter_offset().is_some(), column(name).dictionary_page_offset().is_some());
    assert_eq!((of("id"), of("status"), of("at")), ((true, false), (false, true), (false, false)));
}

fn stats_in_log(lake: &Lake) -> Value {
    let entry = std::fs::read_to_string(lake.folder().join("_delta_log/00000000000000000000.json")).unwrap();
    let actions = entry.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stats = actions.filter_map(|action| action["add"]["stats"].as_str().map(str::to_owned)).next().unwrap();
    serde_json::from_str(&stats).unwrap()
}
