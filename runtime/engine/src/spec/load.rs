//! Files and folders to pipelines, with all mistakes of all files at once.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::config::{
    Catalog, Document, Environment, FILE_BYTES_MAX, Mistake, Node, Problem, ProcessEnvironment, parse, resolve,
};
use serde_json::Value;

use super::destination::DESTINATION;
use super::secrets::{SecretKeys, starred};
use super::trial::{self, TESTS, TESTS_BESIDE};
use super::walker::{Found, walk};
use super::{Component, Destination, Located, Mistakes, Pipeline, Place, SourceFile, pipeline_schema};

/// What files hold.
#[derive(Debug, Default)]
pub struct Documents {
    /// In the order of their files.
    pub pipelines: Vec<Pipeline>,
    /// In the order of their files.
    pub destinations: Vec<Destination>,
}

/// In a folder of pipelines the settings of the server that serves it.
pub const SETTINGS: &str = "catchwater.yaml";

/// What is done about the tests of pipelines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    /// They are read with their pipelines, from the same file and from the one beside it.
    Read,
    /// A mistake in them is no reason not to run.
    PassedOver,
}

/// Reads the pipelines in `paths`: YAML files, or folders of them (`*.yaml`, `*.yml`, sorted, neither hidden ones nor those of
/// folders within).
pub fn load(paths: &[PathBuf], catalog: &dyn Catalog) -> Result<Vec<Pipeline>, Mistakes> {
    load_with(paths, catalog, &ProcessEnvironment)
}

/// Reads the pipelines and destinations in `paths`, which are as those of [`load`].
pub fn load_documents(paths: &[PathBuf], catalog: &dyn Catalog) -> Result<Documents, Mistakes> {
    read_with(catalog, &ProcessEnvironment, Tests::PassedOver, |loader| loader.paths(paths))
}

/// The same with the pipelines' tests, also those of `orders.test.yaml` beside `orders.yaml`.
pub fn load_tested(paths: &[PathBuf], catalog: &dyn Catalog) -> Result<Documents, Mistakes> {
    read_with(catalog, &ProcessEnvironment, Tests::Read, |loader| loader.paths(paths))
}

/// The same of files that are in memory: the name that messages show, and the text.
pub fn load_texts(files: &[(&Path, &str)], catalog: &dyn Catalog) -> Result<Documents, Mistakes> {
    let read = |loader: &mut Loader<'_>| files.iter().for_each(|(path, text)| loader.text(path, text));
    read_with(catalog, &ProcessEnvironment, Tests::PassedOver, read)
}

/// The same of files that are in memory and then of files on disk, with another environment than the process's own, beside
/// `others`, whose names are taken.
pub fn load_beside(
    paths: &[PathBuf],
    texts: &[(&Path, &str)],
    catalog: &dyn Catalog,
    environment: &dyn Environment,
    others: &[&Pipeline],
) -> Result<Documents, Mistakes> {
    read_with(catalog, environment, Tests::PassedOver, |loader| {
        loader.others = others.iter().map(|other| (other.name.clone(), other.place.clone())).collect();
        texts.iter().for_each(|(path, text)| loader.text(path, text));
        paths.iter().for_each(|path| loader.path(path));
    })
}

/// What can be told of a text that holds no sound pipeline: whatever its document says, as far as it has the form of one, or
/// else nothing but `name`, and of the text the comments before it. So no secret is shown that nobody knows to be one.
pub fn outline(path: &Path, text: &str, name: &str, catalog: &dyn Catalog) -> Pipeline {
    let loader = Loader::new(catalog, &ProcessEnvironment, Tests::PassedOver);
    let Checked { file, roots, .. } = loader.checked(path, text, "the text holds no pipeline", |_| &loader.schema);
    let is_known = |component: &Component| catalog.schema(component.role, &component.type_name).is_some();
    let is_shown = |pipeline: &Pipeline| pipeline.components().all(is_known);
    let has_form = |root: &Node| root.get("sinks").is_some_and(|sinks| !sinks.items().is_empty());
    let root = roots.into_iter().next().filter(has_form).filter(|_| parse(text).mistakes.is_empty());
    let pipeline = root.and_then(|root| Pipeline::read(root, &file).ok()).filter(is_shown);
    let pipeline = pipeline.unwrap_or_else(|| {
        let comments = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).collect();
        let nothing = parse("{source: {type: unknown}, sinks: [{type: unknown}]}").documents.remove(0).root;
        Pipeline::read(nothing, &SourceFile::new(path, comments)).expect("more is not needed")
    });
    Pipeline { name: name.to_owned(), ..pipeline }
}

/// The same with another environment than the process's own.
pub fn load_with(
    paths: &[PathBuf],
    catalog: &dyn Catalog,
    environment: &dyn Environment,
) -> Result<Vec<Pipeline>, Mistakes> {
    let documents = read_with(catalog, environment, Tests::PassedOver, |loader| loader.paths(paths));
    documents.map(|documents| documents.pipelines)
}

fn read_with(
    catalog: &dyn Catalog,
    environment: &dyn Environment,
    tests: Tests,
    read: impl FnOnce(&mut Loader<'_>),
) -> Result<Documents, Mistakes> {
    let mut loader = Loader::new(catalog, environment, tests);
    read(&mut loader);
    loader.refuse_equal_names();
    if loader.mistakes.is_empty() { Ok(loader.documents) } else { Err(Mistakes::new(loader.mistakes)) }
}

struct Loader<'a> {
    schema: Value,
    secret_keys: SecretKeys,
    environment: &'a dyn Environment,
    tests: Tests,
    /// Where pipelines stand that are none of the documents.
    others: Vec<(String, Place)>,
    documents: Documents,
    mistakes: Vec<Located>,
}

/// A file that was read, and checked as far as a schema goes.
struct Checked {
    file: Arc<SourceFile>,
    roots: Vec<Node>,
    mistakes: Vec<Mistake>,
}

impl<'a> Loader<'a> {
    fn new(catalog: &dyn Catalog, environment: &'a dyn Environment, tests: Tests) -> Loader<'a> {
        let schema = pipeline_schema(catalog);
        let secret_keys = SecretKeys::of(&schema);
        let (others, documents, mistakes) = (Vec::new(), Documents::default(), Vec::new());
        Loader { schema, secret_keys, environment, tests, others, documents, mistakes }
    }

    fn paths(&mut self, paths: &[PathBuf]) {
        paths.iter().for_each(|path| self.path(path));
    }

    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path);
        }
        match yaml_files(path) {
            Ok((pipelines, _)) if pipelines.is_empty() && !is_settings(&path.join(SETTINGS)) => {
                self.about(path, Problem::new("the folder holds no `*.yaml` or `*.yml` file"));
            }
            Ok((pipelines, tests)) => {
                pipelines.iter().for_each(|file| self.file(file));
                tests.iter().for_each(|file| self.refuse_orphan(file));
            }
            Err(error) => self.about(path, Problem::new(format!("cannot read the folder: {error}"))),
        }
    }

    fn file(&mut self, path: &Path) {
        if is_settings(path) {
            let help = "name the folder to run its pipelines; if this is one, call its file otherwise";
            return self
                .about(path, Problem::new("the file holds the settings of a server, and no pipeline").help(help));
        }
        if trial::is_beside(path) {
            let owner = trial::owners(path).find(|owner| owner.is_file()).or_else(|| trial::owners(path).next());
            let help = owner.map(|owner| format!("name the file of their pipelines: {}", owner.display()));
            return self.about(path, Problem { help, ..Problem::new("the file holds tests") });
        }
        let before = (self.documents.pipelines.len(), self.mistakes.len());
        if let Some(text) = self.read(path) {
            self.text(path, &text);
        }
        if self.tests == Tests::Read {
            for tests in trial::those_beside(path).filter(|tests| tests.is_file()) {
                self.beside(&tests, before);
            }
        }
    }

    fn read(&mut self, path: &Path) -> Option<String> {
        let problem = match read_bounded(path).map(String::from_utf8) {
            Ok(Ok(text)) if text.len() <= FILE_BYTES_MAX => return Some(text),
            Ok(Err(error)) if error.as_bytes().len() <= FILE_BYTES_MAX => {
                format!("the file is not UTF-8 from byte {} on", error.utf8_error().valid_up_to())
            }
            Ok(_) => format!("the file is larger than {FILE_BYTES_MAX} bytes"),
            Err(error) => format!("cannot read the file: {error}"),
        };
        self.about(path, Problem::new(problem));
        None
    }

    fn text(&mut self, path: &Path, text: &str) {
        let schema_of = |root: &Node| match Destination::is_in(root) {
            true => &self.schema["definitions"][DESTINATION],
            false => &self.schema,
        };
        let Checked { file, roots, mut mistakes } =
            self.checked(path, text, "the file holds no pipeline and no destination", schema_of);
        if mistakes.is_empty() {
            mistakes.extend(roots.into_iter().flat_map(|root| self.root(root, &file)));
        }
        self.note(mistakes, &file);
    }

    fn root(&mut self, mut root: Node, file: &Arc<SourceFile>) -> Vec<Mistake> {
        if Destination::is_in(&root) {
            let read = Destination::read(root, file).map(|read| self.documents.destinations.push(read));
            return read.err().into_iter().collect();
        }
        let tests = root.take(TESTS);
        match Pipeline::read(root, file) {
            Ok(pipeline) => {
                self.documents.pipelines.push(pipeline);
                let pipeline = self.documents.pipelines.last_mut().expect("it was pushed just now");
                tests.map_or_else(Vec::new, |tests| trial::add(&tests, pipeline, file))
            }
            Err(mistake) => vec![mistake],
        }
    }

    /// Tests in a file beside that of their pipelines, which are those since so many were read, if that went well.
    fn beside(&mut self, path: &Path, (pipelines, mistakes): (usize, usize)) {
        let Some(text) = self.read(path) else { return };
        let schema_of = |_: &Node| &self.schema["definitions"][TESTS_BESIDE];
        let mut checked = self.checked(path, &text, "the file holds no tests", schema_of);
        if checked.mistakes.is_empty() && self.mistakes.len() == mistakes {
            let of = &mut self.documents.pipelines[pipelines..];
            checked.mistakes.extend(checked.roots.iter().flat_map(|root| trial::add_beside(root, of, &checked.file)));
        }
        self.note(checked.mistakes, &checked.file);
    }

    fn refuse_orphan(&mut self, path: &Path) {
        if self.tests == Tests::Read && !trial::owners(path).any(|owner| owner.is_file()) {
            let owner = trial::owners(path).next().unwrap_or_default();
            let problem = Problem::new(format!("there is no {} that these tests are for", owner.display()));
            self.about(
                path,
                problem.help("a file of tests is called as that of its pipelines is, with `.test` before `.yaml`"),
            );
        }
    }

    fn checked<'s>(&'s self, path: &Path, text: &str, empty: &str, schema_of: impl Fn(&Node) -> &'s Value) -> Checked {
        let parsed = parse(text);
        let mut found = Found { mistakes: parsed.mistakes, secrets: Vec::new() };
        let concealed = found.mistakes.iter_mut().filter_map(|mistake| self.secret_keys.conceal(mistake, text));
        found.secrets.extend(concealed);
        if parsed.documents.is_empty() && found.mistakes.is_empty() {
            found.mistakes.push(Mistake::new(0..0, empty).help("it is empty, or all comments"));
        }
        let checked = |document: Document| {
            let schema = schema_of(&document.root);
            self.document(document, schema, text, &mut found)
        };
        let roots = parsed.documents.into_iter().map(checked).collect();
        Checked { file: SourceFile::new(path, starred(text, &found.secrets)), roots, mistakes: found.mistakes }
    }

    /// Resolves and checks a document.
    fn document(&self, mut document: Document, schema: &Value, text: &str, found: &mut Found) -> Node {
        if self.tests == Tests::PassedOver {
            document.root.take(TESTS);
        }
        resolve(&mut document.root, self.environment, &mut found.mistakes);
        let of_document = walk(&document, &self.schema, schema, text);
        for mistake in found.mistakes.iter_mut().filter(|mistake| mistake.key.is_none()) {
            mistake.key = Some(document.root.path_at(mistake.span.start)).filter(|path| !path.is_empty());
        }
        found.mistakes.extend(of_document.mistakes);
        found.secrets.extend(of_document.secrets);
        document.root
    }

    fn note(&mut self, mut mistakes: Vec<Mistake>, file: &Arc<SourceFile>) {
        mistakes.sort_by_key(|mistake| mistake.span.start);
        self.mistakes.extend(mistakes.into_iter().map(|mistake| Located { file: Arc::clone(file), mistake }));
    }

    fn refuse_equal_names(&mut self) {
        let Documents { pipelines, destinations } = &self.documents;
        let pipelines = pipelines.iter().map(|pipeline| ("pipeline", "name", &pipeline.name, &pipeline.place));
        let destinations = destinations.iter().map(|one| (DESTINATION, DESTINATION, &one.name, &one.place));
        let others = self.others.iter().map(|(name, place)| (("pipeline", name.as_str()), place));
        let mut first: HashMap<(&str, &str), &Place> = others.collect();
        for (kind, key, name, place) in pipelines.chain(destinations) {
            if let Some(before) = first.get(&(kind, name)) {
                let help = format!("the other is at {}", before.describe());
                let mistake = Mistake::new(place.span.clone(), format!("two {kind}s are called `{name}`"));
                self.mistakes.push(place.located(mistake.help(help).key(key)));
            } else {
                first.insert((kind, name), place);
            }
        }
    }

    /// A mistake about a whole file or folder.
    fn about(&mut self, path: &Path, problem: Problem) {
        let file = SourceFile::new(path, String::new());
        self.mistakes.push(Located { file, mistake: problem.at(0..0) });
    }
}

/// One byte more than is allowed tells enough.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files of pipelines in a folder, sorted: neither those of tests beside them nor a server's settings.
pub fn pipelines_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    yaml_files(folder).map(|(pipelines, _)| pipelines)
}

/// Whether the name of a file in a folder says that it holds YAML. A hidden one is a draft, as editors leave them, or a backup.
pub fn is_yaml(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Whether a file is that of a server's settings.
pub fn is_settings(path: &Path) -> bool {
    path.ends_with(SETTINGS) && path.is_file()
}

/// The files of pipelines in a folder, and those of tests.
fn yaml_files(folder: &Path) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_yaml(&path) && path.is_file() && !is_settings(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.into_iter().partition(|file| !trial::is_beside(file)))
}
