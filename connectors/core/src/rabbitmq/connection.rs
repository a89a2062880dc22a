//! How a broker is reached.

use std::path::{Path, PathBuf};
use std::time::Duration as StdDuration;

use catchwater_sdk::config::{Duration, Secret};
use catchwater_sdk::{Context, Error, Result, ResultExt};
use lapin::ConnectionProperties;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::failure::failure;

/// How long an answer of the broker may take.
const ANSWER_WITHIN: StdDuration = StdDuration::from_secs(10);

/// How a broker is reached: what a user says of it, at a source as at a sink. Their configurations hold it under `..`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// The broker and the virtual host: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://` for TLS. Without a virtual host
    /// it is the default one, `/`; in a name `%2F` stands for a slash. Without user and password they are `guest`.
    #[schemars(extend("x-names" = ["uri", "amqp_url", "connection_string", "host", "brokers", "urls"]))]
    #[schemars(extend("examples" = ["amqp://localhost", "amqps://orders:${env:RABBITMQ_PASSWORD}@mq.example.com/shop"]))]
    url: Secret,

    /// TLS towards the broker, for an `amqps://` URL. Without it the authorities of the system are trusted.
    #[schemars(extend("x-names" = ["ssl"]))]
    tls: Option<Tls>,

    /// How often both sides say that they are alive; a broker that was silent for twice as long counts as away.
    #[serde(default = "heartbeat")]
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    heartbeat: Duration,
}

/// TLS towards the broker.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// File with certificates of authorities to trust beside those of the system, in PEM form.
    #[schemars(extend("x-names" = ["ca_file", "cacertfile", "root_cas_file"]))]
    ca: Option<PathBuf>,
    /// File with the client's own certificate, in PEM form, where the broker asks for one.
    #[schemars(extend("x-names" = ["certfile", "cert_file", "crt_file"]))]
    certificate: Option<PathBuf>,
    /// File with the key of the client's certificate, in PEM form.
    #[schemars(extend("x-names" = ["keyfile", "key_file"]))]
    key: Option<PathBuf>,
}

fn heartbeat() -> Duration {
    Duration::seconds(10)
}

/// Where a broker is, and how it is spoken to; nothing is touched yet.
pub(crate) struct Address {
    uri: AMQPUri,
    tls: Tls,
    /// `host:port/vhost`, for people: no password is in it.
    pub(crate) shown: String,
}

impl Connection {
    /// Says which files the client will read.
    pub(crate) fn note_files(&self, context: &Context) {
        let files = self.tls.iter().flat_map(|tls| [&tls.ca, &tls.certificate, &tls.key]);
        files.flatten().for_each(|file| context.reads(file));
    }

    /// Checks what a schema cannot say.
    pub(crate) fn address(&self) -> Result<Address> {
        let uri = self.uri()?;
        if self.tls.is_some() && uri.scheme == AMQPScheme::AMQP {
            return Err(Error::config("`tls` is for a URL that begins with `amqps://`").at_key("tls"));
        }
        if uri.scheme == AMQPScheme::AMQPS && !cfg!(feature = "rabbitmq-tls") {
            let text = "this binary was built without TLS for RabbitMQ: build it with the feature `rabbitmq-tls`";
            return Err(Error::config(text).at_key("url"));
        }
        let tls = self.tls.clone().unwrap_or_default();
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(Error::config("`certificate` and `key` go together").at_key("tls"));
        }
        let shown = format!("{}:{}/{}", uri.authority.host, uri.authority.port, uri.vhost.trim_start_matches('/'));
        Ok(Address { uri, tls, shown })
    }

    fn uri(&self) -> Result<AMQPUri> {
        let refuse = |reason: String| Error::config(reason).at_key("url");
        // The reason of a parser may quote the URL, and with it the password.
        let no_url = || refuse("this is no URL; write amqp://USER:PASSWORD@HOST:PORT/VHOST".into());
        let written = Url::parse(self.url.expose()).map_err(|_| no_url())?;
        if !matches!(written.scheme(), "amqp" | "amqps") {
            return Err(refuse(format!("`{}:` is none of `amqp:` and `amqps:`", written.scheme())));
        }
        if written.path().trim_start_matches('/').contains('/') {
            return Err(refuse("behind the host comes one virtual host; write %2F for a slash in its name".into()));
        }
        let mut uri: AMQPUri = self.url.expose().parse().map_err(|_| no_url())?;
        // The client takes an IPv6 address for none and would connect to this machine.
        if let Some(url::Host::Ipv6(address)) = written.host() {
            uri.authority.host = address.to_string();
        }
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        uri.query.heartbeat = Some(self.heartbeat.get().as_secs().clamp(1, 600) as u16);
        Ok(uri)
    }
}

impl Address {
    /// The name of the user.
    pub(crate) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// Connects once. What is lost later is not mended behind our back: delivery tags begin anew with each channel, and an
    /// acknowledgement of an old one would take a message that nobody stored.
    pub(crate) async fn connect(&self, name: &str) -> Result<lapin::Connection> {
        let doing = || format!("connect to RabbitMQ at {}", self.shown);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().or_bug(doing)?;
        let tls = self.tls().await?;
        answered(doing(), lapin::Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime)).await
    }

    async fn tls(&self) -> Result<OwnedTLSConfig> {
        let cert_chain = match &self.tls.ca {
            Some(file) => {
                let pem = read(file, "tls.ca").await?;
                Some(String::from_utf8(pem).or_config(|| format!("read {} as PEM", file.display()))?)
            }
            None => None,
        };
        let identity = match (&self.tls.certificate, &self.tls.key) {
            (Some(certificate), Some(key)) => Some(OwnedIdentity::PKCS8 {
                pem: read(certificate, "tls.certificate").await?,
                key: read(key, "tls.key").await?,
            }),
            _ => None,
        };
        Ok(OwnedTLSConfig { identity, cert_chain })
    }
}

/// Waits for the answer to what a broker is asked beside the flow of messages. The client itself would wait for ever, and a
/// broker that is alive may have no answer all the same: none to who consumes a quorum queue without a leader.
pub(crate) async fn answered<T>(doing: impl Into<String>, asking: impl Future<Output = lapin::Result<T>>) -> Result<T> {
    answered_within(ANSWER_WITHIN, doing, asking).await
}

async fn answered_within<T>(
    time: StdDuration,
    doing: impl Into<String>,
    asking: impl Future<Output = lapin::Result<T>>,
) -> Result<T> {
    match timeout(time, asking).await {
        Ok(answer) => answer.map_err(|error| failure(doing, error)),
        Err(_) => Err(Error::unavailable(format!("{}: no answer within {time:?}", doing.into()))),
    }
}

/// Says goodbye, so that the broker has read what was said to it before. One that is lost is closed.
pub(crate) async fn close(connection: lapin::Connection) {
    let _ = answered("close", connection.close(200, "goodbye".into())).await;
}

async fn read(file: &Path, key: &str) -> Result<Vec<u8>> {
    let read = tokio::fs::read(file).await;
    read.or_config(|| format!("read {}", file.display())).map_err(|error| error.at_key(key))
}

#[cfg(test)]
mod tests {
    use catchwater_sdk::ErrorKind;

    use super::*;

    fn connection(url: &str) -> Connection {
        Connection { url: Secret::from(url.to_owned()), tls: None, heartbeat: heartbeat() }
    }

    fn check(url: &str, host: &str, port: u16, vhost: &str) {
        let uri = connection(url).uri().expect(url);
        assert_eq!((uri.authority.host.as_str(), uri.authority.port, uri.vhost.as_str()), (host, port, vhost), "{url}");
    }

    fn refused(url: &str, expected: &str) {
        let error = connection(url).address().map(drop).expect_err(url);
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert!(!error.chain().contains("secret"), "no password is shown: {error}");
    }

    #[test]
    fn a_url_without_a_virtual_host_means_the_default_one() {
        check("amqp://localhost", "localhost", 5672, "/");
        check("amqp://localhost/", "localhost", 5672, "/");
        check("amqp://mq:5673/%2f", "mq", 5673, "/");
        check("amqp://mq:5673/a%2Fb", "mq", 5673, "a/b");
    }

    #[tokio::test]
    async fn an_answer_is_not_waited_for_for_ever() {
        let never = std::future::pending::<lapin::Result<()>>();
        let error = answered_within(StdDuration::from_millis(1), "consume", never).await.expect_err("there is none");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Unavailable, "consume: no answer within 1ms".into()));
    }

    #[test]
    fn an_ipv6_address_is_not_taken_for_this_machine() {
        check("amqp://user:secret@[2001:db8::1]:5672/shop", "2001:db8::1", 5672, "shop");
    }

    #[test]
    fn what_is_no_url_of_a_broker_is_refused_without_its_password() {
        refused("mq.example.com", "this is no URL");
        refused("amqp://user:secret@:port", "this is no URL");
        refused("http://user:secret@localhost", "none of `amqp:`");
        refused("amqp://user:secret@localhost/vhost/queue", "one virtual host");
    }

    #[test]
    fn a_password_is_not_in_what_people_see() {
        let address = connection("amqp://user:secret@mq/shop").address().expect("a good one");
        assert_eq!((address.shown.as_str(), address.user()), ("mq:5672/shop", "user"));
    }
}
