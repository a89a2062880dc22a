//! Putting an object where nothing is.

use catchwater_sdk::{Error, Partition, Result};
use catchwater_storage::Created;
use twox_hash::XxHash3_64;

use super::group::Object;
use crate::s3::{Bucket, Compression};

/// The metadata that says with which record an object ends.
const LAST: &str = "catchwater-last";

/// What stands behind a record's own key at most: a slash, partition, position, identity, ending.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// What came of a put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    /// The name was taken by an object that ends with the record at this position.
    Has(i64),
}

/// An object's name: by it objects of a partition are in order, and those of another partition or capture have others. So has
/// each object with an id.
pub(super) fn name(
    key: &str,
    partition: &Partition,
    capture: &str,
    object: &Object,
    compression: Compression,
) -> String {
    let Partition { source, stream, incarnation, number } = partition;
    let id = object.id.map(|id| format!("{id:016x}"));
    let identity: Vec<&str> = [capture, source, stream, incarnation].into_iter().chain(id.as_deref()).collect();
    let identity = XxHash3_64::oneshot(identity.join("\0").as_bytes());
    let parts: Vec<&str> = key.split('/').filter(|part| !part.is_empty()).collect();
    let key = parts.join("/");
    format!("{key}/{number}-{:020}-{identity:016x}.ndjson{}", object.first, compression.extension())
}

/// Puts an object if nothing has its name; after a lost answer, and after a crash, it is there already.
pub(super) async fn create(bucket: &Bucket, name: &str, object: &Object) -> Result<Outcome> {
    let (key, last) = (format!("{}{name}", bucket.prefix()), object.last.to_string());
    match bucket.create(&key, object.bytes.clone(), Some((LAST, &last))).await? {
        Created::New => return Ok(Outcome::Stored),
        Created::Existed if object.id.is_some() => return Ok(Outcome::Stored), // it is this one, whose answer was lost
        Created::Existed => {}
    }
    let last = bucket.mark(&key, LAST).await?.and_then(|last| last.parse().ok());
    last.map(Outcome::Has).ok_or_else(|| {
        Error::refused(format!(
            "put {}/{name}: there is an object of that name, and its metadata has no `{LAST}`; was it written by something else?",
            bucket.url()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::id;

    #[test]
    fn names_are_in_the_order_of_positions_and_differ_by_capture() {
        let partition =
            Partition { source: "kafka".into(), stream: "orders".into(), incarnation: "1".into(), number: 3 };
        let with_id = |first, capture, id| {
            let object = Object { first, last: first, id, bytes: bytes::Bytes::new() };
            name("/a//b", &partition, capture, &object, Compression::Gzip)
        };
        let named = |first, capture| with_id(first, capture, None);
        assert!(named(9, "group") < named(10, "group"));
        assert_ne!(named(9, "group"), named(9, "other"));
        assert!(
            named(9, "group").starts_with("a/b/3-00000000000000000009-") && named(9, "group").ends_with(".ndjson.gz")
        );
        assert_ne!(with_id(9, "group", Some(id())), with_id(9, "group", Some(id())));
        assert!(with_id(9, "group", Some(id())) < with_id(10, "group", Some(id())));
    }
}
