//! A pipeline as it is told to others.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_engine::plan::Planned;
use catchwater_engine::status::{Condition, State, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::Shown;
use crate::wrong::Wrong;

/// Whether somebody wants a pipeline to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// It should.
    #[default]
    Running,
    /// Not for now: it goes on where it was.
    Paused,
    /// The same of one that was stopped before, or has never run: as a connector it has no tasks before it is resumed. It is
    /// told as paused.
    #[schemars(skip)]
    PausedAtRest,
    /// Not until it is resumed; its offsets can be changed meanwhile.
    Stopped,
}

impl Wanted {
    /// The same, where `before` was wanted so far.
    pub(super) fn after(self, before: Wanted) -> Wanted {
        match self {
            Wanted::Paused if !before.has_tasks() => Wanted::PausedAtRest,
            _ => self,
        }
    }

    /// Whether a connector has tasks: they are made when it runs, and gone when it is stopped.
    pub(crate) fn has_tasks(self) -> bool {
        matches!(self, Wanted::Running | Wanted::Paused)
    }

    /// As others are told.
    pub(crate) fn told(self) -> Wanted {
        if self == Wanted::PausedAtRest { Wanted::Paused } else { self }
    }
}

impl FromStr for Wanted {
    type Err = Wrong;

    fn from_str(word: &str) -> Result<Wanted, Wrong> {
        match word {
            "running" => Ok(Wanted::Running),
            "paused" => Ok(Wanted::Paused),
            "stopped" => Ok(Wanted::Stopped),
            _ => Err(Wrong::Malformed(format!("`{word}` is none of running, paused, stopped"))),
        }
    }
}

/// Where a pipeline comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of the folder.
    File(PathBuf),
    /// The API; the server keeps it.
    Api,
}

/// A pipeline as it is now.
#[derive(Clone, Debug)]
pub struct Described {
    /// What should run.
    pub planned: Arc<Planned>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it should run.
    pub wanted: Wanted,
    /// Whether it does, and if not, why.
    pub condition: Condition,
    /// Its numbers, which go on while this is looked at.
    pub status: Arc<Status>,
    /// Why its last change was put back.
    pub put_back: Option<String>,
}

impl Described {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.planned.spec.name
    }

    /// One word for how it is: `paused` and `stopped` are wishes that were fulfilled.
    pub fn state(&self) -> &'static str {
        match (self.condition.state, self.wanted) {
            (State::Stopped | State::Ended, Wanted::Paused | Wanted::PausedAtRest) => "paused",
            (State::Stopped | State::Ended, Wanted::Stopped) => "stopped",
            (state, _) => state.word(),
        }
    }

    /// Records read since the server has known it.
    pub fn records(&self) -> u64 {
        self.status.read.load(Relaxed)
    }
}

pub(super) fn described(shown: &Shown) -> Described {
    let state = if shown.wanted == Wanted::Running { State::Failed } else { State::Stopped };
    let unsound = shown.unsound.clone();
    let unsound = unsound.map(|reason| Condition { state, reason: Some(reason), ..Condition::default() });
    Described {
        planned: Arc::clone(&shown.planned),
        origin: shown.origin.clone(),
        wanted: shown.wanted,
        condition: unsound.unwrap_or_else(|| shown.status.condition()),
        status: Arc::clone(&shown.status),
        put_back: shown.put_back.as_ref().map(|put_back| put_back.reason.clone()),
    }
}
