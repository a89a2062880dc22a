//! Putting an object where nothing is.

use std::hash::{BuildHasher, RandomState};

use catchwater_sdk::{Error, Partition, Result};
use catchwater_storage::Store;
use object_store::{Attribute, Attributes, Error as StoreError, GetOptions, ObjectStore, PutMode, PutOptions};
use twox_hash::XxHash3_64;

use super::group::Object;
use crate::s3::Compression;

/// The metadata that says with which record an object ends.
const LAST: &str = "catchwater-last";

/// What came of a put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    /// The name was taken by an object that ends with the record at this position.
    Has(i64),
}

/// Tells an object from all others, in this process or another.
pub(super) fn id() -> u64 {
    // The system's randomness, as far as the standard library hands it out.
    RandomState::new().hash_one(0)
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
    format!("{key}/{number}-{:020}-{identity:016x}.ndjson{}", object.first, compression.extension())
}

/// Puts an object if nothing has its name; after a lost answer, and after a crash, it is there already.
pub(super) async fn create(store: &Store, name: &str, object: &Object) -> Result<Outcome> {
    let (objects, path) = (store.objects(), store.path(name));
    let attributes = Attributes::from_iter([(Attribute::Metadata(LAST.into()), object.last.to_string())]);
    let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
    match objects.put_opts(&path, object.bytes.clone().into(), options).await {
        Ok(_) => return Ok(Outcome::Stored),
        // Some stores say so while another request for the name is under way, of which nothing may come: it is looked for.
        Err(StoreError::AlreadyExists { .. }) => {}
        Err(error) => return Err(failed(store, name, error)),
    }
    let head = GetOptions { head: true, ..GetOptions::default() };
    let found = objects.get_opts(&path, head).await.map_err(|error| failed(store, name, error))?;
    if object.id.is_some() {
        return Ok(Outcome::Stored); // it is this one, whose answer was lost
    }
    let last = found.attributes.get(&Attribute::Metadata(LAST.into())).and_then(|last| last.parse().ok());
    last.map(Outcome::Has).ok_or_else(|| {
        Error::refused(format!(
            "put {}/{name}: there is an object of that name, and its metadata has no `{LAST}`; was it written by something else?",
            store.url()
        ))
    })
}

fn failed(store: &Store, name: &str, error: StoreError) -> Error {
    Error::new(catchwater_storage::kind(&error), format!("put {}/{name}", store.url())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_positions_and_differ_by_capture() {
        let partition =
            Partition { source: "kafka".into(), stream: "orders".into(), incarnation: "1".into(), number: 3 };
        let with_id = |first, capture, id| {
            let object = Object { first, last: first, id, bytes: bytes::Bytes::new() };
            name("a/b", &partition, capture, &object, Compression::Gzip)
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
