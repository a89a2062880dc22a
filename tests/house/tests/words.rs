//! Nothing is left to do without a reason; no file has grown past reading.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.') || name == "target");
        if path.is_dir() && !hidden {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["sdk", "connectors", "runtime", "plugins-wasm", "tests"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        rust_files(&folder, &mut files);
    }
    assert!(files.len() > 40, "only {} files were found", files.len());
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("UTF-8"))).collect()
}

#[test]
fn nothing_is_left_to_do_without_a_reason() {
    let word = ["TO", "DO"].concat();
    for (path, text) in all() {
        let bare =
            text.lines().enumerate().find(|(_, line)| line.contains(&word) && !line.contains(&format!("{word}(")));
        if let Some((number, line)) = bare {
            panic!("{}:{}: say why in brackets: {line}", path.display(), number + 1);
        }
    }
}

#[test]
fn no_file_has_grown_past_reading() {
    for (path, text) in all() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: move a wall", path.display());
    }
}
