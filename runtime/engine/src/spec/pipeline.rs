//! A pipeline as its document describes it.

use std::collections::HashSet;

use catchwater_sdk::config::{Mistake, Node, Role};

use super::component::CommonKeys;
use super::{Component, OnError, Place, Settings};

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
    /// How the engine treats it.
    pub settings: Settings,
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
    pub(super) fn read(mut root: Node, file: &Place) -> Result<Pipeline, Mistake> {
        let mut reader = Reader { file, on_error: default_on_error(&root), named: Vec::new() };
        let mut keys = root.take_keys(&["name", "source", "transforms", "sinks", "dead_letters"]);
        let name_span = keys.span_of("name");
        let mut source = keys.take("source").unwrap_or_else(|| Node::empty_map(keys.span.clone()));
        let format = source.take("format");
        let source = reader.component(source, Role::Source)?;
        let transforms = reader.transforms(&mut keys)?;
        let sinks = items(keys.take("sinks")).map(|sink| reader.sink(sink)).collect::<Result<_, _>>()?;
        let dead_letters = keys.take("dead_letters").map(|sink| reader.dead_letters(sink)).transpose()?;
        let mut pipeline = Pipeline {
            name: keys.get("name").and_then(Node::as_text).unwrap_or_default().to_owned(),
            source,
            format: format.as_ref().and_then(Node::as_text).unwrap_or(FORMAT).to_owned(),
            transforms,
            sinks,
            dead_letters,
            settings: root.read()?,
            place: Place { file: file.file.clone(), span: name_span },
        };
        pipeline.check_names(&reader.named)?;
        pipeline.name_the_unnamed();
        pipeline.check_dead_letters()?;
        Ok(pipeline)
    }

    /// Every component, in the order of its document.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        let sinks = self.sinks.iter().flat_map(|sink| sink.transforms.iter().chain([&sink.component]));
        [&self.source].into_iter().chain(&self.transforms).chain(sinks).chain(&self.dead_letters)
    }

    fn components_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        let sinks = self.sinks.iter_mut().flat_map(|sink| sink.transforms.iter_mut().chain([&mut sink.component]));
        [&mut self.source].into_iter().chain(&mut self.transforms).chain(sinks).chain(&mut self.dead_letters)
    }

    fn check_names(&self, named: &[Node]) -> Result<(), Mistake> {
        let mut seen = HashSet::new();
        for node in named {
            let name = node.as_text().unwrap_or_default();
            if !seen.insert(name) {
                let message = format!("two components of `{}` are called `{name}`", self.name);
                return Err(Mistake::new(node.span.clone(), message).help("names are unique in a pipeline").key("name"));
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
        let Some(asking) = self.components().find(|component| component.on_error == OnError::DeadLetter) else {
            return Ok(());
        };
        if self.dead_letters.is_some() {
            return Ok(());
        }
        let message = "there are no `dead_letters` in this pipeline for records to go to";
        let help = "add them, or choose `fail` or `drop`";
        Err(Mistake::new(asking.place.span.clone(), message).help(help).key("on_error"))
    }
}

/// Reads components, with what they need to know of their pipeline.
struct Reader<'a> {
    file: &'a Place,
    on_error: OnError,
    /// The names that were given.
    named: Vec<Node>,
}

impl Reader<'_> {
    fn component(&mut self, mut node: Node, role: Role) -> Result<Component, Mistake> {
        let span = node.get("on_error").map_or_else(|| node.span_of("type"), |on_error| on_error.span.clone());
        self.named.extend(node.get("name").cloned());
        let common = CommonKeys::take(&mut node)?;
        Ok(Component {
            role,
            type_name: common.type_name,
            name: common.name.unwrap_or_default(),
            on_error: common.on_error.unwrap_or(self.on_error),
            node,
            place: Place { file: self.file.file.clone(), span },
        })
    }

    fn transforms(&mut self, within: &mut Node) -> Result<Vec<Component>, Mistake> {
        items(within.take("transforms")).map(|transform| self.component(transform, Role::Transform)).collect()
    }

    fn sink(&mut self, mut node: Node) -> Result<Sink, Mistake> {
        let transforms = self.transforms(&mut node)?;
        Ok(Sink { component: self.component(node, Role::Sink)?, transforms })
    }

    /// What cannot be stored as a dead letter has nowhere left to go.
    fn dead_letters(&mut self, node: Node) -> Result<Component, Mistake> {
        self.on_error = OnError::Fail;
        self.component(node, Role::Sink)
    }
}

fn default_on_error(root: &Node) -> OnError {
    if root.get("dead_letters").is_some() { OnError::DeadLetter } else { OnError::Fail }
}

fn items(list: Option<Node>) -> impl Iterator<Item = Node> {
    let items = list.map(|list| list.items().to_vec());
    items.unwrap_or_default().into_iter()
}
