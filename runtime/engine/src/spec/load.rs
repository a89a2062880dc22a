//! Files and folders to pipelines, with all mistakes of all files at once.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::config::{
    Catalog, Document, Environment, FILE_BYTES_MAX, Mistake, Node, ProcessEnvironment, parse, resolve,
};
use serde_json::Value;

use super::destination::DESTINATION;
use super::secrets::{SecretKeys, starred};
use super::walker::{Found, walk};
use super::{Destination, Located, Mistakes, Pipeline, Place, SourceFile, pipeline_schema};

/// What files hold.
#[derive(Debug, Default)]
pub struct Documents {
    /// In the order of their files.
    pub pipelines: Vec<Pipeline>,
    /// In the order of their files.
    pub destinations: Vec<Destination>,
}

/// Reads the pipelines in `paths`: YAML files, or folders of them (`*.yaml`, `*.yml`, sorted, not those within).
pub fn load(paths: &[PathBuf], catalog: &dyn Catalog) -> Result<Vec<Pipeline>, Mistakes> {
    load_with(paths, catalog, &ProcessEnvironment)
}

/// Reads the pipelines and destinations in `paths`, which are as those of [`load`].
pub fn load_documents(paths: &[PathBuf], catalog: &dyn Catalog) -> Result<Documents, Mistakes> {
    read_with(catalog, &ProcessEnvironment, |loader| paths.iter().for_each(|path| loader.path(path)))
}

/// The same of files that are in memory: the name that messages show, and the text.
pub fn load_texts(files: &[(&Path, &str)], catalog: &dyn Catalog) -> Result<Documents, Mistakes> {
    read_with(catalog, &ProcessEnvironment, |loader| files.iter().for_each(|(path, text)| loader.text(path, text)))
}

/// The same with another environment than the process's own.
pub fn load_with(
    paths: &[PathBuf],
    catalog: &dyn Catalog,
    environment: &dyn Environment,
) -> Result<Vec<Pipeline>, Mistakes> {
    let documents = read_with(catalog, environment, |loader| paths.iter().for_each(|path| loader.path(path)));
    documents.map(|documents| documents.pipelines)
}

fn read_with(
    catalog: &dyn Catalog,
    environment: &dyn Environment,
    read: impl FnOnce(&mut Loader<'_>),
) -> Result<Documents, Mistakes> {
    let schema = pipeline_schema(catalog);
    let secret_keys = SecretKeys::of(&schema);
    let mut loader = Loader { schema, secret_keys, environment, documents: Documents::default(), mistakes: Vec::new() };
    read(&mut loader);
    loader.refuse_equal_names();
    if loader.mistakes.is_empty() { Ok(loader.documents) } else { Err(Mistakes::new(loader.mistakes)) }
}

struct Loader<'a> {
    schema: Value,
    secret_keys: SecretKeys,
    environment: &'a dyn Environment,
    documents: Documents,
    mistakes: Vec<Located>,
}

impl Loader<'_> {
    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path);
        }
        match yaml_files(path) {
            Ok(files) if files.is_empty() => self.about(path, "the folder holds no `*.yaml` or `*.yml` file"),
            Ok(files) => files.iter().for_each(|file| self.file(file)),
            Err(error) => self.about(path, &format!("cannot read the folder: {error}")),
        }
    }

    fn file(&mut self, path: &Path) {
        let bytes = match read_bounded(path) {
            Ok(bytes) if bytes.len() > FILE_BYTES_MAX => {
                return self.about(path, &format!("the file is larger than {FILE_BYTES_MAX} bytes"));
            }
            Ok(bytes) => bytes,
            Err(error) => return self.about(path, &format!("cannot read the file: {error}")),
        };
        match String::from_utf8(bytes) {
            Ok(text) => self.text(path, &text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                self.about(path, &format!("the file is not UTF-8 from byte {at} on"));
            }
        }
    }

    fn text(&mut self, path: &Path, text: &str) {
        let parsed = parse(text);
        let mut found = Found { mistakes: parsed.mistakes, secrets: Vec::new() };
        let concealed = found.mistakes.iter_mut().filter_map(|mistake| self.secret_keys.conceal(mistake, text));
        found.secrets.extend(concealed);
        if parsed.documents.is_empty() && found.mistakes.is_empty() {
            found.mistakes.push(
                Mistake::new(0..0, "the file holds no pipeline and no destination")
                    .help("it is empty, or all comments"),
            );
        }
        let documents = parsed.documents.into_iter().map(|document| self.document(document, text, &mut found));
        let roots: Vec<_> = documents.collect();
        let file = SourceFile::new(path, starred(text, &found.secrets));
        if found.mistakes.is_empty() {
            for root in roots {
                let read = match Destination::is_in(&root) {
                    true => Destination::read(root, &file).map(|read| self.documents.destinations.push(read)),
                    false => Pipeline::read(root, &file).map(|read| self.documents.pipelines.push(read)),
                };
                found.mistakes.extend(read.err());
            }
        }
        found.mistakes.sort_by_key(|mistake| mistake.span.start);
        let located = found.mistakes.into_iter().map(|mistake| Located { file: Arc::clone(&file), mistake });
        self.mistakes.extend(located);
    }

    /// Resolves and checks a document.
    fn document(&self, mut document: Document, text: &str, found: &mut Found) -> Node {
        resolve(&mut document.root, self.environment, &mut found.mistakes);
        let of_document = walk(&document, &self.schema, text);
        for mistake in found.mistakes.iter_mut().filter(|mistake| mistake.key.is_none()) {
            mistake.key = Some(document.root.path_at(mistake.span.start)).filter(|path| !path.is_empty());
        }
        found.mistakes.extend(of_document.mistakes);
        found.secrets.extend(of_document.secrets);
        document.root
    }

    fn refuse_equal_names(&mut self) {
        let Documents { pipelines, destinations } = &self.documents;
        let pipelines = pipelines.iter().map(|pipeline| ("pipeline", "name", &pipeline.name, &pipeline.place));
        let destinations = destinations.iter().map(|one| (DESTINATION, DESTINATION, &one.name, &one.place));
        let mut first: HashMap<(&str, &str), &Place> = HashMap::new();
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
    fn about(&mut self, path: &Path, message: &str) {
        let file = SourceFile::new(path, String::new());
        self.mistakes.push(Located { file, mistake: Mistake::new(0..0, message) });
    }
}

/// One byte more than is allowed tells enough.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
