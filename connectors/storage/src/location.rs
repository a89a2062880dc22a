//! What a user may write as the place of a lake.

use std::path::{Component, Path, PathBuf};

use catchwater_sdk::{Error, Result, ResultExt};
use url::Url;

/// A place that was understood and not yet looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Location(PathBuf);

impl Location {
    /// Understands a path or URL by its form alone.
    pub(crate) fn parse(text: &str) -> Result<Location> {
        match text.split_once("://") {
            None if text.trim().is_empty() => Err(Error::config("open a folder: its path is empty")),
            None if text.starts_with('~') => Err(Error::config(format!(
                "open `{text}`: only a shell knows what ~ is; write ${{env:HOME}}{}",
                text.trim_start_matches('~')
            ))),
            None => Ok(Location(text.into())),
            Some(("file", _)) => Location::from_file_url(text),
            Some((scheme, _)) => Err(Error::config(format!(
                "open `{text}`: {scheme}:// is not supported, only folders on local disk are: write a path such as ./lake"
            ))),
        }
    }

    fn from_file_url(text: &str) -> Result<Location> {
        let url = Url::parse(text).or_config(|| format!("open `{text}`"))?;
        let relative =
            |()| Error::config(format!("open `{text}`: a file URL has the whole path, as in file:///data/lake"));
        url.to_file_path().map(Location).map_err(relative)
    }

    /// The one absolute path of the folder: without links, so that two ways to write it are seen to be the same.
    /// What does not exist yet is taken as written.
    pub(crate) fn resolve(&self) -> Result<PathBuf> {
        let doing = || format!("open {}", self.0.display());
        let absolute = std::path::absolute(&self.0).or_config(doing)?;
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
            Ok(Location(path)) => path.display().to_string(),
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
        check("s3://bucket/lake", "s3:// is not supported");
        check("file://lake", "file:///data/lake");
        check("~/lake", "${env:HOME}/lake");
        check(" ", "path is empty");
    }

    #[test]
    fn two_ways_to_write_a_folder_are_one() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("real")).expect("a folder");
        std::os::unix::fs::symlink(root.path().join("real"), root.path().join("link")).expect("a link");
        let resolve = |text: &str| Location(root.path().join(text)).resolve().expect("a path");
        assert_eq!(resolve("link/new/../lake"), resolve("real/lake"));
        assert_eq!(resolve("link/../real"), resolve("real"));
    }
}
