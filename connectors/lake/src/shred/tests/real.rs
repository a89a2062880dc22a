//! Real streams make tables that one wants to query.

use super::*;

fn schema_of(file: &str) -> (Vec<Json>, Shredded) {
    let payloads: Vec<_> = file.lines().collect();
    let shredded = cut(&mut shredder(), &payloads);
    (payloads.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect(), shredded)
}

#[test]
fn zones_and_upstreams_of_a_web_server_are_maps() {
    let (records, shredded) = schema_of(include_str!("../../../tests/data/nginx.ndjson"));
    let responses = "struct<x_1xx: long, x_2xx: long, x_3xx: long, x_4xx: long, x_5xx: long, total: long>";
    let schema = shredded.schema.to_string();
    let column = |name: &str| schema.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or_default();
    assert_eq!(
        column("server_zones"),
        format!(
            "server_zones: map<string, struct<processing: long, requests: long, responses: {responses}, \
             discarded: long, received: long, sent: long>>"
        )
    );
    assert!(
        column("upstreams").starts_with("upstreams: map<string, struct<peers: array<struct<id: long, server: string")
    );
    assert!(column("caches").starts_with("caches: struct<http_cache: struct<size: long"));
    assert_eq!(shredded.schema.columns.len(), records[0].as_object().unwrap().len());
    let zone = &rows(&shredded)[0]["server_zones"]["hg.nginx.org"];
    assert_eq!(zone["responses"]["x_2xx"], records[0]["server_zones"]["hg.nginx.org"]["responses"]["2xx"]);
}

#[test]
fn several_types_of_events_share_a_table() {
    let (records, shredded) = schema_of(include_str!("../../../tests/data/github_events.ndjson"));
    let schema = shredded.schema.to_string();
    assert!(schema.contains("\ncreated_at: timestamp\n"), "{schema}");
    assert!(!schema.contains("__") && !schema.contains("map<"), "{schema}");
    for (record, row) in records.iter().zip(rows(&shredded)) {
        assert_eq!((&record["id"], &record["actor"]["login"]), (&row["id"], &row["actor"]["login"]));
    }
}

#[test]
fn optional_fields_come_and_go() {
    let (records, shredded) = schema_of(include_str!("../../../tests/data/tweets.ndjson"));
    let schema = shredded.schema.to_string();
    assert!(!schema.contains("__"), "{schema}");
    for (record, row) in records.iter().zip(rows(&shredded)) {
        let [a, b] =
            ["/user/screen_name", "/retweeted_status/id"].map(|path| (record.pointer(path), row.pointer(path)));
        assert_eq!((a.0, b.0), (a.1, b.1));
    }
}
