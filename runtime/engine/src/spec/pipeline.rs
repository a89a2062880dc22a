//! A pipeline as its document describes it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use catchwater_sdk::config::{Mistake, Node, Role};

use super::component::{CommonKeys, When};
use super::routes::{RouteSpans, Unmatched};
use super::{Component, OnError, Place, Settings, SourceFile, Trials};

/// A pipeline as it was asked for. Two are equal when they would run the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Its name, unique among all pipelines.
    pub name: String,
    /// Where records come from.
    pub source: Component,
    /// The name of the format of the payloads.
    pub format: String,
    /// What happens to the records before they go to the sinks.
    pub transforms: Vec<Component>,
    /// Where records go; at least one.
    pub sinks: Vec<Sink>,
    /// Where records go that could not be processed or stored.
    pub dead_letters: Option<Component>,
    /// What becomes of records that no sink's `when` asks for, where there can be any.
    pub unmatched: Option<Unmatched>,
    /// How the engine treats it.
    pub settings: Settings,
    /// What it is tested with, where that was asked for.
    pub trials: Trials,
    /// Where its name stands.
    pub place: Place,
}

/// A sink with the transforms of its branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// The sink itself.
    pub component: Component,
    /// What happens to the records on their way to this sink only.
    pub transforms: Vec<Component>,
}

/// The payload format of a source that names none.
const FORMAT: &str = "json";

impl Pipeline {
    /// Reads a document in which the walker found no mistake. What is left to find concerns several keys at once.
    pub(super) fn read(mut root: Node, file: &Arc<SourceFile>) -> Result<Pipeline, Mistake> {
        let on_error = if root.get("dead_letters").is_some() { OnError::DeadLetter } else { OnError::Fail };
        let mut reader = Reader { file, on_error };
        let spans = RouteSpans::of(&root);
        let mut keys = root.take_keys(&["name", "source", "transforms", "sinks", "dead_letters", "unmatched"]);
        let name_span = keys.span_of("name");
        let mut source = take(&mut keys, "source");
        let format = source.take("format");
        let source = reader.component(source, Role::Source, "source".to_owned())?;
        let transforms = reader.transforms(&mut keys, "")?;
        let sinks = numbered(keys.take("sinks"), "sinks".to_owned()).map(|(path, sink)| reader.sink(sink, path));
        let sinks = sinks.collect::<Result<_, _>>()?;
        let dead_letters = keys.take("dead_letters").map(|sink| reader.dead_letters(sink)).transpose()?;
        let unmatched = keys.take("unmatched");
        let mut pipeline = Pipeline {
            name: keys.get("name").and_then(Node::as_text).unwrap_or_default().to_owned(),
            source,
            format: format.as_ref().and_then(Node::as_text).unwrap_or(FORMAT).to_owned(),
            transforms,
            sinks,
            dead_letters,
            unmatched: unmatched.as_ref().map(Node::read).transpose()?,
            settings: root.read()?,
            trials: Trials::default(),
            place: reader.place(name_span, String::new()),
        };
        pipeline.check_names()?;
        pipeline.name_the_unnamed();
        pipeline.check_dead_letters()?;
        pipeline.check_routes(&spans)?;
        Ok(pipeline)
    }

    /// Every component, in the order of its document.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        let sinks = self.sinks.iter().flat_map(|sink| sink.transforms.iter().chain([&sink.component]));
        [&self.source].into_iter().chain(&self.transforms).chain(sinks).chain(&self.dead_letters)
    }

    /// The same with this sink alone, such as that of a destination.
    pub fn with_sink(mut self, sink: Sink) -> Pipeline {
        self.sinks = vec![sink];
        self.name_the_unnamed();
        self
    }

    fn components_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        let sinks = self.sinks.iter_mut().flat_map(|sink| sink.transforms.iter_mut().chain([&mut sink.component]));
        [&mut self.source].into_iter().chain(&mut self.transforms).chain(sinks).chain(&mut self.dead_letters)
    }

    fn check_names(&self) -> Result<(), Mistake> {
        let mut seen = HashSet::new();
        let given = self.components().filter(|component| !component.name.is_empty());
        for component in given {
            if !seen.insert(&component.name) {
                let message = format!("two components of the pipeline are called `{}`", component.name);
                let Place { span, path, .. } = &component.place;
                let mistake = Mistake::new(span.clone(), message).help("give each a name of its own");
                return Err(mistake.key(format!("{path}.name")));
            }
        }
        Ok(())
    }

    /// A component without a name is called after its type: `kafka`, `kafka-2`.
    fn name_the_unnamed(&mut self) {
        let mut taken: HashSet<_> = self.components().map(|component| component.name.clone()).collect();
        for component in self.components_mut().filter(|component| component.name.is_empty()) {
            let numbered = (2..).map(|number| format!("{}-{number}", component.type_name));
            let mut candidates = [component.type_name.clone()].into_iter().chain(numbered);
            component.name = candidates.find(|name| !taken.contains(name)).expect("there are more numbers than names");
            taken.insert(component.name.clone());
        }
    }

    fn check_dead_letters(&self) -> Result<(), Mistake> {
        let mut components = self.components();
        let asking = components.find(|component| component.on_error == OnError::DeadLetter);
        let Some(asking) = asking.filter(|_| self.dead_letters.is_none()) else { return Ok(()) };
        let message = "`dead_letter` is asked for, and the pipeline has no `dead_letters`";
        let mistake = Mistake::new(asking.place.span.clone(), message);
        Err(mistake.help("add them, or choose `fail` or `drop`").key(format!("{}.on_error", asking.place.path)))
    }
}

/// Reads components, with what they need to know of their pipeline.
pub(super) struct Reader<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    /// For those that do not say.
    pub(super) on_error: OnError,
}

impl Reader<'_> {
    fn component(&mut self, mut node: Node, role: Role, path: String) -> Result<Component, Mistake> {
        let span = node.span_of("type");
        let common = CommonKeys::take(&mut node)?;
        // Sources and dead letters have none: the walker has seen to it.
        let when = When::take(&mut node, role).map_err(|mistake| within(&path, mistake))?;
        Ok(Component {
            role,
            type_name: common.type_name,
            name: common.name.unwrap_or_default(),
            on_error: common.on_error.unwrap_or(self.on_error),
            when,
            node,
            place: self.place(span, path),
        })
    }

    fn transforms(&mut self, within: &mut Node, path: &str) -> Result<Vec<Component>, Mistake> {
        let transforms = numbered(within.take("transforms"), format!("{path}transforms"));
        transforms.map(|(path, transform)| self.component(transform, Role::Transform, path)).collect()
    }

    pub(super) fn sink(&mut self, mut node: Node, path: String) -> Result<Sink, Mistake> {
        let dot = if path.is_empty() { "" } else { "." };
        let transforms = self.transforms(&mut node, &format!("{path}{dot}"))?;
        Ok(Sink { component: self.component(node, Role::Sink, path)?, transforms })
    }

    /// What cannot be stored as a dead letter has nowhere left to go.
    fn dead_letters(&mut self, node: Node) -> Result<Component, Mistake> {
        self.on_error = OnError::Fail;
        self.component(node, Role::Sink, "dead_letters".to_owned())
    }

    pub(super) fn place(&self, span: Range<usize>, path: String) -> Place {
        Place { file: Arc::clone(self.file), span, path }
    }
}

/// A mistake whose key is one within what stands at `path`.
fn within(path: &str, mut mistake: Mistake) -> Mistake {
    mistake.key = mistake.key.map(|key| if path.is_empty() { key } else { format!("{path}.{key}") });
    mistake
}

/// A key that the walker has seen.
fn take(keys: &mut Node, key: &str) -> Node {
    keys.take(key).unwrap_or_else(|| Node::empty_map(keys.span.clone()))
}

/// The items of a list with their paths.
fn numbered(list: Option<Node>, path: String) -> impl Iterator<Item = (String, Node)> {
    let items = list.map(|list| list.items().to_vec()).unwrap_or_default();
    items.into_iter().enumerate().map(move |(index, item)| (format!("{path}[{index}]"), item))
}
