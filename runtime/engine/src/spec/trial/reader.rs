//! Tests out of a document in which the walker found no mistake.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use catchwater_query::Query;
use catchwater_sdk::config::{Key, Kind, Mistake, Node, Problem, integer};
use catchwater_sdk::{FieldKind, nearest};

use super::content::{Content, bytes};
use super::{Expected, Given, Named, Rejection, TESTS, Trial};
use crate::spec::{Component, Pipeline, Place, ROUTER, SourceFile};

/// Reads the tests of a pipeline, which may have some already. Every mistake otherwise.
pub(in crate::spec) fn read(
    tests: &Node,
    pipeline: &Pipeline,
    file: &Arc<SourceFile>,
) -> Result<Vec<Trial>, Vec<Mistake>> {
    let names = pipeline.trials.0.iter().map(|trial| trial.name.clone()).collect();
    let mut reader = Reader { pipeline, file, names, inputs: 0, found: Vec::new() };
    reader.refuse_secrets(tests);
    let trials = tests.items().iter().map(|test| reader.trial(test)).collect();
    let mut found = reader.found;
    for mistake in &mut found {
        mistake.key = Some(format!("{TESTS}{}", tests.path_at(mistake.span.start)));
    }
    if found.is_empty() { Ok(trials) } else { Err(found) }
}

struct Reader<'a> {
    pipeline: &'a Pipeline,
    file: &'a Arc<SourceFile>,
    /// The tests' names so far.
    names: HashSet<String>,
    /// How many records the test at hand has.
    inputs: usize,
    found: Vec<Mistake>,
}

// === impl Reader ===

impl Reader<'_> {
    fn trial(&mut self, node: &Node) -> Trial {
        let input: Vec<_> = list(node, "input").iter().map(|given| self.given(given)).collect();
        self.inputs = input.len();
        self.refuse_emptiness(node);
        Trial {
            name: self.name(node),
            input,
            sinks: node
                .get("sinks")
                .map(Node::entries)
                .unwrap_or_default()
                .iter()
                .map(|sink| self.sink(sink))
                .collect(),
            rejected: list(node, "rejected").iter().map(|rejection| self.rejection(rejection)).collect(),
            dropped: node.get("dropped").map(|dropped| self.numbers(dropped)),
            place: self.place(node.span_of("name")),
        }
    }

    fn name(&mut self, node: &Node) -> String {
        let name = text(node, "name").unwrap_or_default();
        if !self.names.insert(name.clone()) {
            let problem = Problem::new(format!("two tests of the pipeline are called `{name}`"));
            self.report(node.span_of("name"), problem);
        }
        name
    }

    fn given(&mut self, node: &Node) -> Given {
        let payload = node.get("payload").and_then(|payload| self.content(payload)).and_then(Content::into_bytes);
        let partition = text(node, "partition").as_deref().and_then(integer);
        Given {
            payload,
            key: node.get("key").and_then(|key| self.bytes(key)),
            headers: self.fields(node, "headers").unwrap_or_default(),
            properties: self.fields(node, "properties").unwrap_or_default(),
            timestamp: self.timestamp(node),
            stream: text(node, "stream").unwrap_or_else(|| "test".to_owned()),
            partition: partition.and_then(|number| number.try_into().ok()).unwrap_or_default(),
        }
    }

    fn sink(&mut self, (key, records): &(Key, Node)) -> (String, Vec<Expected>) {
        let sinks: Vec<_> = self.pipeline.sinks.iter().map(|sink| sink.component.name.as_str()).collect();
        self.known("sink", &key.text, &key.span, &sinks);
        (key.text.clone(), records.items().iter().map(|record| self.expected(record)).collect())
    }

    fn expected(&mut self, node: &Node) -> Expected {
        let number = if node.as_text().is_some() { Some(node) } else { node.get("input") };
        Expected {
            input: number.map(|number| self.number(number)),
            payload: node.get("payload").and_then(|payload| self.content(payload)),
            key: node.get("key").map(|key| self.bytes(key)),
            headers: self.fields(node, "headers"),
            properties: self.fields(node, "properties"),
            timestamp: self.timestamp(node),
            matching: node.get("matches").and_then(|query| self.query(query)),
            place: self.place(node.span.clone()),
        }
    }

    fn rejection(&mut self, node: &Node) -> Rejection {
        if let Some(step) = node.get("step") {
            let steps = steps(self.pipeline);
            self.known("step", step.as_text().unwrap_or_default(), &step.span, &steps);
        }
        Rejection {
            input: node.get("input").map_or(1, |number| self.number(number)),
            step: text(node, "step"),
            reason: text(node, "reason"),
            place: self.place(node.span.clone()),
        }
    }

    fn numbers(&mut self, node: &Node) -> Vec<usize> {
        let mut numbers: Vec<_> = node.items().iter().map(|number| self.number(number)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The number of an input, from 1.
    fn number(&mut self, node: &Node) -> usize {
        let number = node.as_text().and_then(integer).and_then(|number| usize::try_from(number).ok());
        match number.filter(|number| (1..=self.inputs).contains(number)) {
            Some(number) => number,
            None => {
                let shown = node.as_text().unwrap_or_default();
                let problem = Problem::new(format!("there is no input {shown}, the last is {}", self.inputs));
                self.report(node.span.clone(), problem.help("they are counted from 1, in the order of `input`"));
                1
            }
        }
    }

    /// A map of names and values, or a list of fields.
    fn fields(&mut self, node: &Node, key: &str) -> Option<Vec<Named>> {
        let fields = node.get(key)?;
        let named = |name: &str, value, kind| Named { name: name.to_owned(), value, kind };
        Some(match &fields.kind {
            Kind::Map(entries, _) => {
                entries.iter().map(|(key, value)| named(&key.text, self.bytes(value), None)).collect()
            }
            _ => {
                let field = |field: &Node| {
                    let kind = text(field, "type").and_then(|kind| FieldKind::from_name(&kind));
                    let value = field.get("value").and_then(|value| self.bytes(value));
                    named(&text(field, "name").unwrap_or_default(), value, kind)
                };
                fields.items().iter().map(field).collect()
            }
        })
    }

    fn timestamp(&mut self, node: &Node) -> Option<i64> {
        let time = node.get("timestamp")?;
        let written = time.as_text().unwrap_or_default();
        match written.parse::<jiff::Timestamp>() {
            Ok(moment) => Some(moment.as_microsecond()),
            Err(_) => {
                let problem =
                    Problem::new(format!("`{written}` is no time")).help("write it like 2026-11-22T10:00:00Z");
                self.report(time.span.clone(), problem);
                None
            }
        }
    }

    fn content(&mut self, node: &Node) -> Option<Content> {
        Content::of(node).map_err(|problem| self.report(node.span.clone(), problem)).ok()
    }

    fn bytes(&mut self, node: &Node) -> Option<Vec<u8>> {
        bytes(node).unwrap_or_else(|problem| {
            self.report(node.span.clone(), problem);
            None
        })
    }

    fn query(&mut self, node: &Node) -> Option<Query> {
        let query: Query = node.read().map_err(|mistake| self.found.push(mistake)).ok()?;
        if let Err(problem) = query.check_for_records() {
            self.report(node.span.clone(), problem);
        }
        Some(query)
    }

    fn known(&mut self, what: &str, name: &str, span: &Range<usize>, names: &[&str]) {
        if names.contains(&name) {
            return;
        }
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        self.report(span.clone(), Problem::new(format!("the pipeline has no {what} `{name}`")).help(help));
    }

    /// A test that expects nothing would pass whatever comes out.
    fn refuse_emptiness(&mut self, node: &Node) {
        if ["sinks", "rejected", "dropped"].iter().all(|key| node.get(key).is_none()) {
            let help = "add `sinks`, `rejected` or `dropped`";
            self.report(node.span_of("name"), Problem::new("nothing is said of what comes out").help(help));
        }
    }

    /// A report shows what was expected and what came: nothing of that may be secret.
    fn refuse_secrets(&mut self, node: &Node) {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.is_secret() => {
                let problem = Problem::new("must not come from outside: the report of a test shows what is in it");
                self.report(node.span.clone(), problem.help("write the value itself, invented if need be"));
            }
            Kind::Seq(items, _) => items.iter().for_each(|item| self.refuse_secrets(item)),
            Kind::Map(entries, _) => entries.iter().for_each(|(_, value)| self.refuse_secrets(value)),
            _ => {}
        }
    }

    fn report(&mut self, span: Range<usize>, problem: Problem) {
        self.found.push(problem.at(span));
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place { file: Arc::clone(self.file), span, path: TESTS.to_owned() }
    }
}

/// The names of what can reject a record before it reaches a sink.
fn steps(pipeline: &Pipeline) -> Vec<&str> {
    let branches = pipeline.sinks.iter().flat_map(|sink| &sink.transforms);
    let steps = pipeline.transforms.iter().chain(branches).map(|step: &Component| step.name.as_str());
    steps.chain([ROUTER]).collect()
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_text).map(str::to_owned)
}
