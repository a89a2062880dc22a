//! `/admin/loggers`: what is logged, while the server runs.
//!
//! A logger is a module that logs, such as `catchwater_engine::topology`; what is set of one holds for those within it, whatever
//! was set of them before. The log is the process's own, and so is what is remembered here.

use std::collections::{BTreeMap, BTreeSet};
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
/// So many can have a level of their own. (Invariant 9)
const LOGGERS_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 256;
const LEVELS: &[&str] = &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();
static LEVELS_NOW: Mutex<Levels> = Mutex::new(Levels(BTreeMap::new()));
/// Not within the levels: modules are also found while those are changed.
static MODULES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The level of a logger, and since when.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Level {
    level: String,
    /// In milliseconds since the epoch.
    last_modified: Option<i64>,
}

/// Those of loggers that have one of their own; the others have that of the one around them.
#[derive(Clone, Debug, Default)]
struct Levels(BTreeMap<String, Level>);

#[derive(Deserialize)]
struct Wish {
    level: Option<String>,
}

/// Whoever started the log says here with which directives it began, and how it is changed: by directives such as
/// `catchwater_engine=debug`, which come on top of those. Called once.
pub fn on_level_change(begun_with: &str, change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) {
    assert!(CHANGE.set(Box::new(change)).is_ok(), "the log is started once");
    *lock(&LEVELS_NOW) = begun(begun_with);
}

/// Whoever started the log says here which modules have something to say. Called for each of them at least once, also while
/// levels change.
pub fn on_logger(module: &'static str) {
    lock(&MODULES).insert(module);
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
    Json(lock(&LEVELS_NOW).all(&modules()))
}

async fn show(Path(logger): Path<String>) -> Result<Json<Level>, Failure> {
    lock(&LEVELS_NOW).all(&modules()).remove(&logger).map(Json).ok_or_else(|| unknown(&logger))
}

fn unknown(logger: &str) -> Failure {
    Failure::not_found(format!("Logger {logger} not found."))
}

/// Answers with the loggers that have another level now.
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
    let changed = change(&logger, level).map_err(Failure::bad_request)?;
    let for_cluster = parameters(query.as_deref()).any(|(name, text)| name == "scope" && text == "cluster");
    Ok(if for_cluster { StatusCode::NO_CONTENT.into_response() } else { Json(changed).into_response() })
}

fn change(logger: &str, level: String) -> Result<Vec<String>, String> {
    let modules = modules();
    let mut all = lock(&LEVELS_NOW);
    let (wanted, changed) = all.with(logger, level, SystemClock.now_micros() / 1000, &modules)?;
    if let Some(change) = CHANGE.get().filter(|_| !changed.is_empty()) {
        change(&wanted.directives()).map_err(|error| format!("log {logger} otherwise: {error}"))?;
    }
    *all = wanted;
    Ok(changed)
}

// === impl Levels ===

impl Levels {
    /// All loggers there are, each with its level and when that was set.
    fn all(&self, modules: &BTreeSet<&str>) -> BTreeMap<String, Level> {
        let named = modules.iter().copied().chain(self.0.keys().map(String::as_str));
        named.map(|logger| (logger.to_owned(), self.of(logger))).collect()
    }

    /// The level of the logger, or of the nearest one around it.
    fn of(&self, logger: &str) -> Level {
        let around = self.0.iter().filter(|(name, _)| holds(name, logger));
        let nearest = around.max_by_key(|(name, _)| if *name == ROOT { 0 } else { name.len() });
        nearest.map_or_else(|| Level { level: "OFF".to_owned(), last_modified: None }, |(_, level)| level.clone())
    }

    /// These with another level of a logger and of all within it, and the names of those for which it is another.
    fn with(
        &self,
        logger: &str,
        level: String,
        now: i64,
        modules: &BTreeSet<&str>,
    ) -> Result<(Levels, Vec<String>), String> {
        let mut wanted = self.clone();
        // It is there from now on, also where nothing else changes.
        wanted.0.entry(logger.to_owned()).or_insert_with(|| self.of(logger));
        if wanted.0.len() > LOGGERS_MAX {
            return Err(format!("{LOGGERS_MAX} loggers have a level of their own, and there can be no more"));
        }
        let within = wanted.all(modules).into_iter().filter(|(name, _)| holds(logger, name));
        let changed: Vec<_> = within.filter(|(_, before)| before.level != level).map(|(name, _)| name).collect();
        if !changed.is_empty() {
            let set = Level { level, last_modified: Some(now) };
            let of_its_own = wanted.0.iter_mut().filter(|(name, _)| holds(logger, name));
            of_its_own.for_each(|(_, level)| *level = set.clone());
        }
        Ok((wanted, changed))
    }

    /// What differs from what the log began with.
    fn directives(&self) -> String {
        let changed = self.0.iter().filter(|(_, level)| level.last_modified.is_some());
        changed.map(|(logger, level)| directive(logger, &level.level)).collect::<Vec<_>>().join(",")
    }
}

/// Whether a logger is within another, or is that: as the log's own filter sees it, by the beginning of its name.
fn holds(outer: &str, logger: &str) -> bool {
    outer == ROOT || logger.starts_with(outer)
}

/// In the words of the log's own filter, which has no `FATAL`.
fn directive(logger: &str, level: &str) -> String {
    let level = if level == "FATAL" { "error".to_owned() } else { level.to_lowercase() };
    if logger == ROOT { level } else { format!("{logger}={level}") }
}

/// What may be the name of a module, here or in Java. Anything else would be a directive of its own, or several.
fn is_module(logger: &str) -> bool {
    logger.len() <= NAME_BYTES_MAX && logger.chars().all(|c| c.is_ascii_alphanumeric() || "_:.-$".contains(c))
}

/// The levels of the directives that the log begins with. Those that look closer than at a module are no loggers.
fn begun(directives: &str) -> Levels {
    let unchanged = |level: LevelFilter| Level { level: level.to_string().to_uppercase(), last_modified: None };
    // Without a word about all modules those that are not named are silent, and without any word there are errors.
    let of_others = if directives.trim().is_empty() { LevelFilter::ERROR } else { LevelFilter::OFF };
    let mut all = BTreeMap::from([(ROOT.to_owned(), unchanged(of_others))]);
    for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (logger, level) = directive.split_once('=').unwrap_or(match directive.parse::<LevelFilter>() {
            Ok(_) => (ROOT, directive),
            Err(_) => (directive, "TRACE"),
        });
        let level = if level.is_empty() { "TRACE" } else { level };
        if let Ok(level) = level.parse()
            && is_module(logger)
        {
            all.insert(logger.to_owned(), unchanged(level));
        }
    }
    Levels(all)
}

fn modules() -> BTreeSet<&'static str> {
    lock(&MODULES).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            let levels = begun(directives).0;
            let levels: Vec<_> = levels.iter().map(|(logger, level)| (logger.as_str(), level.level.as_str())).collect();
            assert_eq!(levels, expected, "{directives}");
        };
        check("debug", &[("root", "DEBUG")]);
        check("info, catchwater_engine::topology=off", &[("catchwater_engine::topology", "OFF"), ("root", "INFO")]);
        check("a=warn,b,c=", &[("a", "WARN"), ("b", "TRACE"), ("c", "TRACE"), ("root", "OFF")]);
        check("warn,[span{x=1}]=debug", &[("root", "WARN")]);
        check("", &[("root", "ERROR")]);
    }

    #[test]
    fn a_level_holds_for_all_within_and_tells_which_have_another_now() {
        let modules = BTreeSet::from(["a::b", "a::c", "other"]);
        let mut levels = begun("info,a::c=debug");
        let mut check = |logger: &str, level: &str, expected: &[&str], directives: &str| {
            let (next, changed) = levels.with(logger, level.to_owned(), 7, &modules).expect("there is room");
            levels = next;
            assert_eq!(changed, expected, "{logger}");
            assert_eq!(levels.directives(), directives);
        };
        check("com.example.A", "INFO", &[], "");
        check("a", "DEBUG", &["a", "a::b"], "a=debug,a::c=debug");
        check("a::b", "WARN", &["a::b"], "a=debug,a::b=warn,a::c=debug");
        check("a", "ERROR", &["a", "a::b", "a::c"], "a=error,a::b=error,a::c=error");
        check(
            "root",
            "ERROR",
            &["com.example.A", "other", "root"],
            "a=error,a::b=error,a::c=error,com.example.A=error,error",
        );
    }

    #[test]
    fn all_loggers_have_the_level_of_the_nearest_around_them() {
        let all = begun("warn,a=debug").all(&BTreeSet::from(["a::b", "b"]));
        let all: Vec<_> = all.iter().map(|(logger, level)| format!("{logger} {}", level.level)).collect();
        assert_eq!(all, ["a DEBUG", "a::b DEBUG", "b WARN", "root WARN"]);
    }

    #[test]
    fn only_so_many_loggers_are_remembered() {
        let names =
            (0..LOGGERS_MAX).map(|number| (format!("l{number}"), Level { level: "INFO".into(), last_modified: None }));
        let full = Levels(names.collect());
        assert!(full.with("l7", "WARN".into(), 0, &BTreeSet::new()).is_ok());
        let said = full.with("another", "WARN".into(), 0, &BTreeSet::new()).expect_err("there is no room");
        assert!(said.contains("1000 loggers"), "{said}");
    }

    #[test]
    fn a_logger_is_a_module() {
        for logger in ["root", "catchwater_engine::topology", "com.example.A$B", "r2d2-pool"] {
            assert!(is_module(logger), "{logger}");
        }
        for logger in ["x=trace,y", "a b", "[span]", "x/y", "\u{e4}", &"a".repeat(257)] {
            assert!(!is_module(logger), "{logger}");
        }
    }
}
