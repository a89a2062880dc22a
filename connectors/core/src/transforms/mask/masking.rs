//! What a masked value becomes.

use catchwater_sdk::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Config, How};
use crate::transforms::fields::decoded;

/// A way of masking, ready to use.
pub(super) enum Masking {
    Redact(String),
    Hash { mac: Hmac<Sha256>, digits: usize },
    Partial { keep: usize },
}

const DIGITS: usize = 64;

// === impl Masking ===

impl Masking {
    /// Settings that belong to another way are mistakes: they would do nothing.
    pub(super) fn new(config: &Config) -> Result<Masking> {
        let settings = [
            ("text", config.text.is_some(), How::Redact),
            ("secret", config.secret.is_some(), How::Hash),
            ("length", config.length.is_some(), How::Hash),
            ("keep", config.keep.is_some(), How::Partial),
        ];
        if let Some((key, _, how)) = settings.into_iter().find(|(_, given, how)| *given && *how != config.how) {
            let how = format!("{how:?}").to_lowercase();
            return Err(Error::config(format!("does nothing here: it belongs to `how: {how}`")).at_key(key));
        }
        Ok(match config.how {
            How::Redact => Masking::Redact(config.text.clone().unwrap_or_else(|| "***".into())),
            How::Hash => hash(config)?,
            How::Partial => Masking::Partial { keep: config.keep.unwrap_or(4) },
        })
    }

    /// Writes what stands instead of a JSON value that is no list and no object. Null stays null.
    pub(super) fn value(&self, value: &str, out: &mut Vec<u8>) {
        match value.as_bytes()[0] {
            b'n' => out.extend_from_slice(value.as_bytes()),
            b'"' => self.quoted(decoded(value).as_bytes(), out),
            _ => self.quoted(value.as_bytes(), out),
        }
    }

    fn quoted(&self, value: &[u8], out: &mut Vec<u8>) {
        serde_json::to_writer(out, &self.text(value)).expect("memory can be written");
    }

    /// What stands instead of a text.
    pub(super) fn text(&self, value: &[u8]) -> String {
        match self {
            Masking::Redact(text) => text.clone(),
            Masking::Hash { mac, digits } => {
                let code = mac.clone().chain_update(value).finalize().into_bytes();
                let mut hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
                hex.truncate(*digits);
                hex
            }
            Masking::Partial { keep } => {
                let text = String::from_utf8_lossy(value);
                let characters = text.chars().count();
                let hidden = if characters >= 2 * keep { characters - keep } else { characters };
                format!("***{}", text.chars().skip(hidden).collect::<String>())
            }
        }
    }
}

fn hash(config: &Config) -> Result<Masking> {
    let Some(secret) = config.secret.as_ref().filter(|secret| !secret.expose().is_empty()) else {
        let text = "`hash` needs a secret key: without one everybody could try values until the code fits";
        return Err(Error::config(text).at_key("secret"));
    };
    let digits = config.length.unwrap_or(DIGITS);
    if !(8..=DIGITS).contains(&digits) {
        return Err(Error::config("must be from 8 to 64: fewer digits make different values equal").at_key("length"));
    }
    let mac = Hmac::new_from_slice(secret.expose().as_bytes()).expect("a key of any length will do");
    Ok(Masking::Hash { mac, digits })
}
