//! What a user may write as the place of a lake.

use std::path::{Component, Path, PathBuf};

use catchwater_sdk::{Error, Result, ResultExt};
use url::Url;

/// A place that was understood and not yet looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder of the local disk, as it was written.
    Disk(PathBuf),
    /// `s3://bucket/prefix`.
    #[cfg(feature = "s3")]
    S3(Url),
}

// === impl Location ===

impl Location {
    /// Understands a path or URL by its form alone.
    pub(crate) fn parse(text: &str) -> Result<Location> {
        match text.split_once("://") {
            None if text.trim().is_empty() => Err(Error::config("open a folder: its path is empty")),
            None if text.starts_with('~') => Err(Error::config(format!(
                "open `{text}`: only a shell knows what ~ is; write ${{env:HOME}}{}",
                text.trim_start_matches('~')
            ))),
            None => Ok(Location::Disk(text.into())),
            Some(("file", _)) => from_file_url(text),
            Some(("s3", _)) => from_s3_url(text),
            Some(("s3a" | "s3n", rest)) => Err(Error::config(format!("open `{text}`: write s3://{rest}"))),
            Some((scheme, _)) => Err(Error::config(format!(
                "open `{text}`: {scheme}:// is not supported: write the path of a folder, such as ./lake, or s3://bucket/prefix"
            ))),
        }
    }
}

fn from_file_url(text: &str) -> Result<Location> {
    let url = Url::parse(text).or_config(|| format!("open `{text}`"))?;
    let relative = |()| Error::config(format!("open `{text}`: a file URL has the whole path, as in file:///data/lake"));
    url.to_file_path().map(Location::Disk).map_err(relative)
}

#[cfg(not(feature = "s3"))]
fn from_s3_url(text: &str) -> Result<Location> {
    Err(Error::config(format!("open `{text}`: this build of catchwater has no S3: build it with the feature `s3`")))
}

/// The bucket and a folder in it; everything else comes from where AWS tools have it.
#[cfg(feature = "s3")]
fn from_s3_url(text: &str) -> Result<Location> {
    let url = Url::parse(text).or_config(|| format!("open `{text}`: write s3://bucket/prefix"))?;
    let wrong = |what: &str| Err(Error::config(format!("open `{text}`: {what}")));
    if url.host_str().is_none_or(str::is_empty) {
        return wrong("the bucket is missing: write s3://bucket/prefix");
    }
    if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
        return wrong(
            "a bucket and a prefix are all that it may have: the endpoint comes from AWS_ENDPOINT_URL_S3, the region from \
             AWS_REGION, or both from the profile",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config(
            "open an s3:// URL with a key in it: URLs are shown, keys must not be; they come from AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or from the profile",
        ));
    }
    object_store::path::Path::from_url_path(url.path()).or_config(|| format!("open `{text}`"))?;
    Ok(Location::S3(url))
}

/// The one absolute path of a folder: without links, so that two ways to write it are seen to be the same. What does not
/// exist yet is taken as written.
pub(crate) fn resolve(folder: &Path) -> Result<PathBuf> {
    let doing = || format!("open {}", folder.display());
    let absolute = std::path::absolute(folder).or_config(doing)?;
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            other => resolved.push(other),
        }
        resolved = canonical(&resolved).or_config(doing)?;
    }
    Ok(resolved)
}

fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match Location::parse(text) {
            Ok(Location::Disk(path)) => path.display().to_string(),
            #[cfg(feature = "s3")]
            Ok(Location::S3(url)) => url.to_string(),
            Err(error) => error.chain(),
        };
        assert!(found.contains(expected), "{text}: {found}");
    }

    #[test]
    fn understands_paths_and_file_urls() {
        check("./lake", "./lake");
        check("/data/my lake", "/data/my lake");
        check("file:///data/my%20lake", "/data/my lake");
    }

    #[test]
    fn says_what_to_write_instead() {
        check("gs://bucket/lake", "gs:// is not supported");
        check("file://lake", "file:///data/lake");
        check("~/lake", "${env:HOME}/lake");
        check(" ", "path is empty");
        check("s3a://bucket/lake", "write s3://bucket/lake");
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_build_without_s3_says_so() {
        check("s3://bucket/lake", "build it with the feature `s3`");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn understands_buckets() {
        check("s3://bucket", "s3://bucket");
        check("s3://bucket/the lake", "s3://bucket/the%20lake");
        check("s3:///lake", "the bucket is missing");
        check("s3://bucket/lake?region=x", "AWS_REGION");
        check("s3://bucket:9000/lake", "AWS_ENDPOINT_URL_S3");
        check("s3://bucket//lake", "empty");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn keys_in_a_url_are_refused_and_not_shown() {
        let error = Location::parse("s3://key:secret@bucket/lake").expect_err("it is refused").chain();
        assert!(error.contains("AWS_ACCESS_KEY_ID") && !error.contains("secret@"), "{error}");
    }

    #[test]
    fn two_ways_to_write_a_folder_are_one() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("real")).expect("a folder");
        std::os::unix::fs::symlink(root.path().join("real"), root.path().join("link")).expect("a link");
        let resolve = |text: &str| resolve(&root.path().join(text)).expect("a path");
        assert_eq!(resolve("link/new/../lake"), resolve("real/lake"));
        assert_eq!(resolve("link/../real"), resolve("real"));
    }
}
