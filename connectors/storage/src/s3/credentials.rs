//! Credentials by AWS's own chain: environment, profile, SSO, web identity, container, instance.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use catchwater_sdk::clock::{Clock, SystemClock};
use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error, Result};
use tokio::sync::Mutex;
use tracing::warn;

use super::answer::Refusal;

/// Asked again so long before they end: a request may be repeated and under way for a while.
const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

/// The chain, with the credentials that it gave last.
#[derive(Debug)]
pub(super) struct Chain {
    provider: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Lasting>>,
}

/// Whoever gave credentials before and has none now is away, and no mistake of anybody's.
#[derive(Debug)]
pub(super) struct Remembering {
    provider: SharedCredentialsProvider,
    has_given: AtomicBool,
}

/// Credentials until they end.
#[derive(Clone, Debug)]
struct Lasting {
    credential: Arc<AwsCredential>,
    /// `i64::MAX` where they do not end.
    until_micros: i64,
}

// === impl Chain ===

impl Chain {
    pub(super) fn new(provider: SharedCredentialsProvider) -> Chain {
        Chain::over(provider, Arc::new(SystemClock))
    }

    fn over(provider: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Chain {
        Chain { provider, clock, last: Mutex::default() }
    }

    async fn load(&self) -> Result<Lasting, CredentialsError> {
        self.provider.provide_credentials().await.map(Lasting::of)
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        let left_micros = |lasting: &Lasting| lasting.until_micros.saturating_sub(self.clock.now_micros());
        if let Some(lasting) = last.as_ref().filter(|lasting| left_micros(lasting) > AHEAD_MICROS) {
            return Ok(Arc::clone(&lasting.credential));
        }
        match (self.load().await, last.as_ref().filter(|lasting| left_micros(lasting) > 0)) {
            (Ok(lasting), _) => Ok(Arc::clone(&last.insert(lasting).credential)),
            (Err(error), Some(lasting)) => {
                warn!(error = %chain(&error), "credentials were not renewed, those at hand are used on");
                Ok(Arc::clone(&lasting.credential))
            }
            (Err(error), None) => Err(unloaded(&error)),
        }
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
    pub(super) fn new(provider: SharedCredentialsProvider) -> Remembering {
        Remembering { provider, has_given: AtomicBool::new(false) }
    }

    async fn provide(&self) -> Result<Credentials, CredentialsError> {
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                self.has_given.store(true, Ordering::Relaxed);
                Ok(credentials)
            }
            Err(CredentialsError::CredentialsNotLoaded(none)) if self.has_given.load(Ordering::Relaxed) => {
                Err(CredentialsError::provider_error(CredentialsError::CredentialsNotLoaded(none)))
            }
            Err(error) => Err(error),
        }
    }
}

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.provide())
    }
}

// === impl Lasting ===

impl Lasting {
    fn of(credentials: Credentials) -> Lasting {
        let until = credentials.expiry().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
        let credential = AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        };
        let until_micros = until.and_then(|end| i64::try_from(end.as_micros()).ok()).unwrap_or(i64::MAX);
        Lasting { credential: Arc::new(credential), until_micros }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;
    use std::time::Duration;

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

    async fn key(chain: &Chain) -> String {
        chain.get_credential().await.map_or_else(|error| error.to_string(), |credential| credential.key_id.clone())
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_they_end_and_used_while_they_last() {
        let desk = Desk::default();
        let chain = Chain::over(SharedCredentialsProvider::new(desk.clone()), Arc::new(desk.clone()));
        let mut keys = Vec::new();
        for minute in [0, 54, 56, 114, 117] {
            desk.now_micros.store(minute * MINUTE_MICROS, Ordering::Relaxed);
            keys.push(key(&chain).await);
        }
        assert_eq!(keys[..4], ["key-0", "key-0", "key-1", "key-1"]);
        assert!(keys[4].contains("the desk is closed"), "{keys:?}");
    }

    /// Gives one key, and then has none.
    #[derive(Debug, Default)]
    struct Emptied(AtomicBool);

    impl ProvideCredentials for Emptied {
        fn provide_credentials<'a>(&'a self) -> Provided<'a>
        where
            Self: 'a,
        {
            let given = self.0.swap(true, Ordering::Relaxed);
            let key = || Ok(Credentials::new("key", "secret", None, None, "desk"));
            Provided::ready(if given { Err(CredentialsError::not_loaded_no_source()) } else { key() })
        }
    }

    #[tokio::test]
    async fn whoever_gave_some_before_is_waited_for() {
        let remembering = Remembering::new(SharedCredentialsProvider::new(Emptied::default()));
        assert_eq!(remembering.provide().await.expect("the first").access_key_id(), "key");
        let error = remembering.provide().await.expect_err("there are none now");
        assert_eq!(missing(&error), None, "nobody has to do anything: {error}");
        let none = Emptied(AtomicBool::new(true));
        let error = Remembering::new(SharedCredentialsProvider::new(none)).provide().await.expect_err("never any");
        assert!(missing(&error).is_some_and(|what| what.contains("AWS_PROFILE")), "{error}");
    }

    #[tokio::test]
    async fn a_desk_that_is_closed_is_waited_for_and_no_credentials_at_all_are_a_mistake() {
        let desk = Desk { is_closed: true, ..Desk::default() };
        let chain = Chain::over(SharedCredentialsProvider::new(desk.clone()), Arc::new(desk));
        assert!(key(&chain).await.contains("the desk is closed"));
        let none = unloaded(&CredentialsError::not_loaded_no_source()).to_string();
        assert!(none.contains("AWS_ACCESS_KEY_ID"), "{none}");
    }
}
