//! Files of tests beside those of pipelines: `orders.test.yaml` beside `orders.yaml`.

use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 2] = ["yaml", "yml"];

/// Whether a file holds tests, by its name.
pub(in crate::spec) fn is_beside(path: &Path) -> bool {
    stem_of_owner(path).is_some()
}

/// The names that the file of pipelines may have to which a file of tests belongs.
pub(in crate::spec) fn owners(path: &Path) -> impl Iterator<Item = PathBuf> {
    let owner = stem_of_owner(path).map(|stem| path.with_file_name(stem));
    owner.into_iter().flat_map(|owner| EXTENSIONS.map(|extension| with(&owner, extension)))
}

/// The names that files of tests may have beside a file of pipelines.
pub(in crate::spec) fn those_beside(path: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = path.with_extension("test");
    EXTENSIONS.into_iter().map(move |extension| with(&stem, extension))
}

fn stem_of_owner(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()?.strip_suffix(".test").filter(|stem| !stem.is_empty())
}

/// Adds an extension where `with_extension` would take a part of a name such as `v1.2` for one.
fn with(path: &Path, extension: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_belong_to_the_pipelines_of_their_name() {
        let beside: Vec<_> = those_beside(Path::new("p/orders.v1.yaml")).collect();
        assert_eq!(beside, [Path::new("p/orders.v1.test.yaml"), Path::new("p/orders.v1.test.yml")]);
        let owners: Vec<_> = owners(&beside[0]).collect();
        assert_eq!(owners, [Path::new("p/orders.v1.yaml"), Path::new("p/orders.v1.yml")]);
        assert!(!is_beside(Path::new("p/test.yaml")) && !is_beside(Path::new("p/.test.yaml")));
    }
}
