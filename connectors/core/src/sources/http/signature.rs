//! Who may post: a token, a signature over the body. Comparisons take the same time whatever differs.

use axum::http::HeaderMap;
use catchwater_sdk::config::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::config::{Scheme, Signature};

// === impl Scheme ===

impl Scheme {
    /// The header that carries the signature.
    pub(super) fn header(self) -> &'static str {
        match self {
            Scheme::Github => "x-hub-signature-256",
            Scheme::Segment => "x-signature",
            Scheme::Stripe => "stripe-signature",
        }
    }
}

// === impl Signature ===

impl Signature {
    /// Whether the body is what the owner of the secret signed; else why not, for the client.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8], now_micros: i64) -> Result<(), String> {
        let name = self.scheme.header();
        let given = headers.get(name).ok_or_else(|| format!("the header `{name}` with the signature is missing"))?;
        let given = given.to_str().map_err(|_| format!("the header `{name}` is no text"))?;
        let key = self.secret.expose().as_bytes();
        let right = match self.scheme {
            Scheme::Github => {
                given.strip_prefix("sha256=").is_some_and(|hex| matches::<Hmac<Sha256>>(key, &[body], hex))
            }
            Scheme::Segment => matches::<Hmac<Sha1>>(key, &[body], given),
            Scheme::Stripe => self.verify_stripe(given, body, now_micros)?,
        };
        match right {
            true => Ok(()),
            false => Err(format!("the signature in `{name}` is not that of this body")),
        }
    }

    /// `t=SECONDS,v1=HEX`, several `v1` while a secret is being replaced.
    fn verify_stripe(&self, given: &str, body: &[u8], now_micros: i64) -> Result<bool, String> {
        let parts = || given.split(',').filter_map(|part| part.trim().split_once('='));
        let time = parts().find(|(name, _)| *name == "t").map(|(_, time)| time);
        let time = time.ok_or("the signature in `stripe-signature` has no time `t=`")?;
        let seconds: i64 = time.parse().map_err(|_| "the time in `stripe-signature` is no number".to_owned())?;
        let off = (now_micros / 1_000_000).abs_diff(seconds);
        if off > self.tolerance.as_secs() {
            return Err(format!(
                "the signature is {off} s off this server's clock, more than `tolerance`; was the request sent again much later?"
            ));
        }
        let key = self.secret.expose().as_bytes();
        let signed = [time.as_bytes(), b".", body];
        Ok(parts().any(|(name, hex)| name == "v1" && matches::<Hmac<Sha256>>(key, &signed, hex)))
    }
}

/// A token, kept as a code of it: comparing codes tells nothing about the token, not even its length.
pub(super) struct Token(Hmac<Sha256>, Vec<u8>);

// === impl Token ===

impl Token {
    pub(super) fn new(secret: &Secret) -> Token {
        let mac = mac::<Hmac<Sha256>>(b"token");
        let code = mac.clone().chain_update(secret.expose()).finalize().into_bytes().to_vec();
        Token(mac, code)
    }

    /// Whether a request shows it.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(bearer);
        shown.is_some_and(|shown| self.0.clone().chain_update(shown).verify_slice(&self.1).is_ok())
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn mac<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("a key of any length will do")
}

fn matches<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], hex: &str) -> bool {
    let Some(code) = from_hex(hex.trim()) else { return false };
    let mut mac = mac::<M>(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(&code).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::header::{HeaderName, HeaderValue};
    use catchwater_sdk::config::Duration;

    use super::*;

    /// Each scheme's own documentation, or `openssl dgst -hmac`, has these codes.
    const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const NOW: i64 = 1_700_000_000;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))].into_iter().collect()
    }

    fn verify(scheme: Scheme, secret: &str, value: &str, body: &str) -> Result<(), String> {
        let signature = Signature { scheme, secret: secret.to_owned().into(), tolerance: Duration::seconds(300) };
        signature.verify(&headers(scheme.header(), value), body.as_bytes(), NOW * 1_000_000)
    }

    fn check(scheme: Scheme, value: &str, body: &str, expected: &str) {
        let said = verify(scheme, "secret", value, body).err().unwrap_or_default();
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{value}: {said}");
    }

    fn code<M: Mac + KeyInit>(text: &str) -> String {
        mac::<M>(b"secret")
            .chain_update(text)
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn github_signs_the_body_with_sha_256() {
        verify(Scheme::Github, "It's a Secret to Everybody", GITHUB, "Hello, World!").expect("as GitHub documents it");
        check(Scheme::Github, GITHUB, "Hello, World!", "not that of this body");
        check(Scheme::Github, "sha1=00", "{}", "not that of this body");
        check(Scheme::Github, "sha256=zz", "{}", "not that of this body");
    }

    #[test]
    fn segment_signs_the_body_with_sha_1() {
        check(Scheme::Segment, &code::<Hmac<Sha1>>("{}"), "{}", "");
        check(Scheme::Segment, &code::<Hmac<Sha1>>("{}"), "{ }", "not that of this body");
    }

    #[test]
    fn stripe_signs_time_and_body_and_may_sign_twice() {
        let at = |seconds: i64| format!("t={seconds},v1={}", code::<Hmac<Sha256>>(&format!("{seconds}.{{}}")));
        check(Scheme::Stripe, &at(NOW), "{}", "");
        check(Scheme::Stripe, &at(NOW).replace("v1=", "v1=00,v0=11,v1="), "{}", "");
        check(Scheme::Stripe, &at(NOW), "[]", "not that of this body");
        check(Scheme::Stripe, &at(NOW - 301), "{}", "301 s off this server's clock");
        check(Scheme::Stripe, &at(NOW + 301), "{}", "301 s off this server's clock");
        check(Scheme::Stripe, "v1=00", "{}", "has no time");
        check(Scheme::Stripe, "t=soon,v1=00", "{}", "is no number");
    }

    #[test]
    fn a_missing_signature_is_named() {
        let signature =
            Signature { scheme: Scheme::Github, secret: "s".to_owned().into(), tolerance: Duration::seconds(1) };
        let said = signature.verify(&HeaderMap::new(), b"", 0).expect_err("there is none");
        assert_eq!(said, "the header `x-hub-signature-256` with the signature is missing");
    }

    #[test]
    fn a_token_is_shown_as_a_bearer() {
        let token = Token::new(&"t0p".to_owned().into());
        let shown = |value: &str| token.is_shown(&headers("authorization", value));
        assert!(shown("Bearer t0p") && shown("bearer t0p"));
        assert!(!shown("Bearer t0") && !shown("Basic t0p") && !shown("t0p"));
        assert!(!token.is_shown(&HeaderMap::new()));
    }
}
