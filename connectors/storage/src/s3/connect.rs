//! Where a bucket is, and as whom: from the places where AWS's own tools have it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_types::service_config::ServiceConfigKey;
use catchwater_sdk::config::Secret;
use object_store::aws::{AmazonS3, AmazonS3Builder, resolve_bucket_region};
use object_store::{BackoffConfig, Certificate, ClientOptions, Result, RetryConfig};
use tracing::warn;
use url::{Host, Url};

use super::answer::Refusal;
use super::credentials::Chain;
use super::patience::Connector;

/// What a store that is no AWS is signed for where nothing else is said.
const REGION: &str = "us-east-1";

/// Whether requests name the bucket in the host instead of the path. Readers such as `deltalake` and Polars know this name.
const VIRTUAL_HOSTED: &str = "AWS_VIRTUAL_HOSTED_STYLE_REQUEST";

/// Where buckets are and as whom they are used, as far as a configuration says; the rest comes from where AWS's tools have it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of a store that is no AWS, or is reached in another way.
    pub endpoint: Option<String>,
    /// Where the bucket is, and what requests are signed for.
    pub region: Option<String>,
    /// Whether the bucket is named in the path of requests instead of their host.
    pub path_style: Option<bool>,
    /// A section of AWS's configuration files.
    pub profile: Option<String>,
    /// An access key's id, and its secret.
    pub keys: Option<(String, Secret)>,
}

/// Reads the environment and the profile. No bucket is contacted yet, unless to learn its region.
pub(super) async fn connect(bucket: &str, settings: &Settings) -> Result<AmazonS3> {
    let shared = load(settings, given_region(settings)).await;
    let endpoint = endpoint(settings, &shared)?;
    let options = client_options(endpoint.as_ref())?;
    let region = match (shared.region(), &endpoint) {
        (Some(region), _) => region.to_string(),
        (None, Some(_)) => REGION.to_owned(),
        (None, None) => resolve_bucket_region(bucket, &options).await?,
    };
    let shared = load(settings, RegionProviderChain::first_try(Region::new(region.clone()))).await;
    let builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(region).with_client_options(options);
    let builder = addressed(builder, bucket, endpoint.as_ref(), settings.path_style);
    let builder = builder.with_credentials(Arc::new(Chain::new(&shared)?)).with_retry(retries());
    builder.with_http_connector(Connector).build()
}

/// A region's name without asking the network for it.
fn given_region(settings: &Settings) -> RegionProviderChain {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let given = settings.region.clone().map(Region::new);
    RegionProviderChain::first_try(given).or_else(EnvironmentVariableRegionProvider::new()).or_else(profile.build())
}

async fn load(settings: &Settings, region: RegionProviderChain) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
    if let Some(name) = &settings.profile {
        loader = loader.profile_name(name);
    }
    if let Some((id, secret)) = &settings.keys {
        loader = loader.credentials_provider(Credentials::new(id, secret.expose(), None, None, "pipeline"));
    }
    loader.load().await
}

/// What the configuration says, else `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or the profile's `endpoint_url`, that of its
/// S3 service first.
fn endpoint(settings: &Settings, shared: &SdkConfig) -> Result<Option<Url>> {
    let key = ServiceConfigKey::builder().service_id("s3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let key = key.expect("the three parts of a key are given");
    let of_service = || shared.service_config().and_then(|config| config.load_config(key));
    let given = settings.endpoint.clone().or_else(of_service);
    let found = given.or_else(|| shared.endpoint_url().map(str::to_owned));
    // An empty variable is none, as for AWS's own tools.
    let Some(text) = found.filter(|text| !text.is_empty()) else { return Ok(None) };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let wrong = || Refusal::of(format!("the endpoint `{text}` is no http:// or https:// URL: see AWS_ENDPOINT_URL_S3"));
    url.ok_or_else(wrong).map(Some)
}

/// Plain HTTP is for an endpoint that says so.
fn client_options(endpoint: Option<&Url>) -> Result<ClientOptions> {
    let is_plain = endpoint.is_some_and(|url| url.scheme() == "http");
    if let Some(url) = endpoint.filter(|url| is_plain && !is_loopback(url)) {
        warn!(endpoint = %url, "the endpoint of S3 is plain HTTP: whoever is on the way can read what is stored");
    }
    trusted()?.into_iter().try_fold(ClientOptions::new().with_allow_http(is_plain), |options, certificate| {
        Ok(options.with_root_certificate(certificate))
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Certificates beside those of the system: the file that `AWS_CA_BUNDLE` names.
fn trusted() -> Result<Vec<Certificate>> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else { return Ok(Vec::new()) };
    let shown = path.to_string_lossy().into_owned();
    let unread =
        |error: std::io::Error| Refusal::of(format!("read the certificates in {shown} (AWS_CA_BUNDLE): {error}"));
    Certificate::from_pem_bundle(&std::fs::read(&path).map_err(unread)?)
}

/// AWS wants the bucket in the host, where a certificate covers that; others have it in the path.
fn addressed(
    builder: AmazonS3Builder,
    bucket: &str,
    endpoint: Option<&Url>,
    path_style: Option<bool>,
) -> AmazonS3Builder {
    let from_environment = || std::env::var(VIRTUAL_HOSTED).ok()?.to_ascii_lowercase().parse().ok();
    let asked = path_style.map(|in_path| !in_path).or_else(from_environment);
    let in_host = asked.unwrap_or(endpoint.is_none() && !bucket.contains('.'));
    let builder = builder.with_virtual_hosted_style_request(in_host);
    match endpoint {
        None => builder,
        Some(url) => builder.with_endpoint(if in_host { with_bucket(url, bucket) } else { trimmed(url) }),
    }
}

fn with_bucket(endpoint: &Url, bucket: &str) -> String {
    let text = trimmed(endpoint);
    text.replacen("://", &format!("://{bucket}."), 1)
}

fn trimmed(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}

/// A hiccup is bridged here; when a store is away for longer whoever asked decides, and tells the operator.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn a_bucket_in_the_host_stands_before_the_endpoint() {
        assert_eq!(with_bucket(&url("https://s3.example.com/"), "lake"), "https://lake.s3.example.com");
        assert_eq!(with_bucket(&url("http://store:9000"), "lake"), "http://lake.store:9000");
    }

    #[test]
    fn only_this_machine_is_the_loopback() {
        assert!(
            ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"].iter().all(|text| is_loopback(&url(text)))
        );
        assert!(!is_loopback(&url("http://10.0.0.1:9000")));
    }
}
