//! `catchwater lake`: what is there, and whether it is whole.

mod info;
mod verify;

use std::process::ExitCode;

use catchwater_lake::care::{Overview, files, overview};
use catchwater_lake::read::Lake;
use catchwater_sdk::{Registry, Result};
use clap::Subcommand;
use indicatif::HumanBytes;
use serde_json::json;

use crate::columns::{Align, columns};
use crate::options::{LakeOption, finish};
use crate::output::{complain, say};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum What {
    /// List the collections: rows, size, files, times of the first and the last event, version.
    Ls {
        /// Only this collection.
        collection: Option<String>,
        /// List the files that count instead, a path on each line, for readers that do not know the table's log.
        #[arg(long)]
        files: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: LakeOption,
    },
    /// Tell what a collection is made of: columns, positions, dates, small files, schema history.
    Info {
        /// The collection.
        collection: String,
        /// List the files that count instead, as `lake ls --files` does.
        #[arg(long)]
        files: bool,
        /// Also read the footer of every file, and tell which positions no file has.
        #[arg(long, conflicts_with = "files")]
        gaps: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: LakeOption,
    },
    /// Read everything and name what is missing or damaged; changes nothing.
    ///
    /// Exits 0 when all is whole, 1 when something is missing or damaged, 2 when it could not be checked.
    Verify {
        /// Only this collection.
        collection: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: LakeOption,
    },
}

pub(crate) fn lake(what: What, registry: &Registry) -> ExitCode {
    match what {
        What::Ls { collection, files: true, json, place } => {
            finish(1, async { list_files(&place.open(registry)?, collection.as_deref(), json).await })
        }
        What::Ls { collection, json, place, .. } => {
            finish(1, async { list(&place.open(registry)?, collection.as_deref(), json).await })
        }
        What::Info { collection, files: true, json, place, .. } => {
            finish(1, async { list_files(&place.open(registry)?, Some(&collection), json).await })
        }
        What::Info { collection, gaps, json, place, .. } => {
            finish(1, async { info::info(&place.open(registry)?, &collection, gaps, json).await })
        }
        What::Verify { collection, json, place } => {
            finish(2, async { verify::verify(&place.open(registry)?, collection.as_deref(), json).await })
        }
    }
}

/// The collections that are meant: the one that was named, or all.
async fn chosen(lake: &Lake, collection: Option<&str>) -> Result<Vec<catchwater_lake::read::Collection>> {
    match collection {
        Some(name) => Ok(vec![lake.collection(name).await?]),
        None => {
            let mut all = Vec::new();
            for name in lake.collections().await? {
                all.push(lake.collection(&name).await?);
            }
            Ok(all)
        }
    }
}

/// A lake without collections is no mistake, and worth a word.
fn say_empty(lake: &Lake) {
    complain(&format!(
        "no collections in {} yet: a pipeline with a `lake` sink makes them at its first commit",
        lake.url()
    ));
}

/// Exits 1 when a collection cannot be read; the others are listed all the same.
async fn list(lake: &Lake, collection: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let collections = chosen(lake, collection).await?;
    let overviews = overview(&collections).await?;
    if as_json {
        say(&format!("{:#}\n", json!(overviews)));
    } else if overviews.is_empty() {
        say_empty(lake);
    } else {
        let header = ["COLLECTION", "ROWS", "SIZE", "FILES", "FIRST EVENT", "LAST EVENT", "VERSION"];
        let rows = overviews.iter().filter(|overview| overview.error.is_none()).map(row);
        use Align::{Left, Right};
        say(&columns(&header, &[Left, Right, Right, Right, Left, Left, Right], rows));
    }
    let broken: Vec<_> = overviews.iter().filter_map(|overview| overview.error.as_ref()).collect();
    broken.iter().for_each(|error| complain(error));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(overview: &Overview) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        overview.collection.clone(),
        or_dash(overview.rows.map(|rows| rows.to_string())),
        HumanBytes(overview.bytes).to_string(),
        overview.files.to_string(),
        or_dash(overview.first_event.clone().map(seconds)),
        or_dash(overview.last_event.clone().map(seconds)),
        or_dash(overview.version.map(|version| version.to_string())),
    ]
}

/// A time without what is below seconds.
fn seconds(time: String) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time,
    }
}

async fn list_files(lake: &Lake, collection: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let mut paths = Vec::new();
    for collection in chosen(lake, collection).await? {
        paths.extend(files(&collection.snapshot().await?));
    }
    match as_json {
        true => say(&format!("{:#}\n", json!(paths))),
        false => say(&paths.iter().map(|path| format!("{path}\n")).collect::<String>()),
    }
    Ok(ExitCode::SUCCESS)
}
