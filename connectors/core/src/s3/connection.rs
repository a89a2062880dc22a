//! How a bucket is reached.

use catchwater_sdk::config::Secret;
use catchwater_sdk::{Error, Result};
use catchwater_storage::{S3Folder, S3Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Bucket;

/// Where the objects are, and as whom they are used. Source and sink hold it under `..`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// The bucket, and the folder of the objects in it, whose keys begin with it and a `/`: `s3://bucket/folder`.
    #[schemars(extend("examples" = ["s3://bucket/events"], "x-names" = ["bucket", "path", "prefix"]))]
    pub(crate) url: String,

    /// The URL of a store that is no AWS, such as `http://localhost:9000`. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`,
    /// or what the profile says.
    #[schemars(extend("x-names" = ["endpoint_url"]))]
    endpoint: Option<String>,

    /// The bucket's region. Default: `AWS_REGION`, the profile, else AWS is asked.
    region: Option<String>,

    /// Name the bucket in the path of requests instead of in the host. Default: with an `endpoint`.
    #[schemars(extend("x-names" = ["force_path_style", "force_path_style_urls"]))]
    path_style: Option<bool>,

    /// A profile of AWS's configuration files. Default: `AWS_PROFILE`.
    profile: Option<String>,

    /// An access key's id, if it is not to come from where AWS's tools find credentials: environment, profile, SSO, web
    /// identity, container, instance.
    #[schemars(extend("x-names" = ["access_key", "aws_access_key_id"]))]
    access_key_id: Option<String>,

    /// The secret of `access_key_id`.
    #[schemars(extend("x-names" = ["secret_key", "aws_secret_access_key"]))]
    secret_access_key: Option<Secret>,
}

impl Connection {
    /// The bucket; touches nothing (Invariant 6).
    pub(crate) fn bucket(&self) -> Result<Bucket> {
        let keys = match (&self.access_key_id, &self.secret_access_key) {
            (Some(id), Some(secret)) => Some((id.clone(), secret.clone())),
            (None, None) => None,
            (Some(_), None) => return Err(half_a_key("secret_access_key")),
            (None, Some(_)) => return Err(half_a_key("access_key_id")),
        };
        let settings = S3Settings {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            path_style: self.path_style,
            profile: self.profile.clone(),
            keys,
        };
        S3Folder::parse(&self.url, settings).map(Bucket::new).map_err(|error| error.at_key("url"))
    }
}

fn half_a_key(missing: &str) -> Error {
    Error::config(format!("`{missing}` is missing: an access key is an id and a secret")).at_key(missing)
}
