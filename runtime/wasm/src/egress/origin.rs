//! Scheme, host and port, as a pipeline grants them and a ceiling allows them.

use std::fmt;

use reqwest::Url;

use super::address::Scope;

/// Where requests may go.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    url: Url,
    /// Also one that goes without saying is written out.
    names_port: bool,
}

// === impl Origin ===

impl Origin {
    /// Reads `https://api.example.com`; else what is wrong with it.
    pub(crate) fn read(to: &str) -> Result<Origin, String> {
        let url = Url::parse(to).map_err(|error| format!("is no address: {error}"))?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        match url.scheme() {
            "http" | "https" if is_bare && is_anonymous => Ok(Origin { url, names_port: names_port(to) }),
            "http" | "https" => Err("is scheme, host and port, and nothing else".into()),
            scheme => Err(format!("begins with `{scheme}`, and must with `http` or `https`")),
        }
    }

    pub(super) fn is_of(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }

    /// How near what the name stands for may be.
    pub(super) fn nearest(&self) -> Scope {
        if self.names_port { Scope::Private } else { Scope::Public }
    }

    /// Whether the other one reaches nothing that this one does not.
    pub(crate) fn covers(&self, other: &Origin) -> bool {
        self.covers_but_for_port(other) && (self.names_port || !other.names_port)
    }

    /// The same, if it did not matter whether the port is written out.
    pub(crate) fn covers_but_for_port(&self, other: &Origin) -> bool {
        self.is_of(&other.url)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

/// Whether the port is written out, also one that goes without saying.
fn names_port(to: &str) -> bool {
    let authority = to.split_once("://").map_or(to, |(_, authority)| authority).trim_end_matches('/');
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_an_origin() {
        for to in ["https://api.example.com", "http://127.0.0.1:8080/", "http://[::1]:80"] {
            Origin::read(to).expect(to);
        }
        for to in ["api.example.com", "ftp://a", "https://a/path", "https://a?b", "https://user@a", "https://a#b", ""] {
            Origin::read(to).expect_err(to);
        }
    }

    #[test]
    fn a_port_is_named_or_goes_without_saying() {
        for (to, named) in [("http://a:80", true), ("http://a", false), ("http://[::1]", false), ("http://a:", false)] {
            assert_eq!(names_port(to), named, "{to}");
        }
    }
}
