//! Which objects there are.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::Object;
use catchwater_sdk::{Error, Result};
use glob::Pattern;

use crate::s3::{Bucket, Condition};

/// So many objects are kept in mind at most. (Invariant 9)
const OBJECTS_MAX: usize = 20_000;

/// Objects below a URL.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    bucket: Bucket,
    pattern: Option<Pattern>,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The whole key, as the store knows it.
    pub(super) key: String,
    pub(super) size: u64,
    /// What changes when the object is written anew, if the store tells.
    etag: Option<String>,
    written_at: Option<DateTime>,
}

// === impl Listing ===

impl Listing {
    pub(super) fn new(bucket: Bucket, pattern: Option<&str>) -> Result<Listing> {
        let wrong =
            |error: glob::PatternError| Error::config("read the pattern of keys").because(error).at_key("pattern");
        let pattern = pattern.map(Pattern::new).transpose().map_err(wrong)?;
        Ok(Listing { bucket, pattern })
    }

    /// All that match, in the order of their keys. Empty objects, such as those that stand for folders, hold no record.
    pub(super) async fn look(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let take = |key: String, object: &Object| {
            let object = Found::of(key, object);
            if object.size > 0 && self.matches(&object.key) {
                found.push(object);
            }
            if found.len() > OBJECTS_MAX { Err(self.too_many()) } else { Ok(()) }
        };
        self.bucket.list(self.begin(), take).await?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// What all keys that match begin with, so that the store need not list the others.
    fn begin(&self) -> &str {
        let pattern = self.pattern.as_ref().map_or("", Pattern::as_str);
        pattern.split(['*', '?', '[']).next().unwrap_or_default()
    }

    fn matches(&self, key: &str) -> bool {
        let Some(below) = key.strip_prefix(self.bucket.prefix()) else { return false };
        if below.split('/').next() == Some(catchwater_storage::OURS) {
            return false;
        }
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches_with(below, options))
    }

    fn too_many(&self) -> Error {
        Error::refused(format!(
            "list {}: there are more than {OBJECTS_MAX} objects; divide them among pipelines by `url` or `pattern`",
            self.bucket.url()
        ))
    }
}

// === impl Found ===

impl Found {
    fn of(key: String, object: &Object) -> Found {
        let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        Found { key, size, etag: object.e_tag().map(str::to_owned), written_at: object.last_modified().copied() }
    }

    /// Tells this object from those that had the key before it.
    pub(super) fn tag(&self) -> String {
        match &self.etag {
            Some(etag) => etag.trim_matches('"').to_owned(),
            None => self.written_at.map_or(0, |time| time.as_nanos() / 1000).to_string(),
        }
    }

    /// By what it is read as this object and no other. A weak tag is none that can be compared.
    pub(super) fn condition(&self) -> Condition {
        match &self.etag {
            Some(etag) if !etag.starts_with("W/") => Condition::Tagged(etag.clone()),
            _ => Condition::WrittenAt(self.written_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use catchwater_sdk::config::parse;

    use super::*;
    use crate::s3::Connection;

    fn listing(pattern: &str) -> Listing {
        let parsed = parse("{url: 's3://bucket/a'}");
        let connection: Connection = parsed.documents[0].root.read().expect("a place");
        Listing::new(connection.bucket().expect("a bucket"), Some(pattern)).expect("a pattern")
    }

    #[test]
    fn no_more_is_listed_than_what_a_pattern_can_match() {
        for (pattern, begin) in [("**/*.gz", ""), ("2026-1?/x", "2026-1"), ("x/y.json", "x/y.json"), ("[*]x", "")] {
            assert_eq!(listing(pattern).begin(), begin, "{pattern}");
        }
    }

    #[test]
    fn keys_need_not_be_paths_and_what_is_ours_is_nobody_elses() {
        let all = listing("**");
        assert!(all.matches("a/x") && all.matches("a//x") && all.matches("a/../x/"));
        assert!(!all.matches("a/_catchwater/probe-1") && !all.matches("ab/x"));
    }
}
