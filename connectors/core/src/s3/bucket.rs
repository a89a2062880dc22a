//! A folder of a bucket, spoken to in S3's own language: keys are taken as they are, and answers are told apart by their codes.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config, RequestChecksumCalculation, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{EncodingType, Object};
use bytes::Bytes;
use catchwater_sdk::{Error, Result, ResultExt};
use catchwater_storage::{Created, OURS, S3Folder, S3Reach, let_only_one};
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;
use tracing::debug;

use super::failure::{Answer, failed, status};

/// So long an answer may not begin, and a body may stall. What flows may take as long as it does.
const SILENCE: Duration = Duration::from_secs(30);

/// So long a request may take with all repetitions of the client's, up to where its answer begins.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent is not seen on its way, only its answer behind all of it: so many bytes have another second.
const BYTES_PER_SECOND: u64 = 512 << 10;

/// What a mark of an object is about: a name, and what it says.
pub(crate) type Mark<'a> = (&'static str, &'a str);

/// By what an object is known to be the same.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Tagged(String),
    /// Where the store gives no tag that it compares.
    WrittenAt(Option<DateTime>),
}

/// An answer with an object's bytes.
pub(crate) struct Opened {
    pub(crate) body: ByteStream,
    /// The object's byte that the body begins with.
    pub(crate) from: u64,
}

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

    /// Whether the bucket is there and lets us in.
    pub(crate) async fn touch(&self) -> Result<()> {
        let list = self.client().await?.list_objects_v2().bucket(self.0.folder.bucket()).prefix(self.prefix());
        let answer = list.max_keys(1).send().await;
        answer.map(drop).map_err(|error| failed(format!("list {}", self.url()), error))
    }

    /// Hands over each object whose key begins so below the folder, and its key, page by page, until `take` refuses one.
    pub(crate) async fn list(
        &self,
        begin: &str,
        mut take: impl FnMut(String, &Object) -> Result<()> + Send,
    ) -> Result<()> {
        let prefix = format!("{}{}", self.prefix(), self.listable(begin));
        let list = self.client().await?.list_objects_v2().bucket(self.0.folder.bucket()).prefix(prefix);
        // XML cannot have every character that a key may have.
        let mut pages = list.encoding_type(EncodingType::Url).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(format!("list {}", self.url()), error))?;
            let is_encoded = page.encoding_type() == Some(&EncodingType::Url);
            for object in page.contents() {
                take(self.key(object, is_encoded)?, object)?;
            }
            if page.is_truncated() == Some(true) && page.next_continuation_token().is_none_or(str::is_empty) {
                let what = "the store says that there is more, and not how to ask for it";
                return Err(Error::unavailable(format!("list {}: {what}", self.url())));
            }
        }
        Ok(())
    }

    fn key(&self, object: &Object, is_encoded: bool) -> Result<String> {
        let key = object.key().unwrap_or_default();
        if !is_encoded {
            return Ok(key.to_owned());
        }
        decoded(key).or_refused(|| format!("list {}: the key {key} is no UTF-8", self.url()))
    }

    /// Directory buckets list folders alone.
    fn listable<'a>(&self, begin: &'a str) -> &'a str {
        let is_directory = self.0.folder.bucket().ends_with("--x-s3");
        if is_directory { begin.rfind('/').map_or("", |slash| &begin[..=slash]) } else { begin }
    }

    /// What is in an object, from this byte on where the store can do that; none if it says that the object is not there, or is
    /// another one by now.
    pub(crate) async fn read(self, key: String, is: Condition, from: u64) -> Result<Option<Opened>> {
        let get = self.client().await?.get_object().bucket(self.0.folder.bucket()).key(&key);
        let get = match is {
            Condition::Tagged(tag) => get.if_match(tag),
            Condition::WrittenAt(time) => get.set_if_unmodified_since(time),
        };
        let range = (from > 0).then(|| format!("bytes={from}-"));
        match get.set_range(range).send().await {
            Ok(answer) => {
                let begins = format!("bytes {from}-");
                let is_part = answer.content_range().is_some_and(|range| range.starts_with(&begins));
                Ok(Some(Opened { body: answer.body, from: if is_part { from } else { 0 } }))
            }
            Err(error) if is_missing(&error) || matches!(status(&error), Some(412 | 416)) => Ok(None),
            Err(error) => Err(self.failed("read", &key, error)),
        }
    }

    /// Puts an object if nothing has its key. After an error it may or may not be there. Who asked asks again, so that no answer
    /// is to a repetition that nobody knows of.
    pub(crate) async fn create(&self, key: &str, bytes: Bytes, mark: Option<Mark<'_>>) -> Result<Created> {
        let sent_within = SILENCE + Duration::from_secs(bytes.len() as u64 / BYTES_PER_SECOND);
        let timeouts = TimeoutConfig::builder().operation_timeout(sent_within).build();
        let put = self.client().await?.put_object().bucket(self.0.folder.bucket()).key(key).if_none_match("*");
        let put = mark.into_iter().fold(put, |put, (name, value)| put.metadata(name, value));
        let once = Config::builder().timeout_config(timeouts).retry_config(RetryConfig::disabled());
        match put.body(bytes.into()).customize().config_override(once).send().await {
            Ok(_) => Ok(Created::New),
            // Not 409: with that a store says that another request for the key is under way, of which nothing may come.
            Err(error) if status(&error) == Some(412) => Ok(Created::Existed),
            Err(error) => Err(self.failed("put", key, error)),
        }
    }

    /// What an object's mark says, if it has such a mark.
    pub(crate) async fn mark(&self, key: &str, name: &str) -> Result<Option<String>> {
        let found = self.client().await?.head_object().bucket(self.0.folder.bucket()).key(key).send().await;
        let found = found.map_err(|error| self.failed("look at", key, error))?;
        Ok(found.metadata.and_then(|mut marks| marks.remove(name)))
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

    fn failed<E: Answer>(&self, doing: &str, key: &str, error: SdkError<E>) -> Error {
        failed(format!("{doing} s3://{}/{key}", self.0.folder.bucket()), error)
    }
}

/// Not every 404 is the store's: something on the way may not find the store.
fn is_missing<E: Answer>(error: &SdkError<E>) -> bool {
    status(error) == Some(404) && error.code() == Some("NoSuchKey")
}

/// A key as it is, which the store has put down as forms do.
fn decoded(key: &str) -> Result<String, Utf8Error> {
    let key = key.replace('+', " ");
    percent_decode_str(&key).decode_utf8().map(Cow::into_owned)
}

fn client(reach: S3Reach) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(SILENCE).operation_timeout(PATIENCE).build();
    let flow = StalledStreamProtectionConfig::enabled().grace_period(SILENCE).build();
    let config = Builder::from(&reach.shared).force_path_style(reach.path_style).timeout_config(timeouts);
    let mut config = config.stalled_stream_protection(flow);
    if let Some(endpoint) = reach.endpoint {
        // Those are AWS's own endpoints.
        config = config.endpoint_url(endpoint).use_fips(false).use_dual_stack(false);
    }
    if reach.shared.request_checksum_calculation().is_none() {
        // Checksums behind the body are more than many stores understand.
        config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    }
    Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_they_were_written() {
        for (encoded, key) in [("a/b+c", "a/b c"), ("1%2B1%3D2%25", "1+1=2%"), ("%01%F0%9F%90%9F", "\u{1}\u{1f41f}")] {
            assert_eq!(decoded(encoded).as_deref(), Ok(key));
        }
        assert!(decoded("%ff").is_err());
    }
}
