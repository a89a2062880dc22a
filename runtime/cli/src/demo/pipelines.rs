//! The demo's pipelines: the files in `pipelines/`, with the places that this run was given.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use catchwater_engine::spec::editor_schema;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::{Registry, Result, ResultExt};

/// What an editor checks the pipelines with.
const SCHEMA: &str = "pipeline.schema.json";

/// Of a terminal that does not say.
const COLUMNS: u16 = 120;
const COLUMNS_MIN: u16 = 20;

const FILES: &[(&str, &str)] = &[
    ("demo-shop.yaml", include_str!("../../../../pipelines/demo-shop.yaml")),
    ("demo-http.yaml", include_str!("../../../../pipelines/demo-http.yaml")),
];

/// A file.
pub(super) struct Pipeline {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// What the run was given.
pub(super) struct Values<'a> {
    pub(super) lake: &'a str,
    pub(super) port: u16,
}

/// The files with everything put in: what runs is what `--write` writes.
pub(super) fn pipelines(values: &Values<'_>) -> Vec<Pipeline> {
    // Events are as far apart in their own time as they are made, so this makes them the present's.
    let start = now();
    let value = |variable: &str| match variable {
        "CATCHWATER_LAKE" => Some(yaml_text(values.lake)),
        "CATCHWATER_DEMO_PORT" => Some(values.port.to_string()),
        "CATCHWATER_DEMO_START" => Some(start.clone()),
        "COLUMNS" => Some(columns().to_string()),
        _ => None,
    };
    FILES.iter().map(|(name, text)| Pipeline { name, text: fill(text, value) }).collect()
}

/// Writes them where nothing of their name is, with the schema that their first line names.
pub(super) fn write(pipelines: &[Pipeline], folder: &Path, registry: &Registry) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).or_refused(|| format!("create {}", folder.display()))?;
    let mut written = Vec::new();
    for pipeline in pipelines {
        let path = folder.join(pipeline.name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.and_then(|mut file| file.write_all(pipeline.text.as_bytes()));
        file.or_refused(|| {
            format!("write {}; nothing is overwritten, name another folder or move it away", path.display())
        })?;
        written.push(path);
    }
    let schema = serde_json::to_string_pretty(&editor_schema(registry)).expect("a schema is JSON");
    let path = folder.join(SCHEMA);
    fs::write(&path, schema + "\n").or_refused(|| format!("write {}", path.display()))?;
    Ok(written)
}

/// Puts values in for `${env:NAME:-default}`.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${env:") {
        filled.push_str(before);
        let (inner, after) = after.split_once('}').expect("a placeholder ends");
        let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
        filled.push_str(&value(name).unwrap_or_else(|| default.to_owned()));
        rest = after;
    }
    filled + rest
}

/// A text as a YAML scalar that says just this.
fn yaml_text(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    match text.starts_with(['.', '/']) && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => serde_json::Value::from(text.replace("${", "$${")).to_string(),
    }
}

fn now() -> String {
    let now = jiff::Timestamp::from_microsecond(SystemClock.now_micros()).unwrap_or_default();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How wide the terminal is, if there is one.
fn columns() -> u16 {
    console::Term::stdout().size_checked().map_or(COLUMNS, |(_, columns)| columns.max(COLUMNS_MIN))
}

#[cfg(test)]
mod tests {
    use catchwater_engine::plan::plan_texts;

    use super::*;

    fn registry() -> Registry {
        crate::registry(&catchwater_lake::replay::Board::default())
    }

    fn check_fill(lake: &str, expected: &str) {
        let value = |name: &str| (name == "LAKE").then(|| yaml_text(lake));
        assert_eq!(fill("path: ${env:LAKE:-./lake} # ${env:OTHER:-x}\n", value), format!("path: {expected} # x\n"));
    }

    #[test]
    fn values_stand_as_yaml_says_them() {
        check_fill("./my-lake", "./my-lake");
        check_fill("/data/a: b #c", r#""/data/a: b #c""#);
        check_fill("./${x}\"", r#""./$${x}\"""#);
        check_fill("no", r#""no""#);
    }

    #[test]
    fn what_is_put_in_makes_sound_pipelines() {
        for lake in ["./lake", "/tmp/with blank: and #", "./ü/${env:HOME}"] {
            let pipelines = pipelines(&Values { lake, port: 9999 });
            let files: Vec<_> = pipelines.iter().map(|file| (Path::new(file.name), file.text.as_str())).collect();
            let planned = plan_texts(&files, &registry()).map_err(|mistakes| mistakes.to_string());
            assert_eq!(planned.expect("sound").pipelines.len(), FILES.len());
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipelines = pipelines(&Values { lake: "./lake", port: 9999 });
        let written = write(&pipelines, folder.path(), &registry()).expect("written");
        assert_eq!(written.len(), FILES.len());
        assert!(folder.path().join(SCHEMA).exists());
        let error = write(&pipelines, folder.path(), &registry()).expect_err("it is there");
        assert!(error.chain().contains("nothing is overwritten"), "{}", error.chain());
    }
}
