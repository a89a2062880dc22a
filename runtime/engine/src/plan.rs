//! What should run: specs whose components were all built once, which proves them sound and touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::claim::{Claim, Claims};
use catchwater_sdk::config::{Environment, Mistake};
use catchwater_sdk::files::Files;
use catchwater_sdk::format::Format;
use catchwater_sdk::ready::Ready;
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Context, Registry};

use crate::claims::Claimed;
use crate::spec::{self, Component, Destination, Documents, Located, Mistakes, Pipeline, Sink, When};

/// Pipelines that can run.
#[derive(Debug)]
pub struct Plan {
    /// In the order of their files.
    pub pipelines: Vec<Arc<Planned>>,
    /// What replays can be sent to; nothing of them runs.
    pub destinations: Vec<Destination>,
}

/// A pipeline that can run.
#[derive(Debug)]
pub struct Planned {
    /// What was asked for.
    pub spec: Pipeline,
    /// How many copies run.
    pub tasks: u16,
    /// How payloads are understood.
    pub format: Arc<dyn Format>,
    /// What its source is like.
    pub source: SourceTraits,
    /// What its components are made of besides their settings, by their names.
    files: BTreeMap<String, Contents>,
    /// What its components claim, by their names.
    claims: BTreeMap<String, Vec<Claim>>,
    /// What its components left for those that run.
    pub(crate) ready: Ready,
}

/// The files that a component reads, each with a number for what stood in it; none for one that could not be read.
type Contents = BTreeMap<PathBuf, Option<u64>>;

/// Reads files and folders and plans all pipelines in them; every mistake of every file otherwise. (Invariant 6)
pub fn plan(paths: &[PathBuf], registry: &Registry) -> Result<Plan, Mistakes> {
    plan_documents(spec::load_documents(paths, registry)?, registry, &[])
}

/// The same with the pipelines' tests, also those in files beside theirs.
pub fn plan_tested(paths: &[PathBuf], registry: &Registry) -> Result<Plan, Mistakes> {
    plan_documents(spec::load_tested(paths, registry)?, registry, &[])
}

/// The same of files that are in memory: the name that messages show, and the text.
pub fn plan_texts(files: &[(&Path, &str)], registry: &Registry) -> Result<Plan, Mistakes> {
    plan_documents(spec::load_texts(files, registry)?, registry, &[])
}

/// The same of files in memory and on disk together, with the values from outside that `environment` knows, beside `others`:
/// those are not looked at again, and what they are called and claim is taken.
pub fn plan_beside(
    paths: &[PathBuf],
    texts: &[(&Path, &str)],
    registry: &Registry,
    environment: &dyn Environment,
    others: &[Arc<Planned>],
) -> Result<Plan, Mistakes> {
    let named: Vec<_> = others.iter().map(|other| &other.spec).collect();
    plan_documents(spec::load_beside(paths, texts, registry, environment, &named)?, registry, others)
}

fn plan_documents(documents: Documents, registry: &Registry, others: &[Arc<Planned>]) -> Result<Plan, Mistakes> {
    let Documents { pipelines, destinations } = documents;
    let mistakes = destinations.iter().flat_map(|destination| check_destination(destination, registry)).collect();
    Ok(Plan { destinations, ..plan_specs(pipelines, mistakes, registry, others)? })
}

/// Plans pipelines that were read already.
pub fn plan_pipelines(specs: Vec<Pipeline>, registry: &Registry) -> Result<Plan, Mistakes> {
    plan_specs(specs, Vec::new(), registry, &[])
}

/// Builds what a destination names, which touches nothing, and names every mistake.
pub fn check_destination(destination: &Destination, registry: &Registry) -> Vec<Located> {
    let Sink { component: sink, transforms, .. } = &destination.sink;
    let context = Context::unattached(&destination.name, PathBuf::new());
    let mut mistakes: Vec<_> = transforms
        .iter()
        .filter_map(|transform| {
            let built = registry.build_transform(&transform.type_name, &transform.node, &context);
            built.err().map(|mistake| transform.place.located(mistake))
        })
        .collect();
    let built = registry.build_sink(&sink.type_name, &sink.node, &context);
    mistakes.extend(built.err().map(|mistake| sink.place.located(mistake)));
    mistakes
}

fn plan_specs(
    specs: Vec<Pipeline>,
    mut mistakes: Vec<Located>,
    registry: &Registry,
    others: &[Arc<Planned>],
) -> Result<Plan, Mistakes> {
    let (mut pipelines, mut files, mut claimed) = (Vec::new(), BTreeSet::new(), Claimed::default());
    others.iter().for_each(|other| other.claim_again(&mut claimed));
    for spec in specs {
        match plan_pipeline(spec, registry, &mut claimed) {
            Ok(planned) => pipelines.push(Arc::new(planned)),
            Err((found, read)) => {
                mistakes.extend(found);
                files.extend(read);
            }
        }
    }
    match mistakes.is_empty() {
        true => Ok(Plan { pipelines, destinations: Vec::new() }),
        false => {
            files.extend(pipelines.iter().flat_map(|planned| planned.files().cloned()));
            Err(Mistakes::new(mistakes).in_view_of(files))
        }
    }
}

/// Mistakes come with the files that were read before they were found.
fn plan_pipeline(
    spec: Pipeline,
    registry: &Registry,
    claimed: &mut Claimed,
) -> Result<Planned, (Vec<Located>, BTreeSet<PathBuf>)> {
    let (mut mistakes, mut claiming) = (Vec::new(), BTreeMap::new());
    let mut contents: BTreeMap<String, Contents> = BTreeMap::new();
    let (claims, files, ready) = (Claims::default(), Files::default(), Ready::default());
    let mut note = |component: &Component, result: Result<(), Mistake>| {
        mistakes.extend(result.err().map(|mistake| component.place.located(mistake)));
        let contents_of = |(path, known): (PathBuf, Option<u64>)| (path.clone(), known.or_else(|| hash_of(&path)));
        let read: Contents = files.take().into_iter().map(contents_of).collect();
        if !read.is_empty() {
            contents.insert(component.name.clone(), read);
        }
        let claims = claims.take();
        mistakes.extend(claimed.note(&spec.name, component, &claims));
        if !claims.is_empty() {
            claiming.insert(component.name.clone(), claims);
        }
    };
    let context = |component: &Component| {
        let unattached = Context::unattached(&spec.name, PathBuf::new());
        Context {
            component: component.name.as_str().into(),
            claims: claims.clone(),
            files: files.clone(),
            ready: ready.clone(),
            ..unattached
        }
    };
    let source = registry.build_source(&spec.source.type_name, &spec.source.node, &context(&spec.source));
    let traits = source.as_ref().map(|source| source.traits()).ok();
    note(&spec.source, source.map(drop));
    for transform in spec.transforms.iter().chain(spec.sinks.iter().flat_map(|sink| &sink.transforms)) {
        let built = registry.build_transform(&transform.type_name, &transform.node, &context(transform));
        note(transform, built.map(drop));
    }
    for sink in spec.sinks.iter().map(|sink| &sink.component).chain(&spec.dead_letters) {
        note(sink, registry.build_sink(&sink.type_name, &sink.node, &context(sink)).map(drop));
    }
    let tasks = traits.as_ref().map_or(Ok(1), |traits| tasks(&spec, traits));
    note(&spec.source, tasks.as_ref().map(drop).map_err(Clone::clone));
    let format = registry.find_format(&spec.format).cloned();
    match (tasks, format, traits, mistakes.is_empty()) {
        (Ok(tasks), Some(format), Some(source), true) => {
            Ok(Planned { spec, tasks, format, source, files: contents, claims: claiming, ready })
        }
        _ => Err((mistakes, contents.into_values().flat_map(BTreeMap::into_keys).collect())),
    }
}

/// Only ever compared with another of this process. What is no regular file, as a pipe, is not waited for.
fn hash_of(path: &Path) -> Option<u64> {
    path.metadata().ok().filter(|about| about.is_file())?;
    let bytes = std::fs::read(path).ok()?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Some(hasher.finish())
}

/// As many copies as asked for; else one per core, where the source can be shared.
fn tasks(spec: &Pipeline, traits: &SourceTraits) -> Result<u16, Mistake> {
    let cores =
        || std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX));
    match (spec.settings.tasks, traits.shareable) {
        (Some(tasks), false) if tasks > 1 => {
            let text = format!("a {} source cannot be shared by {tasks} tasks", spec.source.type_name);
            Err(Mistake::new(spec.source.node.span.clone(), text)
                .help("leave `tasks` out, or write: tasks: 1")
                .key("source"))
        }
        (Some(tasks), _) => Ok(tasks),
        (None, true) => Ok(cores()),
        (None, false) => Ok(1),
    }
}

impl Planned {
    /// A pipeline of the server's that cannot run, as far as its text tells what it is: for whoever shows it.
    pub fn outline(path: &Path, text: &str, name: &str, registry: &Registry) -> Planned {
        let spec = spec::outline(path, text, name, registry);
        let format = registry.find_format(&spec.format).or_else(|| registry.find_format("json"));
        let source = SourceTraits {
            capture: None,
            rereadable: false,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        };
        Planned {
            tasks: spec.settings.tasks.unwrap_or(1),
            format: Arc::clone(format.expect("there is JSON in every registry")),
            source,
            files: BTreeMap::new(),
            claims: BTreeMap::new(),
            ready: Ready::default(),
            spec,
        }
    }

    fn claim_again(&self, claimed: &mut Claimed) {
        for component in self.spec.components() {
            let claims = self.claims.get(&component.name).map(Vec::as_slice).unwrap_or_default();
            claimed.note(&self.spec.name, component, claims); // they were no mistake when it was planned
        }
    }

    /// Whether `other` would run the same.
    pub fn same_as(&self, other: &Planned) -> bool {
        self.spec == other.spec
            && self.tasks == other.tasks
            && self.format.name() == other.format.name()
            && self.files == other.files
    }

    /// Whether it can be moved to another place: its source can be read again from anywhere.
    pub fn has_offsets(&self) -> bool {
        self.source.rereadable && self.source.unacknowledged_max.is_none()
    }

    /// Whether its offsets have no other place than the data folder.
    pub fn keeps_offsets_here(&self) -> bool {
        self.has_offsets() && !self.source.keeps_positions
    }

    /// The files that its components read besides their settings.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.values().flat_map(BTreeMap::keys)
    }

    /// Whether what is the pipeline's own, and no component's, is otherwise.
    pub(crate) fn has_other_settings(&self, other: &Planned) -> bool {
        self.spec.settings != other.spec.settings
            || self.tasks != other.tasks
            || self.spec.format != other.spec.format
            || self.spec.unmatched != other.spec.unmatched
    }

    /// Whether a task that runs as `running` can become this while its source reads on.
    pub(crate) fn can_follow(&self, running: &Planned) -> bool {
        let (one, other) = (&running.spec, &self.spec);
        let mut components = [&one.source].into_iter().chain(&one.dead_letters);
        one.source == other.source
            && one.dead_letters == other.dead_letters
            && components.all(|component| self.reads_as(running, component))
            && self.tasks == running.tasks
            && self.format.name() == running.format.name()
    }

    /// Whether all transforms before the sinks are as they run.
    pub(crate) fn has_same_transforms(&self, running: &Planned) -> bool {
        let (before, after) = (&running.spec.transforms, &self.spec.transforms);
        before.len() == after.len()
            && before.iter().zip(after).all(|(one, other)| self.reads_as(running, other) && one == other)
    }

    /// Whether a transform before the sinks is as it runs, wherever it stood among them.
    pub(crate) fn has_same_transform(&self, running: &Planned, transform: &Component) -> bool {
        running.spec.transforms.contains(transform) && self.reads_as(running, transform)
    }

    /// Whether all sinks are as they run.
    pub(crate) fn has_same_sinks(&self, running: &Planned) -> bool {
        let (before, after) = (&running.spec.sinks, &self.spec.sinks);
        let names = |sinks: &[Sink]| sinks.iter().map(|sink| sink.component.name.clone()).collect::<Vec<_>>();
        names(before) == names(after) && after.iter().all(|sink| self.has_same_sink(running, sink))
    }

    /// For each sink the place of the one that runs and that it is or follows: that of its name, else the next one left over.
    /// None where one is new, or where records are routed otherwise than they are.
    pub(crate) fn places(&self, running: &Planned) -> Option<Vec<usize>> {
        let (before, after) = (&running.spec.sinks, &self.spec.sinks);
        let find = |sinks: &[Sink], sink: &Sink| sinks.iter().position(|one| one.component.name == sink.component.name);
        let mut left = (0..before.len()).filter(|place| find(after, &before[*place]).is_none());
        let place = |sink| find(before, sink).or_else(|| left.next());
        let places: Vec<usize> = after.iter().map(place).collect::<Option<_>>()?;
        let whens = |sinks: &[Sink]| sinks.iter().map(|sink| sink.component.when.clone()).collect::<Vec<_>>();
        let (old, new) = (whens(before), whens(after));
        let takes_all = old.iter().chain(&new).all(|when| *when == When::Always);
        let stays = old == new && running.spec.unmatched == self.spec.unmatched && places.is_sorted();
        (takes_all || stays).then_some(places)
    }

    /// Whether a sink and its own transforms are as they run. Which records it is given is no matter of its own.
    pub(crate) fn has_same_sink(&self, running: &Planned, sink: &Sink) -> bool {
        let given = |other: &Sink| Component { when: sink.component.when.clone(), ..other.component.clone() };
        let is_it = |other: &Sink| given(other) == sink.component && other.transforms == sink.transforms;
        let mut components = sink.transforms.iter().chain([&sink.component]);
        running.spec.sinks.iter().any(is_it) && components.all(|one| self.reads_as(running, one))
    }

    /// Whether what a component reads besides its settings is as it was.
    pub(crate) fn reads_as(&self, running: &Planned, component: &Component) -> bool {
        self.files.get(&component.name) == running.files.get(&component.name)
    }
}
