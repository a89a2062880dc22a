//! `catchwater sql`.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catchwater_lake::read::Lake;
use catchwater_sdk::config::Size;
use catchwater_sdk::{Error, ErrorKind, Registry, Result, ResultExt};
use catchwater_sql::{Answer, Form, Limits, Sql, Written};
use clap::ValueEnum;

use crate::options::{LakeOption, finish};
use crate::output::note;

/// What to ask, of what, and how to write the answer.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The query. Collections are tables; names are taken as they are written, those with other signs than letters, digits and
    /// `_` in double quotes: `select count(*) from "dead-letters"`.
    query: String,
    #[command(flatten)]
    place: LakeOption,
    /// How to write the answer. Default: by the ending of --output, else a table.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Print a JSON object on each line, as `--format json` does.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the answer into this file: .json, .ndjson, .jsonl, .csv or .parquet. It is there once it is whole, in place of
    /// one of that name.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The memory budget for sorting, grouping and joining; what does not fit is spilled.
    #[arg(long, env = "CATCHWATER_MEMORY", default_value = "256MiB", value_name = "SIZE")]
    memory: Size,
    /// The folder to spill to. Default: the system's for temporary files.
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// How much may be spilled.
    #[arg(long, default_value = "10GiB", value_name = "SIZE")]
    spill_max: Size,
}

/// A form of answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Parquet,
}

/// Exits 0 with the answer, 1 when there is none.
pub(crate) fn sql(arguments: &Arguments, registry: &Registry) -> ExitCode {
    finish(1, async {
        let form = arguments.form()?;
        answer(arguments, arguments.place.open(registry)?, form).await
    })
}

async fn answer(arguments: &Arguments, lake: Lake, form: Form) -> Result<ExitCode> {
    let sql = Sql::open(lake, arguments.limits()).await?;
    let mut answer = sql.query(&arguments.query).await?;
    let written = match &arguments.output {
        Some(path) => write_file(&mut answer, form, path).await?,
        None => match form.write(&mut answer, BufWriter::new(io::stdout())).await {
            Err(error) if error.kind() == ErrorKind::Ended => return Ok(ExitCode::SUCCESS),
            written => written?,
        },
    };
    if written.has_more {
        note(&format!("the first {} rows; all of them with --json or --output", written.rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// Beside its name first: a query that fails leaves nothing half, and what was there stays.
async fn write_file(answer: &mut Answer, form: Form, path: &Path) -> Result<Written> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.part", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let doing = || format!("write {}", path.display());
    let file = File::create(&unfinished).or_refused(doing)?;
    let done = match form.write(answer, BufWriter::new(file)).await {
        Ok(written) => fs::rename(&unfinished, path).or_refused(doing).map(|()| written),
        Err(error) => Err(error),
    };
    if done.is_err() {
        let _ = fs::remove_file(&unfinished); // the error that there is says more
    }
    done
}

// === impl Arguments ===

impl Arguments {
    fn limits(&self) -> Limits {
        let memory_bytes = usize::try_from(self.memory.bytes()).unwrap_or(usize::MAX);
        Limits { memory_bytes, spill: self.spill.clone(), spill_bytes_max: self.spill_max.bytes() }
    }

    fn form(&self) -> Result<Form> {
        let asked = if self.json { Some(Format::Json) } else { self.format };
        match (asked, &self.output) {
            (Some(Format::Table), _) | (None, None) => Ok(Form::Table),
            (Some(Format::Json), _) => Ok(Form::Json),
            (Some(Format::Csv), _) => Ok(Form::Csv),
            (Some(Format::Parquet), Some(_)) => Ok(Form::Parquet),
            (Some(Format::Parquet), None) => {
                Err(Error::refused("write Parquet to the standard output: name a file with --output"))
            }
            (None, Some(path)) => by_ending(path),
        }
    }
}

fn by_ending(path: &Path) -> Result<Form> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json" | "ndjson" | "jsonl") => Ok(Form::Json),
        Some("csv") => Ok(Form::Csv),
        Some("parquet") => Ok(Form::Parquet),
        _ => Err(Error::refused(format!(
            "tell the format of {} by its ending: end it in .json, .ndjson, .jsonl, .csv or .parquet, or say --format",
            path.display()
        ))),
    }
}
