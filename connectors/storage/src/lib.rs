//! A path or URL becomes a [`Store`]: a folder of an object store whose writes are durable.
//!
//! What the lake's delivery rests on, and every store has to give:
//!
//! - A write is there in one piece or not at all, and it survives a power cut once it was answered.
//! - [`Store::create`] lets exactly one of several writers have a name.
//! - What was seen stays: after [`Store::settle`] a power cut cannot take back what was read.
//!
//! Local disk gives this through [`LocalDisk`]; a bucket of S3 does by itself, if it honours `If-None-Match: *`, which
//! [`Store::probe`] finds out.

mod disk;
mod local;
mod location;
#[cfg(feature = "s3")]
mod s3;

use std::error::Error as StdError;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use catchwater_sdk::{Error, ErrorKind, Result, ResultExt};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::{Path, PathPart};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tracing::debug;
use url::Url;
use uuid::Uuid;

pub use self::local::LocalDisk;
use self::location::Location;
#[cfg(feature = "s3")]
pub use self::s3::{
    Folder as S3Folder, Reach as S3Reach, Settings as S3Settings, advice as s3_advice, missing_credentials,
};

/// What is larger is uploaded in parts of this size, so that none takes longer than a request may.
const PART_BYTES: usize = 8 << 20;

/// The folder of what we need for ourselves; no reader of objects takes what is in it for the user's.
pub const OURS: &str = "_catchwater";

/// Why a store cannot have a lake.
const UNCONDITIONAL: &str = "the store has no conditional writes (`If-None-Match: *`), without which the commits of two writers \
    replace each other; use a store that has them, or a release of this one that does";

/// How many parts of a file are on their way at a time.
const PARTS_AT_ONCE: usize = 4;

/// A folder of an object store. Cheap to clone. Paths are relative to the folder, with slashes.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    folder: Path,
    url: Url,
}

/// What became of a write that must not replace anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "somebody else may have taken the name"]
pub enum Created {
    /// It is there, durably.
    New,
    /// Something was there before, and is still.
    Existed,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative to the store's folder.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

// === impl Store ===

impl Store {
    /// Whether a path or URL can be opened, by its form alone: touches nothing (Invariant 6).
    pub fn check(location: &str) -> Result<()> {
        Location::parse(location).map(drop)
    }

    /// Opens a path or URL. The folder need not exist; the first write creates it. Contacts nobody (Invariant 6).
    pub fn open(location: &str) -> Result<Store> {
        match Location::parse(location)? {
            Location::Disk(folder) => Store::on_disk(&folder),
            #[cfg(feature = "s3")]
            Location::S3(url) => Store::in_bucket(url, S3Settings::default()),
        }
    }

    /// Opens an `s3://` URL with settings of its own beside those of the environment. Contacts nobody (Invariant 6).
    #[cfg(feature = "s3")]
    pub fn open_s3(location: &str, settings: S3Settings) -> Result<Store> {
        match Location::parse(location)? {
            Location::S3(url) => Store::in_bucket(url, settings),
            Location::Disk(_) => Err(Error::config(format!("open `{location}`: write s3://bucket/prefix"))),
        }
    }

    #[cfg(feature = "s3")]
    fn in_bucket(url: Url, settings: S3Settings) -> Result<Store> {
        let bucket = s3::Bucket::new(url.host_str().unwrap_or_default(), settings);
        Store::new(Arc::new(bucket), url)
    }

    fn on_disk(folder: &std::path::Path) -> Result<Store> {
        let folder = location::resolve(folder)?;
        let invalid = || format!("open {}: not a folder that can be named by a URL", folder.display());
        let url = Url::from_directory_path(&folder).map_err(|()| Error::config(invalid()))?;
        Store::new(Arc::new(LocalDisk::new()), url)
    }

    /// A folder of a given object store, whose root the URL's path starts from. For tests with stores that fail.
    pub fn new(objects: Arc<dyn ObjectStore>, url: Url) -> Result<Store> {
        let folder = Path::from_url_path(url.path()).or_config(|| format!("open {url}"))?;
        Ok(Store { objects, folder, url })
    }

    /// The store of a folder below; `folder` may have several parts.
    pub fn at(&self, folder: &str) -> Store {
        let mut url = self.url.clone();
        let parts = folder.split('/').filter(|part| !part.is_empty());
        url.path_segments_mut().expect("a folder's URL has a path").pop_if_empty().extend(parts).push("");
        Store { objects: Arc::clone(&self.objects), folder: self.path(folder), url }
    }

    /// The folder as a URL: the same however the folder was written when it was opened.
    pub fn url(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The object store that the folder is in, rooted where the URL's path starts. For readers of Parquet.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// A path as the object store knows it.
    pub fn path(&self, path: &str) -> Path {
        // As written: only what cannot be in a path at all is escaped.
        let part = |part| PathPart::parse(part).unwrap_or_else(|_| PathPart::from(part));
        self.folder.parts().chain(path.split('/').filter(|part| !part.is_empty()).map(part)).collect()
    }

    /// Writes a file if nothing has the name. After an error it may or may not be there.
    pub async fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        match self.put(path, bytes, PutMode::Create).await {
            Ok(()) => Ok(Created::New),
            Err(StoreError::AlreadyExists { .. }) => Ok(Created::Existed),
            Err(error) => Err(self.failed("write", path, error)),
        }
    }

    /// Writes a file under a name that nothing has had, a large one in parts where the store is a network away. After an error
    /// it may or may not be there; what is left of an upload that nobody could give up any more is the store's to clear away.
    pub async fn put_new(&self, path: &str, bytes: Bytes) -> Result<()> {
        if bytes.len() > PART_BYTES && !self.is_local() {
            return self.upload(path, bytes).await.map_err(|error| self.failed("write", path, error));
        }
        match self.create(path, bytes).await? {
            Created::New => Ok(()),
            Created::Existed => Err(Error::unavailable(format!("write {}: the name is taken", self.show(path)))),
        }
    }

    /// Writes a file in place of what is there, if anything.
    pub async fn replace(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.put(path, bytes, PutMode::Overwrite).await.map_err(|error| self.failed("write", path, error))
    }

    async fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> object_store::Result<()> {
        self.objects.put_opts(&self.path(path), bytes.into(), PutOptions::from(mode)).await.map(drop)
    }

    async fn upload(&self, path: &str, bytes: Bytes) -> object_store::Result<()> {
        let mut upload = self.objects.put_multipart(&self.path(path)).await?;
        let ends = |start: usize| bytes.len().min(start + PART_BYTES);
        let parts = (0..bytes.len()).step_by(PART_BYTES).map(|start| bytes.slice(start..ends(start)));
        let parts: Vec<_> = parts.map(|part| upload.put_part(part.into())).collect();
        let stored = stream::iter(parts).buffer_unordered(PARTS_AT_ONCE).try_collect::<()>().await;
        let completed = match stored {
            Ok(()) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        };
        if completed.is_err() {
            // Should its parts be a file after all, they stay one: the upload is then over.
            let _ = upload.abort().await;
        }
        completed
    }

    /// Finds out whether the store lets only the first of several writers have a name. `Refused` if it does not: commits would
    /// replace each other there. Called before anything is written; what it writes it deletes again.
    pub async fn probe(&self) -> Result<()> {
        if self.is_local() {
            return Ok(());
        }
        // A name of its own: probes of several processes do not see each other.
        let path = format!("{OURS}/probe-{}", Uuid::new_v4());
        let answer = let_only_one(&self.url(), |text| self.create(&path, text.into())).await;
        if let Err(error) = self.delete(&path).await {
            debug!(path, error = %error.chain(), "the file of a probe is left behind");
        }
        answer
    }

    /// A file's bytes; none if there is no such file.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let read = async { self.objects.get(&self.path(path)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// A part of a file.
    pub async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let read = self.objects.get_range(&self.path(path), range).await;
        read.map_err(|error| self.failed("read", path, error))
    }

    /// All files below a folder, at any depth, whose path is greater than `after`, in order of path.
    pub async fn list(&self, folder: &str, after: &str) -> Result<Vec<Listed>> {
        let start = self.path(after);
        let found = self.objects.list_with_offset(Some(&self.path(folder)), &start);
        let listed = |meta: object_store::ObjectMeta| {
            let path = meta.location.prefix_match(&self.folder)?.map(|part| part.as_ref().to_owned());
            Some(Listed { path: path.collect::<Vec<_>>().join("/"), size: meta.size })
        };
        let found: Vec<_> = found.try_collect().await.map_err(|error| self.failed("list", folder, error))?;
        let mut files: Vec<Listed> = found.into_iter().filter_map(listed).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The names of the folders right below a folder, in order; none if it is not there.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let listed = match self.objects.list_with_delimiter(Some(&self.path(folder))).await {
            Ok(listed) => listed,
            Err(StoreError::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("list", folder, error)),
        };
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// Whether the folder itself is known not to be there. Object stores have no folders, and so never know.
    pub fn is_absent(&self) -> bool {
        self.is_local() && self.local_folder().is_none()
    }

    fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    /// Deletes a file; that there is none is no error.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.objects.delete(&self.path(path)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", path, error)),
        }
    }

    /// Makes durable what is in a folder, not what is in folders below it. A file can be seen before its writer has synced
    /// the folder: who draws conclusions from what it read, and tells others, calls this first.
    pub async fn settle(&self, folder: &str) -> Result<()> {
        let Some(folder) = self.at(folder).local_folder() else { return Ok(()) };
        let shown = folder.display().to_string();
        let synced = tokio::task::spawn_blocking(move || disk::sync_folder(&folder)).await;
        synced.or_bug(|| format!("sync {shown}"))?.or_unavailable(|| format!("sync {shown}"))
    }

    fn local_folder(&self) -> Option<std::path::PathBuf> {
        self.is_local().then(|| self.url.to_file_path().ok())?.filter(|folder| folder.is_dir())
    }

    fn show(&self, path: &str) -> String {
        format!("{}/{path}", self.url()).trim_end_matches('/').to_owned()
    }

    fn failed(&self, doing: &str, path: &str, error: StoreError) -> Error {
        failed(format!("{doing} {}", self.show(path)), error)
    }
}

/// A store's error, and what was being done.
fn failed(doing: String, error: StoreError) -> Error {
    let failed = Error::new(kind(&error), doing);
    match error {
        StoreError::Generic { source, .. } => failed.because(source),
        error => failed.because(error),
    }
}

/// `Refused` if a store lets each of several writers have the same name, which `create` writes to.
pub async fn let_only_one<F>(url: &str, create: impl Fn(&'static str) -> F) -> Result<()>
where
    F: Future<Output = Result<Created>>,
{
    // That it existed is a success, too: a lost answer was asked for again.
    let _ = create("Is a name given once?").await?;
    // A store without conditional writes lets each of them through. One that does so once has lost sight of the object for a
    // moment, as some do while others beside it are deleted.
    for _ in 0..2 {
        if create("Is it given twice?").await? == Created::Existed {
            return Ok(());
        }
    }
    Err(Error::refused(format!("write to {url}: {UNCONDITIONAL}")))
}

/// What is to be done about a store's error: `Refused` when waiting is of no use, as somebody has to change something.
pub fn kind(error: &StoreError) -> ErrorKind {
    let is_refusal = matches!(
        error,
        StoreError::PermissionDenied { .. }
            | StoreError::Unauthenticated { .. }
            | StoreError::InvalidPath { .. }
            | StoreError::NotSupported { .. }
            | StoreError::NotImplemented { .. }
    );
    match is_refusal || causes(error).any(refuses) {
        true => ErrorKind::Refused,
        false => ErrorKind::Unavailable,
    }
}

/// Whether that is the word of a disk or a store that will say it again.
fn refuses(cause: &(dyn StdError + 'static)) -> bool {
    #[cfg(feature = "s3")]
    if cause.is::<s3::Refusal>() {
        return true;
    }
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| disk::is_refusal(error.kind()))
}

/// An error and what caused it, however deep.
fn causes(error: &StoreError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(error as &(dyn StdError + 'static)), |&error| error.source())
}

#[cfg(test)]
mod tests;
