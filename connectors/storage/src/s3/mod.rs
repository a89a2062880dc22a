//! S3, and what speaks its language: a bucket as an object store.

mod answer;
mod connect;
mod credentials;
mod folder;
mod patience;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use tokio::sync::OnceCell;

pub(crate) use self::answer::Refusal;
pub use self::answer::advice;
use self::answer::explained;
pub use self::connect::{Reach, Settings};
pub use self::credentials::missing as missing_credentials;
pub use self::folder::Folder;

/// A bucket. Nothing is read or contacted until it is first used (Invariant 6); its answers say what is wrong in a line.
#[derive(Clone, Debug)]
pub(crate) struct Bucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    settings: Settings,
    client: OnceCell<AmazonS3>,
}

/// An upload in parts whose answers are explained, too.
#[derive(Debug)]
struct Upload(Box<dyn MultipartUpload>);

// === impl Bucket ===

impl Bucket {
    pub(crate) fn new(name: &str, settings: Settings) -> Bucket {
        Bucket(Arc::new(Inner { name: name.to_owned(), settings, client: OnceCell::new() }))
    }

    async fn client(&self) -> Result<&AmazonS3> {
        self.0.client.get_or_try_init(|| connect::connect(&self.0.name, &self.0.settings)).await
    }

    /// A stream out of the client, which has to be made first.
    fn streamed<T: Send + 'static>(
        &self,
        open: impl FnOnce(&AmazonS3) -> BoxStream<'static, Result<T>> + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let this = self.clone();
        let opened = async move { this.client().await.map(open) };
        futures::stream::once(opened).try_flatten().map_err(explained).boxed()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.0.name)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.client().await?.put_opts(location, payload, options).await.map_err(explained)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.client().await?.put_multipart_opts(location, options).await.map_err(explained)?;
        Ok(Box::new(Upload(upload)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.client().await?.get_opts(location, options).await.map_err(explained)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.client().await?.get_ranges(location, ranges).await.map_err(explained)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.streamed(|client| client.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        self.streamed(move |client| client.list(prefix.as_ref()))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        self.streamed(move |client| client.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.client().await?.list_with_delimiter(prefix).await.map_err(explained)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.client().await?.copy_opts(from, to, options).await.map_err(explained)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.client().await?.rename_opts(from, to, options).await.map_err(explained)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let stored = self.0.put_part(data);
        Box::pin(async move { stored.await.map_err(explained) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.0.complete().await.map_err(explained)
    }

    async fn abort(&mut self) -> Result<()> {
        self.0.abort().await.map_err(explained)
    }
}

#[cfg(test)]
mod tests;
