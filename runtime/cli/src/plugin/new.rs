//! A new project, with the SDK in it that this binary knows: no registry is needed, and both speak the same interface.

use std::fs;
use std::path::Path;

use catchwater_sdk::{Error, Result, ResultExt};

use super::Kind;

/// A kind of plugin: the files that are its own, what it says of itself, and how a pipeline uses it. `NAME` and `TYPE` stand
/// for the plugin's.
struct Project {
    files: [(&'static str, &'static str); 3],
    summary: &'static str,
    uses: &'static str,
}

macro_rules! files {
    ($kind:literal) => {
        [
            ("src/lib.rs", include_str!(concat!("project/", $kind, "/lib.rs.txt"))),
            ("tests.yaml", include_str!(concat!("project/", $kind, "/tests.yaml"))),
            ("README.md", include_str!(concat!("project/", $kind, "/README.md"))),
        ]
    };
}

const TRANSFORM: Project = Project {
    files: files!("transform"),
    summary: "Drops records whose payloads are small",
    uses: "transforms: [{type: wasm, plugin: NAME}]",
};
const SOURCE: Project = Project {
    files: files!("source"),
    summary: "Counts: each record is the next number",
    uses: "source: {type: wasm, plugin: NAME}",
};
const SINK: Project = Project {
    files: files!("sink"),
    summary: "Posts records to an HTTP server, one in a line",
    uses: "sinks: [{type: wasm, plugin: NAME}]",
};

macro_rules! sdk {
    ($($file:literal),*) => {
        [$(($file, include_str!(concat!("../../../../sdk/", $file)))),*]
    };
}

const SDK: [(&str, &str); 21] = sdk![
    "guest/Cargo.toml",
    "guest/src/lib.rs",
    "guest/src/arrivals.rs",
    "guest/src/batch.rs",
    "guest/src/bindings.rs",
    "guest/src/egress.rs",
    "guest/src/exports.rs",
    "guest/src/host.rs",
    "guest/src/json.rs",
    "guest/src/json/edit.rs",
    "guest/src/json/scan.rs",
    "guest/src/json/tests.rs",
    "guest/src/output.rs",
    "guest/src/rejects.rs",
    "guest/src/state.rs",
    "wit/types.wit",
    "wit/host.wit",
    "wit/state.wit",
    "wit/transform.wit",
    "wit/source.wit",
    "wit/sink.wit"
];

/// Makes the folder `name`.
pub(crate) fn make(name: &str, kind: Kind) -> Result<String> {
    check(name)?;
    let project = match kind {
        Kind::Transform => TRANSFORM,
        Kind::Source => SOURCE,
        Kind::Sink => SINK,
    };
    let folder = Path::new(name);
    fs::create_dir(folder).or_refused(|| format!("create the folder {name}"))?;
    let filled =
        |text: &str| text.replace("NAME", name).replace("TYPE", &type_name(name)).replace("SUMMARY", project.summary);
    let common = [("Cargo.toml", include_str!("project/Cargo.toml.txt")), (".gitignore", "/target\n")];
    for (path, text) in common.into_iter().chain(project.files) {
        write(&folder.join(path), &filled(text))?;
    }
    for (path, text) in SDK {
        write(&folder.join("catchwater").join(path), text)?;
    }
    let uses = filled(project.uses);
    Ok(format!(
        "{name}/src/lib.rs is the plugin, {name}/tests.yaml what it is to do.\n\n\
         Build it:  catchwater plugin build {name}\n\
         Test it:   catchwater plugin test {name}\n\
         Use it:    {uses}\n"
    ))
}

fn check(name: &str) -> Result<()> {
    let sound = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(sound) {
        return Ok(());
    }
    Err(Error::config(format!("`{name}` is no plugin's name: lower-case letters, digits and hyphens, a letter first")))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("write {}", path.display());
    path.parent().map_or(Ok(()), fs::create_dir_all).or_refused(doing)?;
    fs::write(path, text).or_refused(doing)
}

/// `mask-cards` becomes `MaskCards`.
fn type_name(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').filter(|word| !word.is_empty()).map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_folder_and_of_a_type() {
        assert_eq!(type_name("mask-cards-2"), "MaskCards2");
        for name in ["Mask", "mask_cards", "../mask", "", "-mask", "2mask"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
