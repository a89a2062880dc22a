//! From a project to a `.wasm` file in the folder of plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use catchwater_sdk::{Error, Result, ResultExt};
use catchwater_wasm::{Places, Plugins, componentize};
use serde_json::Value;

use super::language::Language;
use super::tools;

const NAME_BYTES_MAX: usize = 200;
const TARGET: &str = "wasm32-unknown-unknown";
/// Catchwater runs instructions on sixteen bytes at once; cargo's own `RUSTFLAGS` counts instead, where it is set.
const FLAGS: &str = r#"target.wasm32-unknown-unknown.rustflags=["-C","target-feature=+simd128"]"#;

/// Builds it, checks that it is a plugin, and puts it where pipelines find it.
pub(crate) fn build(project: &Path, places: Places) -> Result<String> {
    let language = Language::of(project)?;
    fs::create_dir_all(&places.plugins).or_refused(|| format!("create {}", places.plugins.display()))?;
    let partial = places.plugins.join(format!(".partial-{}.wasm", std::process::id()));
    let made = match language {
        Language::Rust => compile(project, &partial),
        Language::Js | Language::Python => tools::interpret(language, project, &partial),
    };
    let placed = made.and_then(|()| put(&partial, places));
    let _ = fs::remove_file(&partial); // it has its own name by now, or is of no use
    placed
}

/// A component out of what cargo makes.
fn compile(project: &Path, to: &Path) -> Result<()> {
    let module = cargo(project)?;
    let bytes = fs::read(&module).or_refused(|| format!("read {}", module.display()))?;
    let component = componentize(bytes).map_err(|what| Error::config(format!("{} {what}", module.display())))?;
    fs::write(to, component).or_refused(|| format!("write {}", to.display()))
}

/// A pipeline that reloads finds the old plugin or the new one, never a part of it.
fn put(partial: &Path, places: Places) -> Result<String> {
    let folder = places.plugins.clone();
    let plugins = Plugins::new(places);
    let plugin = plugins.load(&partial.to_string_lossy())?;
    plugins.keep_compiled(&plugin);
    let path = folder.join(file_name(plugin.title().0)?);
    fs::rename(partial, &path).or_refused(|| format!("write {}", path.display()))?;
    Ok(format!("{}: {} KiB\n", path.display(), plugin.bytes().div_ceil(1024)))
}

/// A plugin says itself what it is called.
fn file_name(name: &str) -> Result<String> {
    let is_sound = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_sound) {
        return Ok(format!("{name}.wasm"));
    }
    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
    let text = format!("letters, digits, `-` and `_`, at most {NAME_BYTES_MAX} of them, make a file's name");
    Err(Error::config(format!("the plugin calls itself {shown:?}: {text}")))
}

/// Has the project built; where its module is.
fn cargo(project: &Path) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", TARGET, "--config", FLAGS])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(project)
        .stderr(Stdio::inherit())
        .output()
        .or_refused(|| "run cargo, which comes with Rust (https://rustup.rs)".into())?;
    if !output.status.success() {
        let hint = format!("if the target is not there: rustup target add {TARGET}");
        return Err(Error::refused(format!("cargo does not build {} ({hint})", project.display())));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let module = messages.lines().filter_map(module).next_back();
    module.ok_or_else(|| {
        Error::config(format!("{} makes no .wasm file: its crate-type must be `cdylib`", project.display()))
    })
}

/// The `.wasm` file that a message of cargo tells of.
fn module(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let mut files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.rfind(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_does_not_choose_another_folder() {
        assert_eq!(file_name("mask-2").expect("it is sound"), "mask-2.wasm");
        for name in ["", "../mask", "a/b", "a\n", ".", &"a".repeat(100_000)] {
            assert!(file_name(name).expect_err("it is none").to_string().len() < 500, "{name:?}");
        }
    }

    #[test]
    fn the_module_is_found_in_what_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","filenames":["/t/libmask.rlib","/t/mask.wasm"]}"#;
        assert_eq!(module(said), Some(PathBuf::from("/t/mask.wasm")));
        assert_eq!(module(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(module("warning: text"), None);
    }
}
