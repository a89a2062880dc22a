//! How a cluster is reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catchwater_sdk::config::Secret;
use catchwater_sdk::{Context, Error, Result};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use schemars::JsonSchema;
use serde::Deserialize;

use super::properties;

/// How a cluster is reached: what a user says of it, at a source as at a sink. Their configurations hold it under `..`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// Some of the brokers, as `host:port`, separated by commas.
    #[schemars(extend("x-names" = ["bootstrap.servers", "bootstrap_servers", "seed_brokers", "addresses", "metadata.broker.list"]))]
    #[schemars(extend("examples" = ["localhost:9092"]))]
    pub(crate) brokers: String,

    /// TLS towards the brokers; `{}` trusts the authorities of the system.
    #[schemars(extend("x-names" = ["ssl"]))]
    tls: Option<Tls>,

    /// Who we are, for the brokers.
    sasl: Option<Sasl>,

    /// Further properties of librdkafka, such as `client.rack: eu-west-1a`. Keys and passwords among them, such as
    /// `ssl.key.pem`, are hidden wherever a pipeline is shown.
    #[serde(default)]
    #[schemars(extend("x-names" = ["librdkafka_options"], "properties" = properties::secrets()))]
    librdkafka: BTreeMap<String, String>,
}

/// TLS towards the brokers. Given without keys, it trusts the certificate authorities of the system.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// File with the certificates of the authorities to trust, in PEM form. Default: those of the system.
    #[schemars(extend("x-names" = ["ca_location", "ssl.ca.location", "ca_file", "root_cas_file"]))]
    ca: Option<PathBuf>,
    /// File with the client's own certificate, in PEM form, where the brokers ask for one.
    #[schemars(extend("x-names" = ["ssl.certificate.location", "crt_file", "cert_file"]))]
    certificate: Option<PathBuf>,
    /// File with the key of the client's certificate, in PEM form.
    #[schemars(extend("x-names" = ["ssl.key.location", "key_file"]))]
    key: Option<PathBuf>,
    /// Password of the key, where it has one.
    #[schemars(extend("x-names" = ["ssl.key.password", "key_pass"]))]
    key_password: Option<Secret>,
    /// Whether to check the brokers' certificates and host names. Without it anyone in between can read and change all.
    #[serde(default = "yes")]
    #[schemars(extend("x-names" = ["verify_certificate", "enable.ssl.certificate.verification"]))]
    verify: bool,
}

/// Who we are, for the brokers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sasl {
    /// How the password is shown to the brokers.
    #[schemars(extend("x-names" = ["sasl.mechanism", "sasl.mechanisms"]))]
    mechanism: Mechanism,
    /// Name of the user.
    #[schemars(extend("x-names" = ["sasl.username", "user"]))]
    username: String,
    /// Password of the user.
    #[schemars(extend("x-names" = ["sasl.password"]))]
    password: Secret,
}

/// How a password is shown to the brokers.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(crate) enum Mechanism {
    /// As it is: use it with `tls` only.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By challenge and response.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// By challenge and response, with the longer hash.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

fn yes() -> bool {
    true
}

impl Connection {
    /// The client's configuration: `defaults` first, then the connection, then what the user passes through. `ours` are
    /// the properties of librdkafka that have a key at this connector.
    pub(crate) fn client_config(&self, defaults: &[(&str, String)], ours: &[(&str, &str)]) -> Result<ClientConfig> {
        self.check_features()?;
        properties::refuse_ours(&self.librdkafka, ours)?;
        // Before librdkafka does it: OpenSSL would be torn down at the end of the process, under a client's threads that are
        // in the midst of a handshake.
        #[cfg(feature = "kafka-tls")]
        openssl_sys::init();
        let mut client = ClientConfig::new();
        client.set_log_level(RDKafkaLogLevel::Warning);
        // With the default of 30 s a connection made to a server that is just starting, or by way of a proxy to none, keeps
        // all that is asked waiting when the server has long been back.
        client.set("socket.connection.setup.timeout.ms", "10000");
        for (key, value) in defaults {
            client.set(*key, value);
        }
        client.set("bootstrap.servers", &self.brokers);
        client.set("security.protocol", self.protocol());
        self.set_tls(&mut client);
        self.set_sasl(&mut client);
        for (key, value) in &self.librdkafka {
            client.set(key, value);
        }
        check(&client)?;
        Ok(client)
    }

    /// Says which files the client will read.
    pub(crate) fn note_files(&self, context: &Context) {
        let ours = self.tls.iter().flat_map(|tls| [&tls.ca, &tls.certificate, &tls.key]).flatten();
        ours.for_each(|file| context.reads(file));
        let passed_through = self.librdkafka.iter().filter(|(name, _)| properties::is_file(name));
        passed_through.for_each(|(_, file)| context.reads(Path::new(file)));
    }

    fn check_features(&self) -> Result<()> {
        let scram = self.sasl.as_ref().is_some_and(|sasl| !matches!(sasl.mechanism, Mechanism::Plain));
        let wants = if self.tls.is_some() { "tls" } else { "sasl.mechanism" };
        if cfg!(feature = "kafka-tls") || (self.tls.is_none() && !scram) {
            return Ok(());
        }
        let text = "this binary was built without TLS and SCRAM for Kafka: build it with the feature `kafka-tls`";
        Err(Error::config(text).at_key(wants))
    }

    fn protocol(&self) -> &'static str {
        match (self.tls.is_some(), self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }

    fn set_tls(&self, client: &mut ClientConfig) {
        let Some(tls) = &self.tls else { return };
        let files = [
            ("ssl.ca.location", &tls.ca),
            ("ssl.certificate.location", &tls.certificate),
            ("ssl.key.location", &tls.key),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                client.set(key, file.to_string_lossy());
            }
        }
        if let Some(password) = &tls.key_password {
            client.set("ssl.key.password", password.expose());
        }
        client.set("enable.ssl.certificate.verification", tls.verify.to_string());
    }

    fn set_sasl(&self, client: &mut ClientConfig) {
        let Some(sasl) = &self.sasl else { return };
        let mechanism = match sasl.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        };
        client.set("sasl.mechanisms", mechanism);
        client.set("sasl.username", &sasl.username);
        client.set("sasl.password", sasl.password.expose());
    }
}

/// librdkafka itself knows which properties there are and what they may hold; asking it has no side effects.
fn check(client: &ClientConfig) -> Result<()> {
    match client.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, reason, key, _)) => {
            // The reason quotes the value.
            let reason = if properties::is_secret(&key) { "the value is not valid".into() } else { reason };
            Err(Error::config(format!("librdkafka: {reason}")).at_key(format!("librdkafka.{key}")))
        }
        Err(error) => Err(Error::config("librdkafka refuses the configuration").because(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(librdkafka: &[(&str, &str)]) -> Connection {
        let librdkafka = librdkafka.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Connection { brokers: "localhost:9092".into(), tls: None, sasl: None, librdkafka }
    }

    fn client(librdkafka: &[(&str, &str)]) -> Result<ClientConfig> {
        connection(librdkafka).client_config(&[("client.id", "catchwater".into())], &[("group.id", "group")])
    }

    fn check(librdkafka: (&str, &str), key: &str, phrase: &str) {
        let error = client(&[librdkafka]).expect_err("it is refused");
        assert_eq!(error.key(), Some(key));
        assert!(error.to_string().contains(phrase), "{error}");
    }

    #[test]
    fn passes_through_what_librdkafka_knows() {
        let client = client(&[("fetch.min.bytes", "65536"), ("client.id", "mine")]).expect("it is valid");
        assert_eq!(client.get("fetch.min.bytes"), Some("65536"));
        assert_eq!(client.get("client.id"), Some("mine"));
    }

    #[test]
    fn files_that_are_passed_through_are_watched_too() {
        let context = Context::unattached("orders", "nowhere".into());
        let passed = [("ssl.crl.location", "revoked.pem"), ("sasl.kerberos.keytab", "keys"), ("client.id", "mine")];
        connection(&passed).note_files(&context);
        let files: Vec<_> = context.files.take().into_keys().collect();
        assert_eq!(files, [Path::new("keys"), Path::new("revoked.pem")]);
    }

    #[test]
    fn refuses_what_librdkafka_does_not_know() {
        check(("fetch.min.byte", "1"), "librdkafka.fetch.min.byte", "No such configuration property");
        check(("fetch.min.bytes", "many"), "librdkafka.fetch.min.bytes", "fetch.min.bytes");
    }

    #[test]
    fn what_is_secret_is_known_as_that_to_whoever_shows_it() {
        let schema = catchwater_sdk::config::schema_of::<Connection>();
        let librdkafka = &schema["properties"]["librdkafka"];
        assert_eq!(librdkafka["properties"]["ssl.key.pem"]["format"], "secret");
        assert_eq!(librdkafka["additionalProperties"]["type"], "string");
    }

    #[test]
    fn refuses_what_has_a_key_of_its_own() {
        check(("group.id", "mine"), "librdkafka.group.id", "`group`");
        check(("plugin.library.paths", "x.so"), "librdkafka.plugin.library.paths", "code");
    }
}
