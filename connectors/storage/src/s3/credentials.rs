//! Credentials by AWS's own chain: environment, profile, SSO, web identity, container, instance.

use std::error::Error as StdError;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use catchwater_sdk::clock::Clock;
use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error, Result};
use tokio::sync::Mutex;
use tracing::warn;

use super::answer::Refusal;

/// Asked again so long before they end: a request may be repeated and under way for a while.
pub(super) const AHEAD: Duration = Duration::from_secs(5 * 60);

/// The chain for the library that the lake is written with, with the credentials that it gave last.
#[derive(Debug)]
pub(super) struct Chain {
    provider: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Lasting>>,
}

/// Whoever gave credentials before and has none now is away, and no mistake of anybody's: what it gave is used while it lasts.
#[derive(Debug)]
pub(super) struct Remembering {
    provider: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    last: std::sync::Mutex<Option<Credentials>>,
}

/// Credentials until they end.
#[derive(Clone, Debug)]
struct Lasting {
    credential: Arc<AwsCredential>,
    until_micros: i64,
}

/// `i64::MAX` where they do not end.
fn until_micros(credentials: &Credentials) -> i64 {
    let until = credentials.expiry().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
    until.and_then(|end| i64::try_from(end.as_micros()).ok()).unwrap_or(i64::MAX)
}

// === impl Chain ===

impl Chain {
    pub(super) fn new(provider: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Chain {
        Chain { provider, clock, last: Mutex::default() }
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        let ahead_micros = i64::try_from(AHEAD.as_micros()).unwrap_or_default();
        let lasts = |last: &&Lasting| last.until_micros.saturating_sub(self.clock.now_micros()) > ahead_micros;
        if let Some(lasting) = last.as_ref().filter(lasts) {
            return Ok(Arc::clone(&lasting.credential));
        }
        let lasting = self.provider.provide_credentials().await.map(Lasting::of).map_err(|error| unloaded(&error))?;
        Ok(Arc::clone(&last.insert(lasting).credential))
    }
}

/// Why there are no credentials and what to do about it, where somebody has to do something.
pub fn missing(error: &CredentialsError) -> Option<String> {
    const WHERE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine or the service \
                         account a role";
    match error {
        CredentialsError::CredentialsNotLoaded(_) => Some(format!("no credentials are to be found: {WHERE}")),
        CredentialsError::InvalidConfiguration(_) => Some(chain(error)),
        _ => None,
    }
}

fn unloaded(error: &CredentialsError) -> Error {
    match missing(error) {
        Some(reason) => Refusal::of(reason),
        None => Error::Generic { store: "S3", source: chain(error).into() },
    }
}

fn chain(error: &CredentialsError) -> String {
    let causes = std::iter::successors(Some(error as &dyn StdError), |&error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    format!("get credentials for S3: {}", causes.join(": "))
}

// === impl Remembering ===

impl Remembering {
    pub(super) fn new(provider: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Remembering {
        Remembering { provider, clock, last: std::sync::Mutex::default() }
    }

    async fn provide(&self) -> Result<Credentials, CredentialsError> {
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                *self.last() = Some(credentials.clone());
                Ok(credentials)
            }
            Err(error) => self.instead(error),
        }
    }

    fn instead(&self, error: CredentialsError) -> Result<Credentials, CredentialsError> {
        let last = self.last().clone();
        match (last, error) {
            (Some(last), error) if until_micros(&last) > self.clock.now_micros() => {
                warn!(error = %chain(&error), "credentials were not renewed, those at hand are used on");
                Ok(last)
            }
            (Some(_), CredentialsError::CredentialsNotLoaded(none)) => {
                Err(CredentialsError::provider_error(CredentialsError::CredentialsNotLoaded(none)))
            }
            (_, error) => Err(error),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Credentials>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.provide())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        let lasts = |last: &Credentials| until_micros(last) > self.clock.now_micros();
        self.last().clone().filter(lasts).or_else(|| self.provider.fallback_on_interrupt())
    }
}

// === impl Lasting ===

impl Lasting {
    fn of(credentials: Credentials) -> Lasting {
        let credential = AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        };
        Lasting { until_micros: until_micros(&credentials), credential: Arc::new(credential) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    use catchwater_sdk::clock::SystemClock;

    use super::*;

    const MINUTE_MICROS: i64 = 60 * 1_000_000;

    /// Gives out keys named by number, each for an hour, until it is told to fail.
    #[derive(Clone, Debug, Default)]
    struct Desk {
        now_micros: Arc<AtomicI64>,
        given: Arc<AtomicI64>,
        is_closed: bool,
    }

    impl Clock for Desk {
        fn now_micros(&self) -> i64 {
            self.now_micros.load(Ordering::Relaxed)
        }
    }

    impl ProvideCredentials for Desk {
        fn provide_credentials<'a>(&'a self) -> Provided<'a>
        where
            Self: 'a,
        {
            let given = self.given.fetch_add(1, Ordering::Relaxed);
            if self.is_closed || given >= 2 {
                return Provided::ready(Err(CredentialsError::provider_error("the desk is closed")));
            }
            let end = UNIX_EPOCH + Duration::from_micros(self.now_micros() as u64) + Duration::from_secs(3600);
            Provided::ready(Ok(Credentials::new(format!("key-{given}"), "secret", None, Some(end), "desk")))
        }
    }

    fn chain_over(desk: Desk) -> Chain {
        let clock: Arc<dyn Clock> = Arc::new(desk.clone());
        let remembering = Remembering::new(SharedCredentialsProvider::new(desk), Arc::clone(&clock));
        Chain::new(SharedCredentialsProvider::new(remembering), clock)
    }

    async fn key(chain: &Chain) -> String {
        chain.get_credential().await.map_or_else(|error| error.to_string(), |credential| credential.key_id.clone())
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_they_end_and_used_while_they_last() {
        let desk = Desk::default();
        let chain = chain_over(desk.clone());
        let mut keys = Vec::new();
        for minute in [0, 54, 56, 114, 117] {
            desk.now_micros.store(minute * MINUTE_MICROS, Ordering::Relaxed);
            keys.push(key(&chain).await);
        }
        assert_eq!(keys[..4], ["key-0", "key-0", "key-1", "key-1"]);
        assert!(keys[4].contains("the desk is closed"), "{keys:?}");
    }

    /// Gives one key, which has ended, and then has none.
    #[derive(Debug, Default)]
    struct Emptied(AtomicBool);

    impl ProvideCredentials for Emptied {
        fn provide_credentials<'a>(&'a self) -> Provided<'a>
        where
            Self: 'a,
        {
            let given = self.0.swap(true, Ordering::Relaxed);
            let key = || Ok(Credentials::new("key", "secret", None, Some(UNIX_EPOCH), "desk"));
            Provided::ready(if given { Err(CredentialsError::not_loaded_no_source()) } else { key() })
        }
    }

    fn remembering(emptied: Emptied) -> Remembering {
        Remembering::new(SharedCredentialsProvider::new(emptied), Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn whoever_gave_some_before_is_waited_for() {
        let gave = remembering(Emptied::default());
        assert_eq!(gave.provide().await.expect("the first").access_key_id(), "key");
        let error = gave.provide().await.expect_err("there are none now");
        assert_eq!(missing(&error), None, "nobody has to do anything: {error}");
        let none = Emptied(AtomicBool::new(true));
        let error = remembering(none).provide().await.expect_err("never any");
        assert!(missing(&error).is_some_and(|what| what.contains("AWS_PROFILE")), "{error}");
    }

    #[tokio::test]
    async fn a_desk_that_is_closed_is_waited_for_and_no_credentials_at_all_are_a_mistake() {
        let desk = Desk { is_closed: true, ..Desk::default() };
        let chain = chain_over(desk);
        assert!(key(&chain).await.contains("the desk is closed"));
        let none = unloaded(&CredentialsError::not_loaded_no_source()).to_string();
        assert!(none.contains("AWS_ACCESS_KEY_ID"), "{none}");
    }
}
