//! A folder of a bucket for whoever speaks S3's own language: its keys are not only those that are paths.

use catchwater_sdk::{Error, Result};
use object_store::path::Path;

use super::{Reach, Settings, connect};
use crate::failed;
use crate::location::Location;

/// Where objects are, and how they are reached. Nothing is read or contacted before that is asked for (Invariant 6).
#[derive(Clone, Debug)]
pub struct Folder {
    bucket: String,
    prefix: String,
    url: String,
    settings: Settings,
}

impl Folder {
    /// Understands `s3://bucket/folder`.
    pub fn parse(location: &str, settings: Settings) -> Result<Folder> {
        let Location::S3(url) = Location::parse(location)? else {
            return Err(Error::config(format!("open `{location}`: write s3://bucket/prefix")));
        };
        let path = Path::from_url_path(url.path()).expect("the location was understood");
        let prefix = if path.as_ref().is_empty() { String::new() } else { format!("{path}/") };
        let bucket = url.host_str().unwrap_or_default().to_owned();
        Ok(Folder { bucket, prefix, url: url.as_str().trim_end_matches('/').to_owned(), settings })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What the keys of all objects in it begin with: nothing, or something that ends with a `/`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The folder as a URL, without a `/` at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a client of it is made of. Reads the environment and the profile; where nothing says the region, the bucket is asked.
    pub async fn reach(&self) -> Result<Reach> {
        let reached = connect::reach(&self.bucket, &self.settings).await;
        reached.map_err(|error| failed(format!("open {}", self.url), error))
    }
}
