//! The cases of a plugin: records in, expected records out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::config::{Mistake, Node, Role, parse};
use catchwater_sdk::transform::{BoxTransform, Output};
use catchwater_sdk::{
    Batch, BatchBuilder, Context, Error, ErrorKind, Limit, Partition, Record, Registry, Result, ResultExt,
};
use catchwater_wasm::Plugins;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::server::Answer;
use super::{bench, ends, fuzz};

const FILE: &str = "tests.yaml";

/// `None` is a tombstone.
pub(super) type Payload = Option<Vec<u8>>;

/// One case of a project.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) config: Map<String, Value>,
    pub(super) input: Vec<Payload>,
    out: Vec<Payload>,
    /// For each record that is rejected a part of the reason.
    rejected: Vec<String>,
    /// What the server answers that `SERVER` stands for.
    pub(super) answers: Vec<Answer>,
    /// What it is to be sent, if that matters.
    sent: Option<Vec<String>>,
}

/// A case as it stands in `tests.yaml`; `~` is a tombstone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default, rename = "in")]
    input: Vec<Option<String>>,
    #[serde(default)]
    out: Vec<Option<String>>,
    #[serde(default)]
    rejected: Vec<String>,
    #[serde(default)]
    answers: Vec<Answer>,
    sent: Option<Vec<String>>,
}

/// What came of records: what goes on, and what is rejected with its reason.
pub(super) struct Came {
    pub(super) out: Vec<Payload>,
    pub(super) rejected: Vec<(Payload, String)>,
}

/// Runs all cases, then each with payloads that nobody would send; an error tells which failed.
pub(super) fn run(project: &Path, plugin: Option<&str>, plugins: &Plugins, registry: &Registry) -> Result<String> {
    let (plugin, cases) = read(project, plugin)?;
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
    let (plugin, cases) = read(project, plugin)?;
    let started = Instant::now();
    let role = plugins.load(&plugin)?.role();
    let loaded = format!("{plugin}: loaded in {:.1} ms\n", started.elapsed().as_secs_f64() * 1e3);
    let measured = cases.iter().map(|case| bench::measure(case, &plugin, role, registry));
    std::iter::once(Ok(loaded)).chain(measured).collect()
}

fn many(cases: usize) -> String {
    format!("{cases} case{}", if cases == 1 { "" } else { "s" })
}

/// The plugin's name and its cases.
fn read(project: &Path, plugin: Option<&str>) -> Result<(String, Vec<Case>)> {
    let path = project.join(FILE);
    let text = fs::read_to_string(&path).or_config(|| format!("read {}", path.display()))?;
    let cases = read_cases(&text).map_err(|what| Error::config(format!("{}: {what}", path.display())))?;
    let plugin = plugin.map_or_else(|| name_of(project), |plugin| Ok(plugin.to_owned()))?;
    Ok((plugin, cases))
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
    Ok(written.into_iter().map(Case::from).collect())
}

/// A plugin is called as its project's folder is.
fn name_of(project: &Path) -> Result<String> {
    let folder = project.canonicalize().or_config(|| format!("find {}", project.display()))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Error::config(format!("{} has no name; give --plugin", project.display())))
}

/// The step that a pipeline would have.
pub(super) fn build(case: &Case, plugin: &str, registry: &Registry) -> Result<BoxTransform> {
    let grants = json!({ "clock": true, "random": true, "state": true });
    let node = keys(plugin, &Value::Object(case.config.clone()), &grants);
    let context = Context::unattached("test", PathBuf::new());
    registry.build_transform("wasm", &node, &context).map_err(|mistake| Error::config(mistake.to_string()))
}

pub(super) fn batch(payloads: &[Payload]) -> Batch {
    let partition = Partition { source: "test".into(), stream: "test".into(), incarnation: "1".into(), number: 0 };
    let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    let origin = batch.origin(&Arc::new(partition));
    for (i, payload) in (0..).zip(payloads) {
        batch.push(origin, i, i + 1, Record { payload: payload.as_deref(), ..Record::default() });
    }
    batch.finish()
}

/// As a pipeline would: a batch that fails as a whole is halved until the records to blame stand alone.
pub(super) fn apply(transform: &mut BoxTransform, payloads: &[Payload]) -> Result<Came> {
    match apply_once(transform, payloads) {
        Err(error) if error.kind() == ErrorKind::Data && payloads.len() > 1 => {
            let (first, second) = payloads.split_at(payloads.len() / 2);
            let (mut came, behind) = (apply(transform, first)?, apply(transform, second)?);
            came.out.extend(behind.out);
            came.rejected.extend(behind.rejected);
            Ok(came)
        }
        Err(error) if error.kind() == ErrorKind::Data => {
            let rejected = payloads.iter().map(|payload| (payload.clone(), error.chain())).collect();
            Ok(Came { out: Vec::new(), rejected })
        }
        came => came,
    }
}

fn apply_once(transform: &mut BoxTransform, payloads: &[Payload]) -> Result<Came> {
    let batch = batch(payloads);
    let mut output = Output::new(&batch);
    transform.apply(&batch, &mut output)?;
    let outcome = output.finish()?;
    let rejected = outcome.rejected.iter();
    let rejected =
        rejected.flat_map(|bad| payloads_of(&bad.records).into_iter().map(|payload| (payload, bad.reason.clone())));
    Ok(Came { out: payloads_of(&outcome.emitted), rejected: rejected.collect() })
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
    pub(super) fn with(&self, input: Vec<Payload>, answers: Vec<Answer>) -> Case {
        let (name, config) = (self.name.clone(), self.config.clone());
        Case { name, config, input, answers, out: Vec::new(), rejected: Vec::new(), sent: None }
    }

    /// How what came is other than expected, if it is.
    fn other(&self, came: &Came, sent: Option<&[String]>) -> Option<String> {
        let fits = |((_, reason), part): (&(Payload, String), &String)| reason.contains(part.as_str());
        let is_sent = sent.zip(self.sent.as_deref()).is_none_or(|(sent, expected)| sent == expected);
        let as_expected = is_sent
            && came.out == self.out
            && came.rejected.len() == self.rejected.len()
            && came.rejected.iter().zip(&self.rejected).all(fits);
        (!as_expected).then(|| self.difference(came, sent.unwrap_or_default()))
    }

    fn difference(&self, came: &Came, sent: &[String]) -> String {
        let text = |payload: &Payload| payload.as_deref().map_or("~".into(), String::from_utf8_lossy).into_owned();
        let lines = |lines: Vec<String>| -> String { lines.iter().map(|line| format!("    {line}\n")).collect() };
        let payloads = |payloads: &[Payload]| lines(payloads.iter().map(text).collect());
        let reasons = |of: &[(Payload, String)]| lines(of.iter().map(|(_, reason)| reason.clone()).collect());
        let mut said = format!("{}:\n", self.name);
        if came.out != self.out {
            said += &format!("  expected\n{}  came\n{}", payloads(&self.out), payloads(&came.out));
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

impl From<Written> for Case {
    fn from(written: Written) -> Case {
        let bytes =
            |payloads: Vec<Option<String>>| payloads.into_iter().map(|text| text.map(String::into_bytes)).collect();
        let Written { name, config, input, out, rejected, answers, sent } = written;
        Case { name, config, input: bytes(input), out: bytes(out), rejected, answers, sent }
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
        assert_eq!(cases[0].input, [Some(b"x".to_vec()), None, Some(b"~".to_vec())]);
    }
}
