//! `/admin/loggers`: what is logged, while the server runs.
//!
//! A logger is a module, such as `catchwater_engine`; what is set of one holds for those within it. The log is the process's
//! own, and so is what is remembered here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use catchwater_sdk::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::request::Body;
use crate::http::parameters;
use crate::server::Server;

/// The logger that all others are within.
const ROOT: &str = "root";
const LEVELS: &[&str] = &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();
static CHANGED: Mutex<BTreeMap<String, Level>> = Mutex::new(BTreeMap::new());

/// The level of a logger, and since when.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Level {
    level: String,
    /// In milliseconds since the epoch.
    last_modified: Option<i64>,
}

#[derive(Deserialize)]
struct Wish {
    level: Option<String>,
}

/// Whoever started the log says here how it is changed: by directives such as `catchwater_engine=debug`, which come on top of
/// those that it began with. Called once.
pub fn on_level_change(change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) {
    assert!(CHANGE.set(Box::new(change)).is_ok(), "the log is started once");
}

pub(super) fn router() -> Router<Server> {
    let one = get(show).put(set);
    Router::new()
        .route("/admin/loggers", get(list))
        .route("/admin/loggers/", get(list))
        .route("/admin/loggers/{logger}", one.clone())
        .route("/admin/loggers/{logger}/", one)
}

async fn list() -> Json<BTreeMap<String, Level>> {
    let mut all = changed().clone();
    all.entry(ROOT.to_owned()).or_insert_with(unchanged);
    Json(all)
}

async fn show(Path(logger): Path<String>) -> Result<Json<Level>, Failure> {
    let level = changed().get(&logger).cloned();
    let level = level.or_else(|| (logger == ROOT).then(unchanged));
    level.map(Json).ok_or_else(|| Failure::not_found(format!("Logger {logger} not found.")))
}

async fn set(
    Path(logger): Path<String>,
    RawQuery(query): RawQuery,
    Body(wish): Body<Wish>,
) -> Result<Response, Failure> {
    let missing = || Failure::bad_request("Desired 'level' parameter was not specified in request.");
    let wished = wish.level.ok_or_else(missing)?;
    let level = wished.to_uppercase();
    if !LEVELS.contains(&level.as_str()) {
        return Err(Failure::not_found(format!("invalid log level '{wished}'.")));
    }
    change(&logger, level).map_err(Failure::bad_request)?;
    let for_cluster = parameters(query.as_deref()).any(|(name, text)| name == "scope" && text == "cluster");
    Ok(if for_cluster { StatusCode::NO_CONTENT.into_response() } else { Json(vec![logger]).into_response() })
}

fn change(logger: &str, level: String) -> Result<(), String> {
    let mut all = changed();
    let mut wanted = all.clone();
    wanted.insert(logger.to_owned(), Level { level, last_modified: Some(SystemClock.now_micros() / 1000) });
    let directives: Vec<_> = wanted.iter().map(|(logger, level)| directive(logger, &level.level)).collect();
    if let Some(change) = CHANGE.get() {
        change(&directives.join(",")).map_err(|error| format!("log {logger} otherwise: {error}"))?;
    }
    *all = wanted;
    Ok(())
}

/// In the words of the log's own filter, which has no `FATAL`.
fn directive(logger: &str, level: &str) -> String {
    let level = if level == "FATAL" { "error".to_owned() } else { level.to_lowercase() };
    if logger == ROOT { level } else { format!("{logger}={level}") }
}

fn unchanged() -> Level {
    Level { level: "INFO".to_owned(), last_modified: None }
}

fn changed() -> MutexGuard<'static, BTreeMap<String, Level>> {
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_directives_of_the_log() {
        assert_eq!(directive(ROOT, "WARN"), "warn");
        assert_eq!(directive("catchwater_engine", "FATAL"), "catchwater_engine=error");
    }
}
