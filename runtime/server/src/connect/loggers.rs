//! `/admin/loggers`: what is logged, while the server runs.
//!
//! A logger is a module, such as `catchwater_engine`; what is set of one holds for those within it. The log is the process's
//! own, and so is what is remembered here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use catchwater_sdk::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use super::failure::Failure;
use super::request::{Body, Path};
use crate::http::parameters;
use crate::server::Server;

/// The logger that all others are within.
const ROOT: &str = "root";
const LEVELS: &[&str] = &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();
static LEVELS_NOW: Mutex<BTreeMap<String, Level>> = Mutex::new(BTreeMap::new());

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

/// Whoever started the log says here with which directives it began, and how it is changed: by directives such as
/// `catchwater_engine=debug`, which come on top of those. Called once.
pub fn on_level_change(begun_with: &str, change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) {
    assert!(CHANGE.set(Box::new(change)).is_ok(), "the log is started once");
    *levels() = begun(begun_with);
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
    Json(levels().clone())
}

async fn show(Path(logger): Path<String>) -> Result<Json<Level>, Failure> {
    levels().get(&logger).cloned().map(Json).ok_or_else(|| unknown(&logger))
}

fn unknown(logger: &str) -> Failure {
    Failure::not_found(format!("Logger {logger} not found."))
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
    if !is_module(&logger) {
        return Err(unknown(&logger));
    }
    change(&logger, level).map_err(Failure::bad_request)?;
    let for_cluster = parameters(query.as_deref()).any(|(name, text)| name == "scope" && text == "cluster");
    Ok(if for_cluster { StatusCode::NO_CONTENT.into_response() } else { Json(vec![logger]).into_response() })
}

fn change(logger: &str, level: String) -> Result<(), String> {
    let mut all = levels();
    let mut wanted = all.clone();
    wanted.insert(logger.to_owned(), Level { level, last_modified: Some(SystemClock.now_micros() / 1000) });
    let changed = wanted.iter().filter(|(_, level)| level.last_modified.is_some());
    let directives: Vec<_> = changed.map(|(logger, level)| directive(logger, &level.level)).collect();
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

/// What may be the name of a module, here or in Java. Anything else would be a directive of its own, or several.
fn is_module(logger: &str) -> bool {
    logger.chars().all(|c| c.is_ascii_alphanumeric() || "_:.-$".contains(c))
}

/// The levels of the directives that the log begins with. Those that look closer than at a module are no loggers.
fn begun(directives: &str) -> BTreeMap<String, Level> {
    let unchanged = |level: LevelFilter| Level { level: level.to_string().to_uppercase(), last_modified: None };
    // Without a word about all modules those that are not named are silent, and without any word there are errors.
    let of_others = if directives.trim().is_empty() { LevelFilter::ERROR } else { LevelFilter::OFF };
    let mut all = BTreeMap::from([(ROOT.to_owned(), unchanged(of_others))]);
    for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (logger, level) = directive.split_once('=').unwrap_or(match directive.parse::<LevelFilter>() {
            Ok(_) => (ROOT, directive),
            Err(_) => (directive, "TRACE"),
        });
        if let Ok(level) = level.parse()
            && is_module(logger)
        {
            all.insert(logger.to_owned(), unchanged(level));
        }
    }
    all
}

fn levels() -> MutexGuard<'static, BTreeMap<String, Level>> {
    LEVELS_NOW.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_directives_of_the_log() {
        assert_eq!(directive(ROOT, "WARN"), "warn");
        assert_eq!(directive("catchwater_engine", "FATAL"), "catchwater_engine=error");
    }

    #[test]
    fn the_log_begins_as_its_directives_say() {
        let check = |directives: &str, expected: &[(&str, &str)]| {
            let levels = begun(directives);
            let levels: Vec<_> = levels.iter().map(|(logger, level)| (logger.as_str(), level.level.as_str())).collect();
            assert_eq!(levels, expected, "{directives}");
        };
        check("debug", &[("root", "DEBUG")]);
        check("info, catchwater_engine::topology=off", &[("catchwater_engine::topology", "OFF"), ("root", "INFO")]);
        check("a=warn,b", &[("a", "WARN"), ("b", "TRACE"), ("root", "OFF")]);
        check("warn,[span{x=1}]=debug", &[("root", "WARN")]);
        check("", &[("root", "ERROR")]);
    }

    #[test]
    fn a_logger_is_a_module() {
        for logger in ["root", "catchwater_engine::topology", "com.example.A$B", "r2d2-pool"] {
            assert!(is_module(logger), "{logger}");
        }
        for logger in ["x=trace,y", "a b", "[span]", "x/y", "\u{e4}"] {
            assert!(!is_module(logger), "{logger}");
        }
    }
}
