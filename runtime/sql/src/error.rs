//! What went wrong, in the words of whoever typed the query.

use arrow::error::ArrowError;
use catchwater_lake::care::Finding;
use catchwater_sdk::{Error, nearest};
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

use crate::Limits;

/// Names that are listed at most.
const SHOWN_MAX: usize = 20;

/// Before the first row.
pub(crate) fn not_planned(error: DataFusionError, collections: &[String]) -> Error {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match &**schema {
            SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
            other => Error::refused(format!("understand the query: {other}")),
        },
        DataFusionError::SQL(parse, _) => Error::refused(format!("understand the query: {parse}")),
        DataFusionError::External(cause) => lake_error(cause.as_ref()),
        other => {
            let text = first_line(other);
            match unknown_table(&text) {
                Some(table) => no_collection(table, collections),
                None => Error::refused(planned(&text)),
            }
        }
    }
}

/// Later.
pub(crate) fn failed(error: DataFusionError, limits: &Limits) -> Error {
    match error.find_root() {
        DataFusionError::External(cause) if cause.is::<Error>() => lake_error(cause.as_ref()),
        DataFusionError::ResourcesExhausted(why) => too_small(limits, why),
        // It comes as an error of input and output.
        other if first_line(other).contains("during the spilling process") => {
            too_small(limits, "no more may be spilled")
        }
        _ if is_of_a_file(&error) => Error::refused(
            "read the files of the lake; `catchwater lake verify` names those that are missing or damaged",
        )
        .because(first_line(&error)),
        _ => Error::refused(format!("answer the query: {}", first_line(&error))),
    }
}

/// Whether a file could not be read, or not be decoded.
pub(crate) fn is_of_a_file(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => true,
        DataFusionError::ArrowError(error, _) => matches!(**error, ArrowError::ParquetError(_)),
        _ => first_line(error).starts_with("Parquet"),
    }
}

/// A file that is damaged, and what to do.
pub(crate) fn damaged(collection: &str, damage: &Finding) -> Error {
    let Finding { place, what, advice, .. } = damage;
    Error::refused(format!(
        "read {place} of collection `{collection}`: {what}; {advice}; `catchwater lake verify {collection}` tells whether \
         there is more"
    ))
}

fn too_small(limits: &Limits, why: &str) -> Error {
    Error::refused(format!(
        "answer the query within --memory {} and --spill-max {}: give it more, or ask for fewer rows or columns",
        shown(limits.memory_bytes as u64),
        shown(limits.spill_bytes_max)
    ))
    .because(why.to_owned())
}

fn shown(bytes: u64) -> String {
    const MEBIBYTE: u64 = 1 << 20;
    match bytes % MEBIBYTE {
        0 => format!("{}MiB", bytes / MEBIBYTE),
        _ => format!("{bytes}B"),
    }
}

/// What DataFusion says, without where in its source.
fn first_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    ["Error during planning: ", "Execution error: ", "Arrow error: "]
        .iter()
        .fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text))
        .to_owned()
}

fn planned(text: &str) -> String {
    let refused = ["DDL not supported", "DML not supported", "Statement not supported"];
    match refused.iter().any(|prefix| text.starts_with(prefix)) {
        true => "answer this statement: only queries are answered, nothing here changes a lake".to_owned(),
        false => format!("understand the query: {text}"),
    }
}

/// The errors of the lake say what, where, and what to do.
fn lake_error(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    match cause.downcast_ref::<Error>() {
        Some(error) => Error::new(error.kind(), error.chain()),
        None => Error::refused(format!("answer the query: {cause}")),
    }
}

/// Of `table 'lake.lake.ordrs' not found`.
fn unknown_table(text: &str) -> Option<&str> {
    let name = text.strip_prefix("table '")?.strip_suffix("' not found")?;
    Some(name.strip_prefix("lake.lake.").unwrap_or(name))
}

fn no_collection(name: &str, collections: &[String]) -> Error {
    let names: Vec<&str> = collections.iter().map(String::as_str).collect();
    let has = match names.is_empty() {
        true => "the lake has none yet".to_owned(),
        false => format!("it has {}", listed(&names)),
    };
    Error::refused(format!("understand the query: there is no collection `{name}`; {}{has}", meant(name, &names)))
}

fn no_column(field: &Column, valid: &[Column]) -> Error {
    let mut names: Vec<&str> = valid.iter().map(Column::name).collect();
    // Those of the payload first: they are what is asked for.
    names.sort_by_key(|name| name.starts_with('_'));
    names.dedup();
    let name = field.name();
    let near = meant(name, &names);
    Error::refused(format!("understand the query: there is no column `{name}`; {near}there are {}", listed(&names)))
}

fn meant(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {}? ", quoted(near)),
        None => String::new(),
    }
}

/// A name as a query has to write it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("`{name}`"),
        false => format!("`\"{}\"`", name.replace('"', "\"\"")),
    }
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
