//! TLS towards the server.

use std::error::Error as _;
use std::path::PathBuf;

#[cfg(feature = "http-tls")]
use catchwater_sdk::ResultExt;
use catchwater_sdk::{Context, Error, Result};
use reqwest::ClientBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

/// TLS towards the server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// File with the certificates of the authorities to trust, in PEM form. Default: those of the system.
    #[schemars(extend("x-names" = ["ca_file", "ca_location", "root_cas_file"]))]
    ca: Option<PathBuf>,
}

impl Tls {
    /// Says which files the client will read.
    pub(super) fn note_files(&self, context: &Context) {
        self.ca.iter().for_each(|file| context.reads(file));
    }

    /// Makes a client trust these authorities, and no other.
    #[cfg(feature = "http-tls")]
    pub(super) fn trust(&self, client: ClientBuilder) -> Result<ClientBuilder> {
        let Some(ca) = &self.ca else { return Ok(client) };
        let doing = || format!("read the certificates in {}", ca.display());
        let pem = std::fs::read(ca).or_refused(doing).map_err(|error| error.at_key("tls.ca"))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).or_refused(doing);
        let certificates = certificates.map_err(|error| error.at_key("tls.ca"))?;
        if certificates.is_empty() {
            let text = format!("{} holds no certificate in PEM form", ca.display());
            return Err(Error::refused(text).at_key("tls.ca"));
        }
        Ok(client.tls_certs_only(certificates))
    }

    /// Without TLS there is nobody to trust.
    #[cfg(not(feature = "http-tls"))]
    pub(super) fn trust(&self, client: ClientBuilder) -> Result<ClientBuilder> {
        match self.ca {
            None => Ok(client),
            Some(_) => Err(Error::refused("this program was built without TLS; build it with the feature `http-tls`")
                .at_key("tls.ca")),
        }
    }
}

/// Whether a request failed because the server's certificate is not trusted. Waiting does not mend that.
pub(super) fn is_distrust(error: &reqwest::Error) -> bool {
    // The library of certificates is not named in reqwest's interface; its words are all that comes through.
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}
