//! What should run: the folder and the server's own pipelines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_engine::plan::{Plan, Planned, plan_beside};
use catchwater_engine::spec::{Located, Mistakes, is_yaml};
use catchwater_sdk::ResultExt;
use catchwater_sdk::config::{Environment, Problem, ProcessEnvironment};

use super::Server;
use super::shapes::Origin;
use crate::store::Store;
use crate::watch::{Looks, look};
use crate::wrong::Wrong;

/// What should run, and the files that it was read from.
pub(super) struct Intended {
    pub(super) plan: Plan,
    /// Pipelines of the server's own that cannot run, and why.
    pub(super) unsound: Vec<(Arc<Planned>, String)>,
    /// What is wrong with what stays as it was.
    pub(super) error: Option<String>,
    pub(super) files: Named,
    /// What it is counted as, unless something is put back.
    pub(super) outcome: &'static str,
}

/// How it is counted that what should run was made to.
const DONE: &str = "done";

/// The files that pipelines name, such as those of passwords and certificates, as they were before they were read.
pub(crate) type Named = Looks;

/// Texts of pipelines that the server keeps, or is about to, by file.
type Texts = BTreeMap<PathBuf, String>;

/// What somebody changes through the API.
#[derive(Default)]
pub(super) struct Edit {
    /// Documents to keep, by pipeline.
    pub(super) documents: BTreeMap<String, String>,
    /// Pipelines that go.
    pub(super) gone: Vec<String>,
}

/// Pipelines of the server's own whose texts cannot be planned as they are now.
#[derive(Default)]
struct Aside {
    /// Those that could be before.
    before: Vec<Arc<Planned>>,
    /// The others, and why.
    unsound: Vec<(Arc<Planned>, String)>,
    /// What is wrong with all of them.
    reports: Vec<String>,
}

impl Server {
    /// Reads all there is, and plans it. A mistake in the folder refuses everything. One in a pipeline that was made through the
    /// API is that pipeline's alone, which stays as it was: else it could stand in the way of its own deletion.
    pub(super) fn intend(&self) -> Result<Intended, Wrong> {
        let (environment, mut aside) = (Noting::default(), Aside::default());
        let mut texts = self.0.store.texts()?;
        let mut plan = loop {
            match self.plan_all(&texts, &aside, &environment) {
                Ok(plan) => break plan,
                Err(Wrong::Mistakes(mistakes)) if self.set_aside(&mistakes, &mut texts, &mut aside) => {}
                Err(wrong) => {
                    self.view().files.extend(environment.into_files());
                    return Err(wrong);
                }
            }
        };
        let Aside { before, unsound, reports } = aside;
        plan.pipelines.extend(before);
        let error = (!reports.is_empty()).then(|| reports.join("\n\n"));
        Ok(Intended { plan, unsound, error, files: environment.into_files(), outcome: DONE })
    }

    /// Plans a change through the API. Nothing else is read again: what is wrong with other pipelines is no reason to refuse it,
    /// and what has changed of them is a reload's affair.
    pub(super) fn intend_edit(&self, edit: &Edit) -> Result<Intended, Wrong> {
        let Intended { plan, unsound, error, mut files, outcome } = self.intended_but_for(edit);
        let outlines = unsound.iter().map(|(outline, _)| outline);
        let others: Vec<_> = plan.pipelines.iter().chain(outlines).map(Arc::clone).collect();
        let texts = edit.documents.iter().map(|(name, text)| (self.0.store.path(name), text.clone())).collect();
        let environment = Noting::default();
        let mut edited = self.plan_beside(&[], &texts, &others, &environment)?;
        edited.pipelines.extend(plan.pipelines);
        files.extend(environment.into_files());
        Ok(Intended { plan: edited, unsound, error, files, outcome })
    }

    /// What should run as it is known, without what an edit concerns.
    fn intended_but_for(&self, edit: &Edit) -> Intended {
        let view = self.view();
        let (mut pipelines, mut unsound) = (Vec::new(), Vec::new());
        for (_, shown) in view.pipelines.iter().filter(|(name, _)| !edit.concerns(name)) {
            let planned = Arc::clone(&shown.planned);
            match &shown.unsound {
                None => pipelines.push(planned),
                Some(reason) => unsound.push((planned, reason.clone())),
            }
        }
        let plan = Plan { pipelines, destinations: Vec::new() };
        Intended { plan, unsound, error: view.found.pipelines.clone(), files: view.files.clone(), outcome: DONE }
    }

    fn plan_all(&self, texts: &Texts, aside: &Aside, environment: &Noting) -> Result<Plan, Wrong> {
        let folder = &self.0.folder;
        let folders: Vec<_> = if holds_yaml(folder)? { vec![folder.clone()] } else { Vec::new() };
        let outlines = aside.unsound.iter().map(|(outline, _)| outline);
        let others: Vec<_> = aside.before.iter().chain(outlines).map(Arc::clone).collect();
        self.plan_beside(&folders, texts, &others, environment)
    }

    fn plan_beside(
        &self,
        folders: &[PathBuf],
        texts: &Texts,
        others: &[Arc<Planned>],
        environment: &Noting,
    ) -> Result<Plan, Wrong> {
        let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_path(), text.as_str())).collect();
        let planned = plan_beside(folders, &texts, &self.0.registry, environment, others);
        match &planned {
            Ok(plan) => plan.pipelines.iter().for_each(|planned| environment.note_all(planned.files())),
            Err(mistakes) => environment.note_all(mistakes.files()),
        }
        Ok(planned?)
    }

    /// Takes the texts out in which there are mistakes; answers whether there was any such.
    fn set_aside(&self, mistakes: &Mistakes, texts: &mut Texts, aside: &mut Aside) -> bool {
        let own = of_each(mistakes, texts);
        for (path, mistakes) in &own {
            let (name, text) = (self.0.store.name_of(path), texts.remove(path).unwrap_or_default());
            let reason = Mistakes::new(mistakes.clone()).to_string();
            aside.reports.push(reason.clone());
            match self.sound(&name) {
                Some(before) => aside.before.push(before),
                None => {
                    let outline = Planned::outline(path, &text, &name, &self.0.registry);
                    aside.unsound.push((Arc::new(outline), reason));
                }
            }
        }
        !own.is_empty()
    }

    /// A pipeline that could be planned when that was last tried.
    pub(super) fn sound(&self, name: &str) -> Option<Arc<Planned>> {
        let view = self.view();
        view.pipelines.get(name).filter(|shown| shown.unsound.is_none()).map(|shown| Arc::clone(&shown.planned))
    }
}

impl Edit {
    pub(super) fn concerns(&self, name: &str) -> bool {
        self.documents.contains_key(name) || self.gone.iter().any(|gone| gone == name)
    }
}

pub(super) fn origin(planned: &Planned, store: &Store) -> Origin {
    let file = planned.spec.place.file().path();
    if store.owns(file) { Origin::Api } else { Origin::File(file.to_owned()) }
}

/// The mistakes in texts of the server's own, by file.
fn of_each(mistakes: &Mistakes, texts: &Texts) -> BTreeMap<PathBuf, Vec<Located>> {
    let mut own: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for located in mistakes.list().iter().filter(|located| texts.contains_key(located.file.path())) {
        own.entry(located.file.path().to_owned()).or_default().push(located.clone());
    }
    own
}

/// A folder without a pipeline is a good one to begin with.
fn holds_yaml(folder: &Path) -> Result<bool, Wrong> {
    let entries = std::fs::read_dir(folder).or_refused(|| format!("read the folder {}", folder.display()))?;
    Ok(entries.flatten().any(|entry| is_yaml(&entry.path())))
}

/// The process's own environment; remembers which files were asked for.
#[derive(Default)]
struct Noting {
    files: RefCell<Named>,
}

impl Noting {
    fn note(&self, path: &Path) {
        self.files.borrow_mut().entry(path.to_owned()).or_insert_with_key(|path| look(path));
    }

    fn note_all<'a>(&self, paths: impl IntoIterator<Item = &'a PathBuf>) {
        paths.into_iter().for_each(|path| self.note(path));
    }

    fn into_files(self) -> Named {
        self.files.into_inner()
    }
}

impl Environment for Noting {
    fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        ProcessEnvironment.variable(name)
    }

    fn file(&self, path: &str) -> Result<String, Problem> {
        self.note(Path::new(path));
        ProcessEnvironment.file(path)
    }
}
