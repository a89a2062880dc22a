//! Against the S3 that `tests/run` starts.

use catchwater_sdk::ErrorKind;

use super::Settings;
use crate::{Created, PART_BYTES, Store};

/// A place in the bucket of the tests that nothing else has.
fn place(bucket: &str, name: &str) -> Store {
    let found = std::env::var("CATCHWATER_TEST_S3").expect("CATCHWATER_TEST_S3 names an S3; `tests/run` starts one");
    let (keys, address) = found.trim_start_matches("http://").split_once('@').expect("http://KEY:SECRET@ADDRESS");
    let (id, secret) = keys.split_once(':').expect("a key and its secret");
    let settings = Settings {
        endpoint: Some(format!("http://{address}")),
        keys: Some((id.to_owned(), secret.to_owned().into())),
        ..Settings::default()
    };
    let run = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
    Store::open_s3(&format!("s3://{bucket}/{name}-{run}"), settings).expect("a place in a bucket")
}

async fn paths(store: &Store) -> Vec<String> {
    store.list("", "").await.expect("a listing").into_iter().map(|listed| listed.path).collect()
}

#[tokio::test]
async fn a_bucket_is_a_store_like_a_disk() {
    let store = place("unit-tests", "store");
    assert_eq!(store.get("a").await.expect("read"), None);
    for name in ["log/2.json", "log/1.json", "date=2026-11-22/my file"] {
        assert_eq!(store.create(name, "one".into()).await.expect("written"), Created::New);
    }
    assert_eq!(store.create("log/1.json", "two".into()).await.expect("answered"), Created::Existed);
    assert_eq!(store.get_range("log/1.json", 1..3).await.expect("read").as_ref(), b"ne");
    assert_eq!(paths(&store).await, ["date=2026-11-22/my file", "log/1.json", "log/2.json"]);
    assert_eq!(store.folders("").await.expect("a listing"), ["date=2026-11-22", "log"]);
    let later = store.list("log", "log/1.json").await.expect("a listing");
    assert_eq!(later.iter().map(|listed| listed.path.as_str()).collect::<Vec<_>>(), ["log/2.json"]);
    store.delete("log/1.json").await.expect("deleted");
    store.delete("log/1.json").await.expect("nothing to delete");
    assert_eq!(store.at("log").get("2.json").await.expect("read").as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let store = place("unit-tests", "race");
    let creators = (0..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.create("x", format!("{number}").into()).await.expect("answered") })
    });
    let answers = futures::future::join_all(creators).await;
    assert_eq!(answers.into_iter().filter(|answer| *answer.as_ref().expect("ran") == Created::New).count(), 1);
}

#[tokio::test]
async fn a_large_file_goes_there_in_parts_and_is_whole() {
    let store = place("unit-tests", "large");
    let bytes: bytes::Bytes = (0..PART_BYTES * 2 + 12_345).map(|at| (at / 1000) as u8).collect::<Vec<_>>().into();
    store.put_new("large", bytes.clone()).await.expect("written");
    assert!(store.get("large").await.expect("read") == Some(bytes));
}

#[tokio::test]
async fn a_probe_finds_conditional_writes_and_leaves_nothing() {
    let store = place("unit-tests", "probe");
    store.probe().await.expect("the store has them");
    assert_eq!(paths(&store).await, [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_a_refusal_for_readers_and_writers() {
    let store = place("no-such-bucket", "x");
    let answers = [
        store.get("a").await.map(drop),
        store.list("", "").await.map(drop),
        store.folders("").await.map(drop),
        store.create("a", "x".into()).await.map(drop),
        store.probe().await,
    ];
    for error in answers.map(|answer| answer.expect_err("there is no bucket")) {
        assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
        assert!(error.chain().contains("NoSuchBucket"), "{}", error.chain());
    }
}
