//! A folder of a bucket, spoken to in S3's own language: keys are taken as they are, and answers are told apart by their codes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config, RequestChecksumCalculation, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use bytes::Bytes;
use catchwater_sdk::Result;
use catchwater_storage::{Created, OURS, S3Folder, S3Reach, let_only_one};
use tokio::sync::OnceCell;
use tracing::debug;

use super::failure::{Answer, failed, status};

/// So long an answer may not begin, however often the client asks, and a body may stall. What flows may take as long as it does.
const SILENCE: Duration = Duration::from_secs(30);

/// What is sent is not seen on its way, only its answer behind all of it: so many bytes have another second.
const BYTES_PER_SECOND: u64 = 512 << 10;

/// What a mark of an object is about: a name, and what it says.
pub(crate) type Mark<'a> = (&'static str, &'a str);

/// Clones are the same client. Nothing is read or contacted until it is first used (Invariant 6).
#[derive(Clone, Debug)]
pub(crate) struct Bucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: S3Folder,
    client: OnceCell<Client>,
}

/// Tells an object from all others, in this process or another.
pub(crate) fn id() -> u64 {
    // The system's randomness, as far as the standard library hands it out.
    RandomState::new().hash_one(0)
}

// === impl Bucket ===

impl Bucket {
    pub(super) fn new(folder: S3Folder) -> Bucket {
        Bucket(Arc::new(Inner { folder, client: OnceCell::new() }))
    }

    /// The folder, without a `/` at its end.
    pub(crate) fn url(&self) -> &str {
        self.0.folder.url()
    }

    /// What all keys begin with.
    pub(crate) fn prefix(&self) -> &str {
        self.0.folder.prefix()
    }

    async fn client(&self) -> Result<&Client> {
        self.0.client.get_or_try_init(|| async { self.0.folder.reach().await.map(client) }).await
    }

    /// Hands over each object whose key begins so below the folder, page by page, until `take` refuses one.
    pub(crate) async fn list(&self, begin: &str, mut take: impl FnMut(&Object) -> Result<()> + Send) -> Result<()> {
        let list = self.client().await?.list_objects_v2().bucket(self.0.folder.bucket());
        let mut pages = list.prefix(format!("{}{begin}", self.prefix())).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(format!("list {}", self.url()), error))?;
            page.contents().iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    /// What is in an object from a byte on; none if it is not there any more, or with another tag.
    pub(crate) async fn read(self, key: String, tag: Option<String>, from: u64) -> Result<Option<ByteStream>> {
        let get = self.client().await?.get_object().bucket(self.0.folder.bucket()).key(&key);
        let range = (from > 0).then(|| format!("bytes={from}-"));
        match get.set_if_match(tag).set_range(range).send().await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(error) if is_missing(&error) || status(&error) == Some(412) => Ok(None),
            Err(error) => Err(self.failed("read", &key, error)),
        }
    }

    /// Puts an object if nothing has its key. After an error it may or may not be there.
    pub(crate) async fn create(&self, key: &str, bytes: Bytes, mark: Option<Mark<'_>>) -> Result<Created> {
        let sent_within = SILENCE + Duration::from_secs(bytes.len() as u64 / BYTES_PER_SECOND);
        let timeouts = TimeoutConfig::builder().operation_timeout(sent_within).build();
        let put = self.client().await?.put_object().bucket(self.0.folder.bucket()).key(key).if_none_match("*");
        let put = mark.into_iter().fold(put, |put, (name, value)| put.metadata(name, value));
        let put = put.body(bytes.into()).customize().config_override(Config::builder().timeout_config(timeouts));
        match put.send().await {
            Ok(_) => Ok(Created::New),
            // Not 409: with that a store says that another request for the key is under way, of which nothing may come.
            Err(error) if status(&error) == Some(412) => Ok(Created::Existed),
            Err(error) => Err(self.failed("put", key, error)),
        }
    }

    /// What an object's mark says; none if there is no such object, or no such mark.
    pub(crate) async fn mark(&self, key: &str, name: &str) -> Result<Option<String>> {
        match self.client().await?.head_object().bucket(self.0.folder.bucket()).key(key).send().await {
            Ok(answer) => Ok(answer.metadata.and_then(|mut marks| marks.remove(name))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed("look at", key, error)),
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let delete = self.client().await?.delete_object().bucket(self.0.folder.bucket()).key(key);
        delete.send().await.map(drop).map_err(|error| self.failed("delete", key, error))
    }

    /// Finds out whether the store lets only the first of several writers have a key. `Refused` if it does not. What it puts it
    /// deletes again.
    pub(crate) async fn probe(&self) -> Result<()> {
        // A name of its own: probes of several processes do not see each other.
        let key = format!("{}{OURS}/probe-{:016x}", self.prefix(), id());
        let answer = let_only_one(self.url(), |text| self.create(&key, text.into(), None)).await;
        if let Err(error) = self.delete(&key).await {
            debug!(key, error = %error.chain(), "the object of a probe is left behind");
        }
        answer
    }

    fn failed<E: Answer>(&self, doing: &str, key: &str, error: SdkError<E>) -> catchwater_sdk::Error {
        failed(format!("{doing} s3://{}/{key}", self.0.folder.bucket()), error)
    }
}

/// A missing bucket is no missing object. Answers without a body have no code.
fn is_missing<E: Answer>(error: &SdkError<E>) -> bool {
    status(error) == Some(404) && error.code() != Some("NoSuchBucket")
}

fn client(reach: S3Reach) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(SILENCE).build();
    let flow = StalledStreamProtectionConfig::enabled().grace_period(SILENCE).build();
    let config = Builder::from(&reach.shared).force_path_style(reach.path_style).timeout_config(timeouts);
    let mut config = config.stalled_stream_protection(flow);
    config.set_endpoint_url(reach.endpoint.map(String::from));
    if reach.shared.request_checksum_calculation().is_none() {
        // Checksums behind the body are more than many stores understand.
        config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    }
    Client::from_conf(config.build())
}
