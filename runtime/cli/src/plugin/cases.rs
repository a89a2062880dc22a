//! The cases of a plugin: records in, expected records out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::config::{Mistake, Node, Role, parse};
use catchwater_sdk::transform::{BoxTransform, Output};
use catchwater_sdk::{Batch, BatchBuilder, Context, Error, ErrorKind, Limit, Partition, Registry, Result, ResultExt};
use catchwater_wasm::Plugins;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::records::{Given, Payload, Said};
use super::server::Answer;
use super::{bench, ends, fuzz, manifest};
use crate::output::note;

const FILE: &str = "tests.yaml";

/// One case of a project.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) config: Map<String, Value>,
    pub(super) input: Vec<Given>,
    out: Vec<Said>,
    /// For each record that is rejected a part of the reason.
    rejected: Vec<String>,
    /// What the server answers that `SERVER` stands for.
    pub(super) answers: Vec<Answer>,
    /// What it is to be sent, if that matters.
    sent: Option<Vec<String>>,
}

/// A case as it stands in `tests.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    config: Map<String, Value>,
    /// Its records, and those of `out`, are [read](Said::read) by themselves: they are texts or mappings.
    #[serde(default, rename = "in")]
    _input: Vec<IgnoredAny>,
    #[serde(default, rename = "out")]
    _out: Vec<IgnoredAny>,
    #[serde(default)]
    rejected: Vec<String>,
    #[serde(default)]
    answers: Vec<Answer>,
    sent: Option<Vec<String>>,
}

/// What came of records: what goes on, and what is rejected with its reason.
pub(super) struct Came {
    pub(super) out: Vec<Given>,
    pub(super) rejected: Vec<(Payload, String)>,
}

/// Runs all cases, then each with payloads that nobody would send; an error tells which failed.
pub(super) fn run(project: &Path, plugin: Option<&str>, plugins: &Plugins, registry: &Registry) -> Result<String> {
    let (plugin, cases) = read(project, plugin, plugins)?;
    let role = plugins.load(&plugin)?.role();
    let mut failed = Vec::new();
    for case in &cases {
        let tried = match role {
            Role::Transform => build(case, &plugin, registry).and_then(|mut transform| case.failure(&mut transform)),
            role => case.failure_at_ends(&plugin, role, registry),
        };
        failed.extend(tried.unwrap_or_else(|error| Some(format!("{}: {}\n", case.name, error.chain()))));
    }
    match failed.as_slice() {
        [] => Ok(format!("{plugin}: {} passed\n", many(cases.len()))),
        failed => Err(Error::data(format!("{plugin}: {} failed\n\n{}", many(failed.len()), failed.join("\n")))),
    }
}

/// Measures how long loading the plugin takes, and the plugin with each case.
pub(super) fn measure(project: &Path, plugin: Option<&str>, plugins: &Plugins, registry: &Registry) -> Result<String> {
    let (plugin, cases) = read(project, plugin, plugins)?;
    let started = Instant::now();
    let role = plugins.load(&plugin)?.role();
    let loaded = format!("{plugin}: loaded in {:.1} ms\n", started.elapsed().as_secs_f64() * 1e3);
    let measured = cases.iter().map(|case| bench::measure(case, &plugin, role, registry));
    std::iter::once(Ok(loaded)).chain(measured).collect()
}

fn many(cases: usize) -> String {
    format!("{cases} case{}", if cases == 1 { "" } else { "s" })
}

/// The plugin's name and its cases. Tells where the plugin is not what the project would be built to now.
fn read(project: &Path, plugin: Option<&str>, plugins: &Plugins) -> Result<(String, Vec<Case>)> {
    let path = project.join(FILE);
    let text = fs::read_to_string(&path).or_config(|| format!("read {}", path.display()))?;
    let cases = read_cases(&text).map_err(|what| Error::config(format!("{}: {what}", path.display())))?;
    if let Some(plugin) = plugin {
        return Ok((plugin.to_owned(), cases));
    }
    let name = manifest::name_of(project)?;
    if let Some(source) = manifest::changed_since(project, &plugins.path_of(&name)) {
        let (source, project) = (source.display(), project.display());
        note(&format!("warning: {name} was built before {source} changed: catchwater plugin build {project}"));
    }
    Ok((name, cases))
}

fn read_cases(text: &str) -> std::result::Result<Vec<Case>, String> {
    let said = |mistake: &Mistake| {
        let before = &text[..mistake.span.start.min(text.len())];
        format!("line {}: {mistake}", before.matches('\n').count() + 1)
    };
    let parsed = parse(text);
    if let Some(first) = parsed.mistakes.first() {
        return Err(said(first));
    }
    let document = parsed.documents.into_iter().next().ok_or("there is no case in it")?;
    let written: Vec<Written> = document.root.read().map_err(|first| said(&first))?;
    let cases = written.into_iter().zip(document.root.items());
    cases
        .map(|(written, node)| Case::read(written, node))
        .collect::<std::result::Result<_, _>>()
        .map_err(|first| said(&first))
}

/// The step that a pipeline would have.
pub(super) fn build(case: &Case, plugin: &str, registry: &Registry) -> Result<BoxTransform> {
    let grants = json!({ "clock": true, "random": true, "state": true });
    let node = keys(plugin, &Value::Object(case.config.clone()), &grants);
    let context = Context::unattached("test", PathBuf::new());
    registry.build_transform("wasm", &node, &context).map_err(|mistake| Error::config(mistake.to_string()))
}

pub(super) fn batch(records: &[Given]) -> Batch {
    let partition = Partition { source: "test".into(), stream: "test".into(), incarnation: "1".into(), number: 0 };
    let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    let origin = batch.origin(&Arc::new(partition));
    (0..).zip(records).for_each(|(position, record)| record.put(&mut batch, origin, position));
    batch.finish()
}

/// As a pipeline would: a batch that fails as a whole is halved until the records to blame stand alone.
pub(super) fn apply(transform: &mut BoxTransform, records: &[Given]) -> Result<Came> {
    match apply_once(transform, records) {
        Err(error) if error.kind() == ErrorKind::Data && records.len() > 1 => {
            let (first, second) = records.split_at(records.len() / 2);
            let (mut came, behind) = (apply(transform, first)?, apply(transform, second)?);
            came.out.extend(behind.out);
            came.rejected.extend(behind.rejected);
            Ok(came)
        }
        Err(error) if error.kind() == ErrorKind::Data => {
            let rejected = records.iter().map(|record| (record.payload.clone(), error.chain())).collect();
            Ok(Came { out: Vec::new(), rejected })
        }
        came => came,
    }
}

fn apply_once(transform: &mut BoxTransform, records: &[Given]) -> Result<Came> {
    let batch = batch(records);
    let mut output = Output::new(&batch);
    transform.apply(&batch, &mut output)?;
    let outcome = output.finish()?;
    let rejected = outcome.rejected.iter();
    let rejected =
        rejected.flat_map(|bad| payloads_of(&bad.records).into_iter().map(|payload| (payload, bad.reason.clone())));
    Ok(Came { out: Given::all(&outcome.emitted), rejected: rejected.collect() })
}

/// The keys of a step for a plugin that is tried: that it breaks off is not to end the trial.
pub(super) fn keys(plugin: &str, config: &Value, grants: &Value) -> Node {
    let keys = json!({ "plugin": plugin, "config": config, "grants": grants, "failures_max": 100_000 });
    parse(&keys.to_string()).documents.remove(0).root
}

pub(super) fn payloads_of(batch: &Batch) -> Vec<Payload> {
    batch.iter().map(|record| record.payload().map(<[u8]>::to_vec)).collect()
}

// === impl Case ===

impl Case {
    fn read(written: Written, node: &Node) -> std::result::Result<Case, Mistake> {
        let said = |key: &str| -> std::result::Result<Vec<Said>, Mistake> {
            node.get(key).map_or(&[][..], Node::items).iter().map(Said::read).collect()
        };
        let Written { name, config, rejected, answers, sent, .. } = written;
        let input = said("in")?.into_iter().map(Said::given).collect();
        Ok(Case { name, config, input, out: said("out")?, rejected, answers, sent })
    }

    /// What is not as expected.
    fn failure(&self, transform: &mut BoxTransform) -> Result<Option<String>> {
        let came = apply(transform, &self.input)?;
        match self.other(&came, None) {
            None => fuzz::find(self, transform),
            other => Ok(other),
        }
    }

    /// The same of a source or a sink.
    fn failure_at_ends(&self, plugin: &str, role: Role, registry: &Registry) -> Result<Option<String>> {
        let (came, sent) = ends::run(self, plugin, role, registry)?;
        match self.other(&came, Some(&sent)) {
            None => fuzz::find_at_ends(self, plugin, role, registry),
            other => Ok(other),
        }
    }

    /// The case with other records and another server, of which nothing is expected.
    pub(super) fn with(&self, input: Vec<Given>, answers: Vec<Answer>) -> Case {
        let (name, config) = (self.name.clone(), self.config.clone());
        Case { name, config, input, answers, out: Vec::new(), rejected: Vec::new(), sent: None }
    }

    /// How what came is other than expected, if it is.
    fn other(&self, came: &Came, sent: Option<&[String]>) -> Option<String> {
        let fits = |((_, reason), part): (&(Payload, String), &String)| reason.contains(part.as_str());
        let is_sent = sent.zip(self.sent.as_deref()).is_none_or(|(sent, expected)| sent == expected);
        let as_expected = is_sent
            && self.is_out(&came.out)
            && came.rejected.len() == self.rejected.len()
            && came.rejected.iter().zip(&self.rejected).all(fits);
        (!as_expected).then(|| self.difference(came, sent.unwrap_or_default()))
    }

    fn is_out(&self, came: &[Given]) -> bool {
        came.len() == self.out.len() && self.out.iter().zip(came).all(|(said, came)| said.fits(came))
    }

    fn difference(&self, came: &Came, sent: &[String]) -> String {
        let wholly = self.out.iter().any(Said::says_more);
        let lines = |lines: Vec<String>| -> String { lines.iter().map(|line| format!("    {line}\n")).collect() };
        let records = |records: &[Given]| lines(records.iter().map(|record| record.show(wholly)).collect());
        let reasons = |of: &[(Payload, String)]| lines(of.iter().map(|(_, reason)| reason.clone()).collect());
        let mut said = format!("{}:\n", self.name);
        if !self.is_out(&came.out) {
            let expected = lines(self.out.iter().map(|said| said.show(wholly)).collect());
            said += &format!("  expected\n{expected}  came\n{}", records(&came.out));
        }
        if !came.rejected.is_empty() || !self.rejected.is_empty() {
            let expected = lines(self.rejected.clone());
            said += &format!("  expected to be rejected\n{expected}  rejected\n{}", reasons(&came.rejected));
        }
        if let Some(expected) = self.sent.as_deref().filter(|expected| *expected != sent) {
            let lines = |bodies: &[String]| lines(bodies.iter().map(|body| format!("{body:?}")).collect());
            said += &format!("  expected to be sent\n{}  sent\n{}", lines(expected), lines(sent));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_the_cases_is_told_with_its_line() {
        let said = |text: &str| read_cases(text).err().expect("it is wrong");
        assert!(
            said("- name: a\n  in: [x]\n  uot: [x]\n").starts_with("line 3: "),
            "{}",
            said("- name: a\n  in: [x]\n  uot: [x]\n")
        );
        assert_eq!(said(""), "there is no case in it");
        let cases = read_cases("- name: a\n  in: [x, ~, '~']\n").expect("it is right");
        let payloads: Vec<_> = cases[0].input.iter().map(|record| record.payload.clone()).collect();
        assert_eq!(payloads, [Some(b"x".to_vec()), None, Some(b"~".to_vec())]);
    }

    #[test]
    fn a_record_may_say_more_than_its_payload() {
        let text =
            "- name: a\n  in: [{ payload: x, key: k, headers: { a: b, c: ~ }, timestamp: 1970-01-01T00:00:01Z }]\n";
        let fits = |out: &str| {
            let case = read_cases(&format!("{text}  out: [{out}]\n")).expect("it is right").remove(0);
            let came = Came { out: Given::all(&batch(&case.input)), rejected: Vec::new() };
            case.other(&came, None).is_none()
        };
        let same =
            ["x", "{ payload: x }", "{ key: k }", "{ headers: { c: ~, a: b } }", "{ timestamp: 1970-01-01T00:00:01Z }"];
        same.into_iter().for_each(|out| assert!(fits(out), "{out}"));
        let other =
            ["~", "{ payload: ~ }", "{ key: ~ }", "{ headers: {} }", "{ timestamp: ~ }", "{ payload: x, key: c }"];
        other.into_iter().for_each(|out| assert!(!fits(out), "{out}"));
        let said = |text: &str| read_cases(text).err().expect("it is wrong");
        let wrong = said("- name: a\n  in:\n    - { paylod: x }\n");
        assert!(wrong.starts_with("line 3: ") && wrong.contains("paylod"), "{wrong}");
        assert!(said("- name: a\n  in: [{ timestamp: now }]\n").contains("write it like 2026-11-22T10:00:00Z"));
    }
}
