//! A new project, with the SDK in it that this binary knows: no registry is needed, and both speak the same interface.

use std::fs;
use std::path::Path;

use catchwater_sdk::{Error, Result, ResultExt};

use super::Kind;
use super::language::Language;
use super::project::Project;

macro_rules! sdk {
    ($($file:literal),*) => {
        [$(($file, include_str!(concat!("../../../../sdk/", $file)))),*]
    };
}

const SDK: [(&str, &str); 22] = sdk![
    "guest/Cargo.toml",
    "guest/src/lib.rs",
    "guest/src/arrivals.rs",
    "guest/src/batch.rs",
    "guest/src/bindings.rs",
    "guest/src/egress.rs",
    "guest/src/exports.rs",
    "guest/src/host.rs",
    "guest/src/json.rs",
    "guest/src/json/cursor.rs",
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

const JS_SDK: [(&str, &str); 19] = sdk![
    "guest-js/package.json",
    "guest-js/package-lock.json",
    "guest-js/build.js",
    "guest-js/plugin.d.ts",
    "guest-js/plugin.js",
    "guest-js/arrivals.js",
    "guest-js/batch.js",
    "guest-js/columns.js",
    "guest-js/egress.js",
    "guest-js/exports.js",
    "guest-js/failure.js",
    "guest-js/host.js",
    "guest-js/json.js",
    "guest-js/output.js",
    "guest-js/rejects.js",
    "guest-js/schema.js",
    "guest-js/source.js",
    "guest-js/state.js",
    "guest-js/text.js"
];

const PYTHON_SDK: [(&str, &str); 18] = sdk![
    "guest-python/requirements.txt",
    "guest-python/build.py",
    "guest-python/catchwater_plugin/py.typed",
    "guest-python/catchwater_plugin/__init__.py",
    "guest-python/catchwater_plugin/arrivals.py",
    "guest-python/catchwater_plugin/batch.py",
    "guest-python/catchwater_plugin/columns.py",
    "guest-python/catchwater_plugin/depth.py",
    "guest-python/catchwater_plugin/egress.py",
    "guest-python/catchwater_plugin/exports.py",
    "guest-python/catchwater_plugin/failure.py",
    "guest-python/catchwater_plugin/host.py",
    "guest-python/catchwater_plugin/output.py",
    "guest-python/catchwater_plugin/plugin.py",
    "guest-python/catchwater_plugin/rejects.py",
    "guest-python/catchwater_plugin/schema.py",
    "guest-python/catchwater_plugin/state.py",
    "guest-python/catchwater_plugin/wire.py"
];

/// Makes the folder `name`.
pub(crate) fn make(name: &str, language: Language, kind: Kind) -> Result<String> {
    check(name)?;
    let project = Project::new(language, kind);
    let folder = Path::new(name);
    fs::create_dir(folder).or_refused(|| format!("create the folder {name}"))?;
    let type_name = type_name(name, project.plugin(language));
    let filled = |text: &str| fill(text, name, &type_name, &project);
    for (path, text) in project.files(language) {
        write(&folder.join(path), &filled(text))?;
    }
    for (path, text) in sdk_of(language) {
        write(&folder.join("catchwater").join(path), text)?;
    }
    Ok(filled(
        "NAME/MAIN is the plugin, NAME/tests.yaml what it is to do.\n\n\
         Build it:  catchwater plugin build NAME\n\
         Test it:   catchwater plugin test NAME\n\
         Use it:    USES\n",
    ))
}

/// Puts what the words in capitals stand for.
fn fill(text: &str, name: &str, type_name: &str, project: &Project) -> String {
    let Project { of_kind, of_language } = project;
    let meant = [
        ("BEFORE", of_language.before),
        ("KIND", of_kind.name),
        ("MAIN", of_language.main),
        ("SUMMARY", of_kind.summary),
        ("TYPE", type_name),
        ("USES", of_kind.uses),
        ("WANTED", of_kind.wants),
        ("WANTING", of_language.wanting),
        ("NAME", name), // the last: it may be in others
    ];
    meant.into_iter().fold(text.to_owned(), |text, (word, meant)| text.replace(word, meant))
}

/// The SDK's files, with the interface.
fn sdk_of(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    let interface = SDK.into_iter().filter(|(path, _)| path.starts_with("wit/"));
    let own: &[_] = match language {
        Language::Rust => &SDK,
        Language::Js => &JS_SDK,
        Language::Python => &PYTHON_SDK,
    };
    own.iter().copied().chain(interface.filter(move |_| language != Language::Rust))
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

/// What a plugin's type cannot be called in any of the languages, whatever stands in its file: words of theirs, and what the
/// SDK's macros name.
const TAKEN: [&str; 11] =
    ["Self", "True", "False", "None", "Some", "Option", "Result", "Vec", "String", "Box", "Exports"];

/// `mask-cards` becomes `MaskCards`; a name that stands for something else in the plugin's file gets a word behind it.
fn type_name(name: &str, file: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let made: String = name.split('-').filter(|word| !word.is_empty()).map(capital).collect();
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let is_taken = TAKEN.contains(&made.as_str()) || file.split(|each| !is_word(each)).any(|word| word == made);
    if is_taken { made + "Plugin" } else { made }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_an_sdk_is_left_out() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        for (folder, known) in [("guest-js", &JS_SDK[..]), ("guest-python/catchwater_plugin", &PYTHON_SDK[..])] {
            for entry in fs::read_dir(sdk.join(folder))
                .expect("the SDK is there")
                .flatten()
                .filter(|entry| entry.path().is_file())
            {
                let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
                assert!(known.iter().any(|(name, _)| *name == path), "{path}");
            }
        }
    }

    #[test]
    fn a_type_is_called_as_nothing_else_in_its_file() {
        let names = ["config", "output", "batch", "self", "opening", "transform", "source", "sink", "arrivals", "next"];
        let others =
            ["partition", "failure", "json-schema", "deserialize", "vec", "true", "none", "record", "want", "ok"];
        for language in [Language::Rust, Language::Js, Language::Python] {
            for kind in [Kind::Transform, Kind::Source, Kind::Sink] {
                let file = Project::new(language, kind).plugin(language);
                let words: Vec<_> = file.split(|each: char| !each.is_alphanumeric()).collect();
                for name in names.into_iter().chain(others) {
                    let made = type_name(name, file);
                    assert!(!words.contains(&made.as_str()) && !TAKEN.contains(&made.as_str()), "{made} in {file}");
                }
                assert_eq!(type_name("mask", file), "Mask");
            }
        }
    }

    #[test]
    fn a_name_is_that_of_a_folder_and_of_a_type() {
        assert_eq!(type_name("mask-cards-2", ""), "MaskCards2");
        for name in ["Mask", "mask_cards", "../mask", "", "-mask", "2mask"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
