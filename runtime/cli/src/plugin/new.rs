//! A new project, with the SDK in it that this binary knows: no registry is needed, and both speak the same interface.

use std::fs;
use std::path::Path;

use catchwater_sdk::{Error, Result, ResultExt};

/// The project's files; `NAME` and `TYPE` stand for the plugin's.
const PROJECT: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("project/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("project/lib.rs.txt")),
    ("tests.yaml", include_str!("project/tests.yaml")),
    ("README.md", include_str!("project/README.md")),
    (".gitignore", "/target\n"),
];

macro_rules! sdk {
    ($($file:literal),*) => {
        [$(($file, include_str!(concat!("../../../../sdk/", $file)))),*]
    };
}

const SDK: [(&str, &str); 10] = sdk![
    "guest/Cargo.toml",
    "guest/src/lib.rs",
    "guest/src/batch.rs",
    "guest/src/bindings.rs",
    "guest/src/exports.rs",
    "guest/src/host.rs",
    "guest/src/output.rs",
    "wit/types.wit",
    "wit/host.wit",
    "wit/transform.wit"
];

/// Makes the folder `name`.
pub(crate) fn make(name: &str) -> Result<String> {
    check(name)?;
    let folder = Path::new(name);
    fs::create_dir(folder).or_refused(|| format!("create the folder {name}"))?;
    for (path, text) in PROJECT {
        write(&folder.join(path), &text.replace("NAME", name).replace("TYPE", &type_name(name)))?;
    }
    for (path, text) in SDK {
        write(&folder.join("catchwater").join(path), text)?;
    }
    Ok(format!(
        "{name}/src/lib.rs is the plugin, {name}/tests.yaml what it is to do.\n\n\
         Build it:  catchwater plugin build {name}\n\
         Test it:   catchwater plugin test {name}\n\
         Use it:    transforms: [{{type: wasm, plugin: {name}}}]\n"
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
