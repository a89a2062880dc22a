//! The schema as it grows, also under two writers at once.

use super::support::*;

/// Both write, then both commit; the second commits onto a schema that it did not know.
async fn race(lake: &Lake, first: &[&str], second: &[&str]) {
    let (mut a, mut b) = (lake.sink("").await, lake.other_process("").await);
    assign(&mut a, &[0]).await;
    assign(&mut b, &[1]).await;
    let _ = a.write(&batch(0, 0, first)).await.unwrap();
    let _ = b.write(&batch(1, 0, second)).await.unwrap();
    let _ = cut(&mut a, 1, &[(0, first.len() as i64)]).await.unwrap();
    let _ = cut(&mut b, 1, &[(1, second.len() as i64)]).await.unwrap();
}

async fn columns(lake: &Lake) -> Vec<String> {
    let table = lake.table().await.unwrap();
    let schema = table.snapshot().unwrap().schema();
    let payload = schema.fields().filter(|field| !field.name().starts_with('_') && field.name() != "date");
    payload.map(|field| format!("{}:{}", field.name(), field.data_type())).collect()
}

#[tokio::test]
async fn new_columns_of_two_writers_end_up_side_by_side() {
    let lake = Lake::new();
    race(&lake, &[r#"{"id":1,"a":true}"#], &[r#"{"id":2,"b":"x"}"#]).await;
    assert_eq!(columns(&lake).await, ["id:long", "a:boolean", "b:string"]);
    let rows = lake.rows().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().any(|row| row.columns.get("b").is_some_and(|value| value == "x")));
}

#[tokio::test]
async fn rows_that_do_not_fit_the_winners_schema_are_shredded_again() {
    let lake = Lake::new();
    race(&lake, &[r#"{"amount":1}"#], &[r#"{"amount":"much"}"#, r#"{"amount":"2"}"#]).await;
    assert_eq!(columns(&lake).await, ["amount:long", "amount__string:string"]);
    let rows = lake.rows().await;
    assert_eq!(lake.places().await, "0:0 1:0 1:1");
    assert!(rows.iter().any(|row| row.columns.get("amount__string").is_some_and(|value| value == "much")));
    let stored: usize = std::fs::read_dir(lake.folder().join("date=2026-11-22")).unwrap().count();
    assert_eq!(stored, 2, "the file that did not fit is gone");
}

#[tokio::test]
async fn a_schema_evolves_with_the_rows_that_bring_it() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let payloads = [r#"{"id":1}"#, r#"{"id":2,"in":{"a":1}}"#, r#"{"id":"three","in":{"a":2,"b":"x"}}"#];
    let mut events = Vec::new();
    for (position, payload) in (0..).zip(payloads) {
        let _ = sink.write(&batch(0, position, &[payload])).await.unwrap();
        events.extend(cut(&mut sink, position as u64, &[(0, position + 1)]).await.unwrap().events);
    }
    assert_eq!(columns(&lake).await.len(), 3, "id, in, id__string");
    assert_eq!(events[0], "orders: table created with 1 columns from payloads");
    assert!(events.len() >= 4, "{events:#?}");
    let history = std::fs::read_dir(lake.folder().join("_catchwater/schemas")).unwrap().count();
    assert_eq!(history, 3);
}

#[tokio::test]
async fn pinned_types_hold_from_the_first_row() {
    let lake = Lake::new();
    let mut sink = lake.sink("schema: { zip: string }").await;
    let _ = sink.write(&batch(0, 0, &[r#"{"zip":12345}"#])).await.unwrap();
    let _ = cut(&mut sink, 1, &[(0, 1)]).await.unwrap();
    assert!(columns(&lake).await.contains(&"zip:string".to_owned()), "{:?}", columns(&lake).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_changed_is_told_once_however_many_tasks_took_part() {
    let lake = Lake::new();
    let mut sinks = Vec::new();
    for number in 0..3 {
        let mut sink = lake.sink("").await;
        assign(&mut sink, &[number]).await;
        sinks.push((number, sink));
    }
    for (at, payload, told) in
        [(0, r#"{"id":1}"#, "orders: table created with 1 columns from payloads"), (1, r#"{"new":2}"#, "new")]
    {
        let mut events = Vec::new();
        for (number, sink) in &mut sinks {
            let _ = sink.write(&batch(*number, at, &[payload])).await.unwrap();
        }
        let cuts = sinks.iter_mut().map(async |(number, sink)| cut(sink, at as u64 + 1, &[(*number, at + 1)]).await);
        for durable in futures::future::join_all(cuts).await {
            events.extend(durable.unwrap().events);
        }
        assert!(events.len() == 1 && events[0].contains(told), "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_whose_rows_disagree_are_both_stored() {
    let lake = Lake::new();
    let mut tasks = Vec::new();
    for (number, payload) in [(0, r#"{"v":1}"#), (1, r#"{"v":"x"}"#), (2, r#"{"v":[1]}"#), (3, r#"{"v":{"a":1}}"#)] {
        let mut sink = lake.sink("").await;
        tasks.push(tokio::spawn(async move {
            assign(&mut sink, &[number]).await;
            let _ = sink.write(&batch(number, 0, &[payload])).await.unwrap();
            cut(&mut sink, 1, &[(number, 1)]).await.map(drop)
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(lake.places().await, "0:0 1:0 2:0 3:0");
    assert_eq!(columns(&lake).await.len(), 4);
}
