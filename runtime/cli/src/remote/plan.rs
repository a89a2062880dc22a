//! `catchwater plan` and `catchwater apply`: what would change on a server, and making it so.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catchwater_engine::spec::pipelines_in;
use catchwater_sdk::{Error, Result, ResultExt};
use serde_json::{Value, json};

use super::client::{Client, ServerOption};
use crate::output::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pipeline files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Pipelines that the server was given before and that are not among these go.
    #[arg(long)]
    prune: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

#[derive(clap::Args)]
pub(crate) struct ApplyArguments {
    /// What `catchwater plan` printed.
    #[arg(long, value_name = "HASH")]
    plan: String,
    #[command(flatten)]
    arguments: Arguments,
}

/// Exits 0 also when nothing would change, 1 when the server refuses or cannot be asked.
pub(crate) fn plan(arguments: &Arguments) -> ExitCode {
    arguments.server.with(|client| planned(client, arguments))
}

/// Exits 0 when all is as planned, 1 when a pipeline was put back, or when nothing was changed.
pub(crate) fn apply(arguments: &ApplyArguments) -> ExitCode {
    arguments.arguments.server.with(|client| applied(client, arguments))
}

async fn planned(client: Client, arguments: &Arguments) -> Result<ExitCode> {
    let outlook = client.post(&["v1", "plan"], &[], Some(&arguments.wish()?)).await?;
    say(&if arguments.json { format!("{outlook:#}\n") } else { described(&outlook) });
    Ok(ExitCode::SUCCESS)
}

async fn applied(client: Client, arguments: &ApplyArguments) -> Result<ExitCode> {
    let wish = arguments.arguments.wish()?;
    let done = client.post(&["v1", "apply"], &[("hash", &arguments.plan)], Some(&wish)).await?;
    if arguments.arguments.json {
        say(&format!("{done:#}\n"));
    }
    let changes = list(&done, "changes");
    for change in changes.iter().filter(|_| !arguments.arguments.json) {
        say(&told(change));
    }
    let is_put_back = |change: &Value| !change["trouble"].is_null() && change["change"] != "stop";
    Ok(if changes.iter().any(is_put_back) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What became of a pipeline. One that had to stop has, whatever it could not store any more.
fn told(change: &Value) -> String {
    let (pipeline, done) = (text(change, "pipeline"), text(change, "change"));
    match change["trouble"].as_str() {
        None => format!("{pipeline}: {}\n", past(done)),
        Some(trouble) if done == "stop" => {
            format!("{pipeline}: stopped, and not all that it had read is stored: {trouble}\n")
        }
        Some(trouble) => format!("{pipeline}: put back as it was: {trouble}\n"),
    }
}

impl Arguments {
    fn wish(&self) -> Result<Value> {
        let mut files = Vec::new();
        for path in &self.paths {
            for file in files_in(path, self.prune)? {
                let text = std::fs::read_to_string(&file).or_refused(|| format!("read {}", file.display()))?;
                files.push(json!({ "name": file.display().to_string(), "text": text }));
            }
        }
        Ok(json!({ "files": files, "prune": self.prune }))
    }
}

/// The files of a folder in their order, as `run` reads them; or the file itself. Without any, nothing is wanted that is not
/// there, which is worth asking only where that is to go.
fn files_in(path: &Path, prune: bool) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = pipelines_in(path).or_refused(|| format!("read the folder {}", path.display()))?;
    match files.is_empty() && !prune {
        true => Err(Error::refused(format!(
            "the folder {} holds no `*.yaml` or `*.yml` file; with --prune, what the server was given before would go",
            path.display()
        ))),
        false => Ok(files),
    }
}

fn described(outlook: &Value) -> String {
    let changes = list(outlook, "changes");
    let mut said = String::new();
    for change in changes {
        let _ = writeln!(said, "{} {}", text(change, "change"), text(change, "pipeline"));
        for difference in list(change, "differences") {
            let sign = sign(text(difference, "kind"));
            let what = difference["component"].as_str().unwrap_or("settings");
            let _ = writeln!(said, "  {sign} {what}: {}", effect(text(difference, "effect")));
        }
        if change["change"] == "replace" {
            said.push_str("  it drains, and goes on where it was\n");
        }
    }
    for passed_over in list(outlook, "passed_over") {
        let (name, place) = (text(passed_over, "destination"), text(passed_over, "place"));
        let _ = writeln!(said, "destination {name} at {place} is no pipeline: only replays use it, and it stays here");
    }
    let _ = writeln!(said, "{} to change, {} unchanged", changes.len(), outlook["unchanged"]);
    let _ = writeln!(said, "plan {}", text(outlook, "hash"));
    said
}

fn sign(kind: &str) -> char {
    match kind {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    }
}

fn effect(effect: &str) -> &str {
    match effect {
        "in_place" => "in place",
        "swap" => "between two batches",
        "flush" => "once all that was read is stored; the source and the other sinks stay",
        other => other,
    }
}

fn past(change: &str) -> &str {
    match change {
        "start" => "started",
        "adapt" => "changed while it runs",
        "replace" => "replaced",
        "stop" => "stopped",
        other => other,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_to_stop_has_whatever_it_could_not_store() {
        let check = |change: &str, trouble: Value, expected: &str| {
            assert_eq!(told(&json!({ "pipeline": "a", "change": change, "trouble": trouble })), expected);
        };
        check("replace", Value::Null, "a: replaced\n");
        check("replace", "slow".into(), "a: put back as it was: slow\n");
        check("stop", "slow".into(), "a: stopped, and not all that it had read is stored: slow\n");
    }
}
