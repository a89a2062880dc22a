//! What should run: the folder and the server's own pipelines, planned together.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use catchwater_engine::plan::{Plan, Planned, plan_beside};
use catchwater_engine::spec::is_yaml;
use catchwater_sdk::config::{Environment, Problem, ProcessEnvironment};
use catchwater_sdk::{Registry, ResultExt};

use super::shapes::Origin;
use crate::store::Store;
use crate::wrong::Wrong;

/// What should run, and the files that it was read from.
pub(super) struct Intended {
    pub(super) plan: Plan,
    /// The files that pipelines name, such as those of passwords and certificates.
    pub(super) files: BTreeSet<PathBuf>,
}

/// Texts of pipelines that the server keeps, or is about to, by file.
pub(super) type Texts = BTreeMap<PathBuf, String>;

/// Reads the folder, and plans everything in it together with `texts`.
pub(super) fn intend(folder: &Path, texts: &Texts, registry: &Registry) -> Result<Intended, Wrong> {
    let environment = Noting::default();
    let folders: Vec<_> = if holds_yaml(folder)? { vec![folder.to_owned()] } else { Vec::new() };
    let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_path(), text.as_str())).collect();
    let plan = plan_beside(&folders, &texts, registry, &environment)?;
    let mut files = environment.files.into_inner();
    files.extend(plan.pipelines.iter().flat_map(|planned| planned.files().cloned()));
    Ok(Intended { plan, files })
}

pub(super) fn origin(planned: &Planned, store: &Store) -> Origin {
    let file = planned.spec.place.file().path();
    if store.owns(file) { Origin::Api } else { Origin::File(file.to_owned()) }
}

/// A folder without a pipeline is a good one to begin with.
fn holds_yaml(folder: &Path) -> Result<bool, Wrong> {
    let entries = std::fs::read_dir(folder).or_refused(|| format!("read the folder {}", folder.display()))?;
    Ok(entries.flatten().any(|entry| is_yaml(&entry.path())))
}

/// The process's own environment; remembers which files were asked for.
#[derive(Default)]
struct Noting {
    files: RefCell<BTreeSet<PathBuf>>,
}

impl Environment for Noting {
    fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        ProcessEnvironment.variable(name)
    }

    fn file(&self, path: &str) -> Result<String, Problem> {
        self.files.borrow_mut().insert(PathBuf::from(path));
        ProcessEnvironment.file(path)
    }
}
