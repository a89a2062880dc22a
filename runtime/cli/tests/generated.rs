//! What is generated from the code is fresh, and every example can run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn catchwater(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_catchwater")).args(arguments).current_dir(root()).output();
    output.expect("the binary runs")
}

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("read {}: {error}", folder.display()));
    let page = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).expect("UTF-8"))
    };
    entries.map(|entry| page(entry.expect("an entry"))).filter(|(name, _)| name.ends_with(".md")).collect()
}

#[test]
fn the_documentation_of_connectors_is_fresh() {
    let fresh = tempfile::tempdir().expect("a folder");
    let made = catchwater(&["generate", "docs", &fresh.path().display().to_string()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (fresh, ours) = (pages(fresh.path()), pages(&root().join("connectors/docs")));
    let stale: Vec<_> =
        fresh.iter().filter(|(name, page)| ours.get(*name) != Some(page)).map(|(name, _)| name).collect();
    let gone: Vec<_> = ours.keys().filter(|name| !fresh.contains_key(*name)).collect();
    assert!(
        stale.is_empty() && gone.is_empty(),
        "run `catchwater generate docs connectors/docs`: stale {stale:?}, gone {gone:?}"
    );
}

#[test]
fn the_schema_that_the_examples_name_is_fresh() {
    let made = catchwater(&["generate", "schema"]);
    let ours = fs::read(root().join("pipelines/pipeline.schema.json")).expect("the schema is there");
    assert!(made.stdout == ours, "run `catchwater generate schema > pipelines/pipeline.schema.json`");
}

#[test]
fn every_example_pipeline_is_sound_and_carries_the_modeline() {
    let checked = catchwater(&["check", "pipelines"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for entry in fs::read_dir(root().join("pipelines")).expect("the folder").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let modeline = "# yaml-language-server: $schema=pipeline.schema.json\n";
            assert!(text.starts_with(modeline), "{} lacks the modeline", path.display());
        }
    }
}
