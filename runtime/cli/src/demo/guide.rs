//! What the demo tells to type: commands that work as they stand, from another terminal in the same folder.

use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The places of one run.
pub(super) struct Guide {
    program: String,
    lake: String,
    port: u16,
}

// === impl Guide ===

impl Guide {
    pub(super) fn new(lake: &str, port: u16) -> Guide {
        Guide { program: program(), lake: quoted(lake), port }
    }

    /// Before anything runs.
    pub(super) fn beginning(&self) -> String {
        format!(
            "Events of an invented shop, and those posted to port {}, are archived in {} and pass by here. Ctrl-C ends the demo.\n\n",
            self.port, self.lake
        )
    }

    /// What to try, once there is something to find.
    pub(super) fn commands(&self) -> String {
        let Guide { program, lake, port } = self;
        let commands = [
            (
                "Post an event of your own",
                format!(
                    "curl http://127.0.0.1:{port}/events -d '{{\"event\":\"order_paid\",\"amount\":250.5,\"note\":\"by hand\"}}'"
                ),
            ),
            ("Find events", format!("{program} search shop 'order_created amount:>100' --lake {lake} --limit 5")),
            (
                "Send some of them again",
                format!(
                    "{program} replay shop --lake {lake} --query 'event:order_created AND amount:>100' --last 3 --to stdout"
                ),
            ),
            ("See what is there", format!("{program} lake ls --lake {lake}")),
            ("See how its schema grew", format!("{program} lake info shop --lake {lake}")),
        ];
        let mut text = "\nIn another terminal, in this folder:\n".to_owned();
        for (what, command) in commands {
            writeln!(text, "  {what}:\n    {command}").expect("text takes whatever is written");
        }
        text + "\n"
    }

    /// At the end.
    pub(super) fn ending(&self, data_dir: &Path) -> String {
        format!(
            "\nThe events are in {}, the place where the sources stopped in {}. The demo goes on with both when it is run again.\n",
            self.lake,
            quoted(&data_dir.to_string_lossy())
        )
    }
}

/// After `--write`.
pub(super) fn written(files: &[PathBuf], folder: &Path) -> String {
    let program = program();
    let folder = quoted(&folder.to_string_lossy());
    let files: String = files.iter().map(|file| format!("  {}\n", file.display())).collect();
    format!("{files}Check and run them:\n    {program} check {folder}\n    {program} run {folder}\n")
}

/// This program, as a shell in this folder finds it.
fn program() -> String {
    let Ok(program) = env::current_exe() else { return "catchwater".to_owned() };
    let real = program.canonicalize().unwrap_or_else(|_| program.clone());
    let on_path = env::var_os("PATH").and_then(|path| first_on(&path, "catchwater"));
    if on_path.is_some_and(|found| found == real) {
        return "catchwater".to_owned();
    }
    let folder = env::current_dir().and_then(|folder| folder.canonicalize()).unwrap_or_default();
    match real.strip_prefix(&folder) {
        Ok(below) => quoted(&format!("./{}", below.display())),
        Err(_) => quoted(&program.to_string_lossy()),
    }
}

/// What a shell would start by that name.
fn first_on(path: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    let found = env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    found.canonicalize().ok()
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | ':' | '+' | '=' | '@' | ',');
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        assert_eq!(quoted(word), expected);
        let echoed = std::process::Command::new("sh").args(["-c", &format!("printf %s {expected}")]).output();
        assert_eq!(echoed.expect("a shell").stdout, word.as_bytes());
    }

    #[test]
    fn a_shell_reads_each_word_as_it_was() {
        check("./lake", "./lake");
        check("/my lake/it's", r"'/my lake/it'\''s'");
        check("$HOME `id`", "'$HOME `id`'");
        check("", "''");
    }

    #[test]
    fn the_first_of_a_name_on_the_path_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for name in ["a", "b"] {
            std::fs::create_dir(root.join(name)).expect("a folder");
        }
        std::fs::write(root.join("b/catchwater"), b"").expect("a file");
        let path = env::join_paths([root.join("a"), root.join("b")]).expect("a path");
        assert_eq!(first_on(&path, "catchwater"), Some(root.join("b/catchwater")));
        assert_eq!(first_on(&path, "other"), None);
    }
}
