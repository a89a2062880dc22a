//! Where a bucket is, and as whom: from the places where AWS's own tools have it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder as HttpBuilder, Connector as HttpConnector, tls};
use aws_types::sdk_config::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use catchwater_sdk::clock::SystemClock;
use catchwater_sdk::config::Secret;
use object_store::aws::{AmazonS3, AmazonS3Builder, resolve_bucket_region};
use object_store::client::{HttpConnector as _, ReqwestConnector};
use object_store::{BackoffConfig, Certificate, ClientOptions, Result, RetryConfig};
use tracing::warn;
use url::{Host, Url};

use super::answer::Refusal;
use super::credentials::{AHEAD, Chain, Remembering};
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

/// Where a bucket is, and as whom it is used, as the settings, the environment and the profile have it: what a client is made of.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Region, credentials, trust, time-outs: with all that clients of AWS's own SDK take from their surroundings.
    pub shared: SdkConfig,
    /// The endpoint of a store that is no AWS.
    pub endpoint: Option<Url>,
    /// Whether the bucket is named in the path of requests instead of their host.
    pub path_style: bool,
}

/// Reads the environment and the profile. No bucket is contacted yet, unless to learn its region.
pub(super) async fn reach(bucket: &str, settings: &Settings) -> Result<Reach> {
    reach_trusting(bucket, settings, &trusted()?).await
}

async fn reach_trusting(bucket: &str, settings: &Settings, trusted: &Trusted) -> Result<Reach> {
    let given = given_region(settings).region().await;
    let found = load(settings, given.clone().unwrap_or(Region::from_static(REGION)), trusted).await?;
    let endpoint = endpoint(settings, &found)?;
    let shared = match (given, &endpoint) {
        (None, None) => {
            let region = resolve_bucket_region(bucket, &client_options(None, trusted)?).await?;
            load(settings, Region::new(region), trusted).await?
        }
        _ => found,
    };
    if let Some(url) = endpoint.as_ref().filter(|url| url.scheme() == "http" && !is_loopback(url)) {
        warn!(endpoint = %url, "the endpoint of S3 is plain HTTP: whoever is on the way can read what is stored");
    }
    let provider = shared.credentials_provider().ok_or_else(|| Refusal::of("AWS has no credentials for anybody"))?;
    let provider = SharedCredentialsProvider::new(Remembering::new(provider, Arc::new(SystemClock)));
    let cache = IdentityCache::lazy().buffer_time(AHEAD).build();
    let shared = shared.into_builder().credentials_provider(provider).identity_cache(cache).build();
    let path_style = is_path_style(bucket, endpoint.as_ref(), settings.path_style);
    Ok(Reach { shared, endpoint, path_style })
}

/// A client of the library that the lake is written with.
pub(super) async fn connect(bucket: &str, settings: &Settings) -> Result<AmazonS3> {
    let trusted = trusted()?;
    let Reach { shared, endpoint, path_style } = reach_trusting(bucket, settings, &trusted).await?;
    let region = shared.region().map(Region::to_string).unwrap_or_default();
    let options = client_options(endpoint.as_ref(), &trusted)?;
    let provider = shared.credentials_provider().expect("there are credentials, or there was an error");
    let builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(region).with_client_options(options);
    let builder = addressed(builder, bucket, endpoint.as_ref(), path_style);
    let builder = builder.with_credentials(Arc::new(Chain::new(provider, Arc::new(SystemClock)))).with_retry(retries());
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

async fn load(settings: &Settings, region: Region, trusted: &Trusted) -> Result<SdkConfig> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(trusted.client()?);
    if let Some(name) = &settings.profile {
        loader = loader.profile_name(name);
    }
    if let Some((id, secret)) = &settings.keys {
        loader = loader.credentials_provider(Credentials::new(id, secret.expose(), None, None, "pipeline"));
    }
    Ok(loader.load().await)
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
fn client_options(endpoint: Option<&Url>, trusted: &Trusted) -> Result<ClientOptions> {
    let is_plain = endpoint.is_some_and(|url| url.scheme() == "http");
    let certificates = Certificate::from_pem_bundle(&trusted.0)?;
    Ok(certificates.into_iter().fold(ClientOptions::new().with_allow_http(is_plain), |options, certificate| {
        options.with_root_certificate(certificate)
    }))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Certificates beside those of the system, as PEM: the file that `AWS_CA_BUNDLE` names.
struct Trusted(Vec<u8>);

fn trusted() -> Result<Trusted> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(Trusted(Vec::new()));
    };
    let shown = path.to_string_lossy().into_owned();
    let wrong = |reason: String| Refusal::of(format!("use the certificates in {shown} (AWS_CA_BUNDLE): {reason}"));
    let trusted = Trusted(std::fs::read(&path).map_err(|error| wrong(error.to_string()))?);
    if Certificate::from_pem_bundle(&trusted.0).is_ok_and(|certificates| certificates.is_empty()) {
        return Err(wrong("there is none in it; they stand in it as PEM".into()));
    }
    // AWS's SDK takes certificates unseen, and panics over a bad one when it connects.
    let usable = client_options(None, &trusted).and_then(|options| ReqwestConnector::default().connect(&options));
    usable.map_err(|error| wrong(error.to_string()))?;
    Ok(trusted)
}

impl Trusted {
    /// For AWS's own SDK: whoever gives credentials out is believed as the store is.
    fn client(&self) -> Result<SharedHttpClient> {
        let builder = tls::TlsContext::builder();
        let store = match self.0.is_empty() {
            true => tls::TrustStore::default(),
            false => tls::TrustStore::default().with_pem_certificate(self.0.clone()),
        };
        let context = builder.with_trust_store(store).build();
        let context =
            context.map_err(|error| Refusal::of(format!("use the certificates of AWS_CA_BUNDLE: {error}")))?;
        Ok(HttpBuilder::new().build_with_connector_fn(move |settings, components| {
            let mut builder = HttpConnector::builder().proxy_config(ProxyConfig::from_env());
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            builder.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).tls_context(context.clone()).build()
        }))
    }
}

/// AWS wants the bucket in the host, where a certificate covers that; others have it in the path.
fn is_path_style(bucket: &str, endpoint: Option<&Url>, asked: Option<bool>) -> bool {
    let in_host = || std::env::var(VIRTUAL_HOSTED).ok()?.to_ascii_lowercase().parse::<bool>().ok();
    let asked = asked.or_else(|| in_host().map(|in_host| !in_host));
    asked.unwrap_or(endpoint.is_some() || bucket.contains('.'))
}

fn addressed(builder: AmazonS3Builder, bucket: &str, endpoint: Option<&Url>, path_style: bool) -> AmazonS3Builder {
    let builder = builder.with_virtual_hosted_style_request(!path_style);
    match endpoint {
        None => builder,
        Some(url) => builder.with_endpoint(if path_style { trimmed(url) } else { with_bucket(url, bucket) }),
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
