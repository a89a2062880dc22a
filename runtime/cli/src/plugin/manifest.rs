//! What a project says of its plugin, and whether the plugin was built since the project changed.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use catchwater_sdk::{Error, Result, ResultExt};
use serde_json::Value;

use super::language::Language;

/// What a plugin is built of.
const SOURCES: [&str; 9] = ["rs", "js", "mjs", "cjs", "ts", "py", "toml", "json", "wit"];
/// What a build leaves there, and what others fetched.
const FOREIGN: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// Folders within folders are looked into so far.
const DEPTH_MAX: usize = 8;

/// What the plugin is called: as its manifest says, since `plugin build` names the file so, or else as the project's folder.
pub(super) fn name_of(project: &Path) -> Result<String> {
    if let Some(name) = Language::of(project).ok().and_then(|language| name_in(language, project)) {
        return Ok(name);
    }
    let folder = project.canonicalize().or_config(|| format!("find {}", project.display()))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Error::config(format!("{} has no name; give --plugin", project.display())))
}

/// A file of the project that is newer than the plugin that was built of it.
pub(super) fn changed_since(project: &Path, plugin: &Path) -> Option<PathBuf> {
    let built = plugin.metadata().and_then(|about| about.modified()).ok()?;
    newest(project, DEPTH_MAX).filter(|(changed, _)| *changed > built).map(|(_, path)| path)
}

fn name_in(language: Language, project: &Path) -> Option<String> {
    let text = fs::read_to_string(project.join(language.manifest())).ok()?;
    match language {
        Language::Rust => name_in_toml(&text, "[package]"),
        Language::Js => serde_json::from_str::<Value>(&text).ok()?["name"].as_str().map(str::to_owned),
        Language::Python => name_in_toml(&text, "[project]"),
    }
}

/// The text at `name` in a table.
fn name_in_toml(text: &str, table: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.split('#').next().map(str::trim_end) == Some(table))?;
    let own = lines.take_while(|line| !line.starts_with('['));
    let (_, value) = own.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "name")?;
    let quote = value.trim().chars().next().filter(|first| ['"', '\''].contains(first))?;
    value.split(quote).nth(1).map(str::to_owned)
}

fn newest(folder: &Path, depth: usize) -> Option<(SystemTime, PathBuf)> {
    let entries = folder.read_dir().ok()?.flatten();
    entries.filter_map(|entry| changed(&entry, depth)).max()
}

/// When a file or what is in a folder was changed last, if the plugin is made of it.
fn changed(entry: &DirEntry, depth: usize) -> Option<(SystemTime, PathBuf)> {
    let (about, path) = (entry.metadata().ok()?, entry.path());
    let name = path.file_name()?.to_str()?;
    if about.is_dir() {
        let is_own = !name.starts_with('.') && !FOREIGN.contains(&name) && depth > 0;
        return if is_own { newest(&path, depth - 1) } else { None };
    }
    let is_source = about.is_file() && path.extension().is_some_and(|kind| SOURCES.iter().any(|known| kind == *known));
    if is_source { Some((about.modified().ok()?, path)) } else { None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
        folder
    }

    #[test]
    fn a_plugin_is_called_as_its_manifest_says() {
        let manifests = [
            ("Cargo.toml", "[lib]\nname = \"lib\"\n[package] # it\nversion = '1'\nname = \"mine\" # so\n"),
            ("package.json", r#"{"name": "mine", "catchwater": {"name": "other"}}"#),
            ("pyproject.toml", "[tool.x]\nname='x'\n\n[project]\nname='mine'\n"),
        ];
        for (file, text) in manifests {
            assert_eq!(name_of(project(&[(file, text)]).path()).expect("it has one"), "mine", "{file}");
        }
        let folder = project(&[("Cargo.toml", "[package]\nversion = '1'\n[lib]\nname = 'lib'\n")]);
        let own = folder.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        assert_eq!(name_of(folder.path()).expect("the folder has one"), own);
    }

    #[test]
    fn a_source_that_is_newer_than_the_plugin_is_found_and_what_a_build_leaves_is_not() {
        let files = [("src/lib.rs", ""), ("target/made.rs", ""), (".git/config.toml", ""), ("tests.yaml", "")];
        let folder = project(&files);
        let at = |file: &str, seconds: u64| {
            let file = fs::File::options().write(true).open(folder.path().join(file)).expect("it is there");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(time).expect("it can be set");
        };
        fs::write(folder.path().join("it.wasm"), "").expect("it can be written");
        let found = || changed_since(folder.path(), &folder.path().join("it.wasm"));
        files.iter().for_each(|(file, _)| at(file, 300));
        at("src/lib.rs", 100);
        at("it.wasm", 200);
        assert_eq!(found(), None);
        at("src/lib.rs", 201);
        assert_eq!(found(), Some(folder.path().join("src/lib.rs")));
    }
}
