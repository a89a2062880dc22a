//! `catchwater pipelines`: what a server's pipelines do, and telling them what to do.

use std::fmt::Write;
use std::process::ExitCode;
use std::str::FromStr;

use catchwater_sdk::Result;
use serde_json::{Value, json};

use super::client::{Client, ServerOption};
use crate::columns::{Align, columns};
use crate::output::say;

#[derive(clap::Subcommand)]
pub(crate) enum What {
    /// List them.
    Ls {
        #[command(flatten)]
        server: ServerOption,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show how one does.
    Status(One),
    /// Drain and stop one for now.
    Pause(One),
    /// Let a paused or stopped one go on where it was.
    Resume(One),
    /// Drain and stop one until it is resumed.
    Stop(One),
    /// Drain one and start it again.
    Restart(One),
    /// Show where one goes on, or move a stopped one.
    Offsets {
        #[command(flatten)]
        one: One,
        /// Another place for a partition, such as `orders/0=1500`; may be given several times.
        #[arg(long = "set", value_name = "STREAM/PARTITION=POSITION")]
        moves: Vec<Move>,
        /// Another place for every partition: earliest; of a Kafka source also latest, a time (RFC 3339, a date, or an age such
        /// as 1h), or -N for the last N offsets of each.
        #[arg(long, value_name = "PLACE", allow_hyphen_values = true, conflicts_with = "moves")]
        to: Option<String>,
    },
}

/// A place to move a partition to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    stream: String,
    partition: i32,
    position: i64,
}

impl FromStr for Move {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Move, String> {
        let parts = text.rsplit_once('=').and_then(|(place, position)| {
            let (stream, partition) = place.rsplit_once('/')?;
            Some(Move {
                stream: stream.to_owned(),
                partition: partition.parse().ok()?,
                position: position.parse().ok()?,
            })
        });
        parts.ok_or_else(|| "write it as STREAM/PARTITION=POSITION, such as orders/0=1500".to_owned())
    }
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// Its name.
    name: String,
    #[command(flatten)]
    server: ServerOption,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Exits 0 when it is done, 1 when the server refuses or cannot be asked.
pub(crate) fn pipelines(what: What) -> ExitCode {
    match what {
        What::Ls { server, json } => server.with(|client| list(client, json)),
        What::Status(one) => one.server.with(|client| show(client, &one)),
        What::Pause(one) => one.server.with(|client| turn(client, &one, "pause")),
        What::Resume(one) => one.server.with(|client| turn(client, &one, "resume")),
        What::Stop(one) => one.server.with(|client| turn(client, &one, "stop")),
        What::Offsets { one, moves, to } => one.server.with(|client| offsets(client, &one, &moves, to)),
        What::Restart(one) => one.server.with(|client| turn(client, &one, "restart")),
    }
}

async fn list(client: Client, as_json: bool) -> Result<ExitCode> {
    let answer = client.get(&["v1", "pipelines"]).await?;
    if as_json {
        say(&format!("{answer:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let pipelines = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |pipeline: &Value| {
        let sinks: Vec<_> = pipeline["sinks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        vec![
            text(&pipeline["name"]),
            text(&pipeline["state"]),
            text(&pipeline["source"]),
            sinks.join(","),
            text(&pipeline["tasks"]),
            pipeline["file"].as_str().unwrap_or("api").to_owned(),
        ]
    };
    let header = ["NAME", "STATE", "SOURCE", "SINKS", "TASKS", "FROM"];
    use Align::{Left, Right};
    say(&columns(&header, &[Left, Left, Left, Left, Right, Left], pipelines.iter().map(row)));
    Ok(ExitCode::SUCCESS)
}

async fn show(client: Client, one: &One) -> Result<ExitCode> {
    let status = client.get(&["v1", "pipelines", &one.name, "status"]).await?;
    say(&if one.json { format!("{status:#}\n") } else { described(&status) });
    Ok(ExitCode::SUCCESS)
}

async fn turn(client: Client, one: &One, how: &str) -> Result<ExitCode> {
    let status = client.post(&["v1", "pipelines", &one.name, how], &[], None).await?;
    match one.json {
        true => say(&format!("{status:#}\n")),
        false => say(&format!("{}: {}\n", one.name, text(&status["state"]))),
    }
    Ok(ExitCode::SUCCESS)
}

async fn offsets(client: Client, one: &One, moves: &[Move], to: Option<String>) -> Result<ExitCode> {
    let path = ["v1", "pipelines", &one.name, "offsets"];
    let answer = match (to, moves.is_empty()) {
        (Some(to), _) => client.patch(&path, &json!({ "to": to })).await?,
        (None, true) => client.get(&path).await?,
        (None, false) => {
            client.patch(&path, &json!({ "offsets": moves.iter().map(as_json).collect::<Vec<_>>() })).await?
        }
    };
    if one.json {
        say(&format!("{answer:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let row = |offset: &Value| {
        let committed = if offset["committed"] == true { "committed" } else { "by `start`" };
        vec![text(&offset["stream"]), text(&offset["partition"]), text(&offset["position"]), committed.to_owned()]
    };
    use Align::{Left, Right};
    let header = ["STREAM", "PARTITION", "POSITION", ""];
    say(&columns(&header, &[Left, Right, Right, Left], answer.as_array().into_iter().flatten().map(row)));
    Ok(ExitCode::SUCCESS)
}

fn as_json(to: &Move) -> Value {
    json!({ "stream": to.stream, "partition": to.partition, "position": to.position })
}

/// What matters first: whether it runs and if not why, then its numbers.
fn described(status: &Value) -> String {
    let mut lines = format!("{}: {}\n", text(&status["name"]), text(&status["state"]));
    let mut line = |what: &str, value: &Value| {
        if !value.is_null() && *value != 0 {
            let _ = writeln!(lines, "  {what:<14} {}", text(value));
        }
    };
    line("reason", &status["reason"]);
    line("attempts", &status["attempts"]);
    line("next try", &status["next_try"]);
    line("put back", &status["put_back"]);
    line("records", &status["records"]);
    line("bytes", &status["bytes"]);
    line("dropped", &status["dropped"]);
    line("dead letters", &status["dead_lettered"]);
    line("lag", &status["lag"]);
    line("committed", &status["committed"]);
    for waiting in status["waits"].as_array().into_iter().flatten() {
        line("waits", &format!("{}: {}", text(&waiting["component"]), text(&waiting["reason"])).into());
    }
    lines
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_its_end() {
        let to = |stream: &str| Ok(Move { stream: stream.to_owned(), partition: 3, position: 15 });
        assert_eq!("orders/3=15".parse(), to("orders"));
        assert_eq!("a=b/c/3=15".parse(), to("a=b/c"));
        assert!("orders=15".parse::<Move>().is_err());
    }
}
