//! What should run: the folder and the server's own pipelines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_engine::plan::{Plan, Planned, plan_beside};
use catchwater_engine::spec::{Located, Mistakes, pipelines_in};
use catchwater_sdk::ResultExt;
use catchwater_sdk::config::{Environment, Problem, ProcessEnvironment};

use super::shapes::Origin;
use super::{Reload, Server};
use crate::store::Store;
use crate::watch::{Looks, look};
use crate::wrong::Wrong;

/// What should run, and the files that it was read from.
pub(super) struct Intended {
    pub(super) plan: Plan,
    /// Pipelines of the server's own that cannot run, and why.
    pub(super) unsound: Vec<(Arc<Planned>, String)>,
    /// What is wrong with what is left out, or stays as it was.
    pub(super) error: Option<String>,
    pub(super) files: Named,
    /// What it is counted as, unless something is put back.
    pub(super) outcome: &'static str,
}

/// How it is counted that what should run was made to.
const DONE: &str = "done";
/// How it is counted that not all was, for a mistake.
pub(super) const REFUSED: &str = "refused";

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

/// All there is to plan, and what is set aside since it cannot be.
struct Given {
    /// Those of the folder.
    files: Vec<PathBuf>,
    texts: Texts,
    /// Pipelines of the server's own whose texts cannot be planned as they are now, but could be before.
    before: Vec<Arc<Planned>>,
    /// The others of those, and why.
    unsound: Vec<(Arc<Planned>, String)>,
    /// What is wrong with what is set aside.
    reports: Vec<String>,
    /// Whether files are.
    is_short: bool,
}

impl Server {
    /// Reads all there is, and plans it. A mistake in the folder refuses everything; but at the start, where nothing runs that
    /// could run on, it is a matter of its file alone. One in a pipeline that was made through the API is that pipeline's alone,
    /// which stays as it was: else it could stand in the way of its own deletion.
    pub(super) fn intend(&self, why: Reload) -> Result<Intended, Wrong> {
        let (environment, mut given) = (Noting::default(), self.given()?);
        let mut plan = loop {
            match self.plan_all(&given, &environment) {
                Ok(plan) => break plan,
                Err(Wrong::Mistakes(mistakes)) if self.set_texts_aside(&mistakes, &mut given) => {}
                Err(Wrong::Mistakes(mistakes))
                    if why == Reload::Start && self.set_files_aside(&mistakes, &mut given, &environment) => {}
                Err(wrong) => {
                    self.view().files.extend(environment.into_files());
                    return Err(wrong);
                }
            }
        };
        let Given { before, unsound, reports, is_short, .. } = given;
        plan.pipelines.extend(before);
        let error = (!reports.is_empty()).then(|| reports.join("\n\n"));
        let outcome = if is_short { REFUSED } else { DONE };
        Ok(Intended { plan, unsound, error, files: environment.into_files(), outcome })
    }

    /// A folder without a pipeline is a good one to begin with.
    fn given(&self) -> Result<Given, Wrong> {
        let folder = &self.0.folder;
        let files = pipelines_in(folder).or_refused(|| format!("read the folder {}", folder.display()))?;
        let texts = self.0.store.texts()?;
        Ok(Given { files, texts, before: Vec::new(), unsound: Vec::new(), reports: Vec::new(), is_short: false })
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

    fn plan_all(&self, given: &Given, environment: &Noting) -> Result<Plan, Wrong> {
        let outlines = given.unsound.iter().map(|(outline, _)| outline);
        let others: Vec<_> = given.before.iter().chain(outlines).map(Arc::clone).collect();
        self.plan_beside(&given.files, &given.texts, &others, environment)
    }

    fn plan_beside(
        &self,
        files: &[PathBuf],
        texts: &Texts,
        others: &[Arc<Planned>],
        environment: &Noting,
    ) -> Result<Plan, Wrong> {
        let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_path(), text.as_str())).collect();
        let planned = plan_beside(files, &texts, &self.0.registry, environment, others);
        match &planned {
            Ok(plan) => plan.pipelines.iter().for_each(|planned| environment.note_all(planned.files())),
            Err(mistakes) => environment.note_all(mistakes.files()),
        }
        Ok(planned?)
    }

    /// Takes the texts out in which there are mistakes; answers whether there was any such.
    fn set_texts_aside(&self, mistakes: &Mistakes, given: &mut Given) -> bool {
        let own = of_each(mistakes, &given.texts);
        for (path, mistakes) in &own {
            let (name, text) = (self.0.store.name_of(path), given.texts.remove(path).unwrap_or_default());
            let reason = Mistakes::new(mistakes.clone()).to_string();
            given.reports.push(reason.clone());
            match self.sound(&name) {
                Some(before) => given.before.push(before),
                None => {
                    let outline = Planned::outline(path, &text, &name, &self.0.registry);
                    given.unsound.push((Arc::new(outline), reason));
                }
            }
        }
        !own.is_empty()
    }

    /// Takes the files out in which there are mistakes; answers whether there was any such. Where two say what only one may, such
    /// as a name, the mistake is that of the later one. Nobody knows which is meant, and the wrong one could move the other's
    /// offsets: so they are read the other way round as well, and both go.
    fn set_files_aside(&self, mistakes: &Mistakes, given: &mut Given, environment: &Noting) -> bool {
        given.files.reverse();
        let reversed = self.plan_all(given, environment);
        given.files.reverse();
        let mut list = mistakes.all().to_vec();
        if let Err(Wrong::Mistakes(reversed)) = reversed {
            let is_new = |located: &&Located| !is_among(mistakes.all(), located.file.path());
            list.extend(reversed.all().iter().filter(is_new).cloned());
        }
        list.sort_by(|one, other| one.file.path().cmp(other.file.path()));
        let (report, before) = (Mistakes::new(list), given.files.len());
        given.files.retain(|file| !is_among(report.all(), file));
        given.reports.push(report.to_string());
        given.is_short = true;
        given.files.len() < before
    }

    /// A pipeline that could be planned when that was last tried.
    pub(super) fn sound(&self, name: &str) -> Option<Arc<Planned>> {
        let view = self.view();
        view.pipelines.get(name).filter(|shown| shown.unsound.is_none()).map(|shown| Arc::clone(&shown.planned))
    }
}

impl Edit {
    /// The pipelines that it concerns.
    pub(super) fn names(&self) -> Vec<&str> {
        self.documents.keys().chain(&self.gone).map(String::as_str).collect()
    }

    /// What is planned of them.
    pub(super) fn own<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Arc<Planned>> {
        plan.pipelines.iter().filter(|planned| self.documents.contains_key(&planned.spec.name))
    }

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
    for located in mistakes.all().iter().filter(|located| texts.contains_key(located.file.path())) {
        own.entry(located.file.path().to_owned()).or_default().push(located.clone());
    }
    own
}

fn is_among(mistakes: &[Located], file: &Path) -> bool {
    mistakes.iter().any(|located| located.file.path() == file)
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
