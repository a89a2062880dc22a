//! The S3 of the tests: objects below a prefix that no other test has.

use std::sync::atomic::{AtomicU32, Ordering};

use catchwater_storage::{S3Settings, Store};

/// A bucket that `tests/run` makes.
const BUCKET: &str = "unit-tests";

/// A place in the bucket.
pub(crate) struct Place {
    /// `s3://bucket/prefix`.
    pub(crate) url: String,
    /// The keys of a configuration that lead there, as YAML in braces has them.
    pub(crate) keys: String,
    pub(crate) store: Store,
}

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let found =
            std::env::var("CATCHWATER_TEST_S3").expect("CATCHWATER_TEST_S3 names an S3; `tests/run` starts one");
        let (keys, address) = found.trim_start_matches("http://").split_once('@').expect("http://KEY:SECRET@ADDRESS");
        let (id, secret) = keys.split_once(':').expect("a key and its secret");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let run = std::process::id();
        let started = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
        let url = format!("s3://{BUCKET}/{started}-{run}-{number}");
        let endpoint = format!("http://{address}");
        let keys =
            format!("url: '{url}', endpoint: '{endpoint}', access_key_id: '{id}', secret_access_key: '{secret}'");
        let settings = S3Settings {
            endpoint: Some(endpoint),
            keys: Some((id.to_owned(), secret.to_owned().into())),
            ..S3Settings::default()
        };
        let store = Store::open_s3(&url, settings).expect("a place in a bucket");
        Place { url, keys, store }
    }

    pub(crate) async fn put(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        self.store.replace(key, bytes.into()).await.expect("put an object");
    }

    /// All objects in the order of their keys.
    pub(crate) async fn objects(&self) -> Vec<(String, bytes::Bytes)> {
        let mut objects = Vec::new();
        for listed in self.store.list("", "").await.expect("list objects") {
            let bytes = self.store.get(&listed.path).await.expect("get an object").expect("it was listed");
            objects.push((listed.path, bytes));
        }
        objects
    }
}
