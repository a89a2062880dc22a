//! A store that answers writes wrongly when told to.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use catchwater_sdk::async_trait;
use catchwater_storage::{LocalDisk, Store};
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use url::Url;

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It fails.
    Fails,
    /// It is done, and an error is answered.
    AnswerIsLost,
}

/// The fates of the next writes; later ones go well.
pub(super) type Fates = Arc<Mutex<VecDeque<Fate>>>;

#[derive(Debug)]
struct Flaky {
    inner: LocalDisk,
    fates: Fates,
}

/// The same folder, seen through a store that fails.
pub(super) fn flaky(store: &Store) -> (Store, Fates) {
    let fates = Fates::default();
    let objects = Arc::new(Flaky { inner: LocalDisk::new(), fates: Arc::clone(&fates) });
    let url = Url::parse(&format!("{}/", store.url())).expect("a URL");
    (Store::new(objects, url).expect("a store"), fates)
}

fn failure() -> Error {
    Error::Generic { store: "flaky", source: "the connection was reset".into() }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fate = self.fates.lock().expect("no panic").pop_front();
        if fate == Some(Fate::Fails) {
            return Err(failure());
        }
        let result = self.inner.put_opts(location, payload, options).await;
        if fate == Some(Fate::AnswerIsLost) { Err(failure()) } else { result }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
