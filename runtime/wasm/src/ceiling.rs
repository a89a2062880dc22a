//! What plugins may have at most on this machine, whatever a pipeline says.
//!
//! A pipeline is written by those who need it, a ceiling by whoever answers for the server. What a pipeline asks for beyond
//! it is a mistake at its key; what it leaves to a default is lowered without a word.

use std::fmt::Display;
use std::fs;
use std::ops::Range;
use std::path::Path;

use catchwater_sdk::config::{Duration, Key, Kind, Mistake, Node, Size, parse};
use catchwater_sdk::{Error, Result, ResultExt, nearest};
use serde::de::DeserializeOwned;

use crate::compile::Effort;
use crate::config::{Bound, Bounds, Config};
use crate::egress::Origin;
use crate::grants::Grants;

/// The bounds of a step and what it may be granted, each with its line. What is not named is not limited.
#[derive(Clone, Debug, Default)]
pub struct Ceiling {
    file: String,
    time_max: Option<Limit<Duration>>,
    memory_max: Option<Limit<Size>>,
    output_max: Option<Limit<Size>>,
    log_max: Option<Limit<u32>>,
    failures_max: Option<Limit<u32>>,
    compile_time_max: Option<Limit<Duration>>,
    compile_memory_max: Option<Limit<Size>>,
    grants: Option<Grantable>,
}

/// With the key `grants`, only what is named in it may be granted.
#[derive(Clone, Debug, Default)]
struct Grantable {
    clock: Limit<bool>,
    random: Limit<bool>,
    state: Limit<bool>,
    egress: Limit<Vec<Origin>>,
    state_max: Option<Limit<Size>>,
    requests_max: Option<Limit<u32>>,
    requests_time_max: Option<Limit<Duration>>,
    body_max: Option<Limit<Size>>,
}

#[derive(Clone, Debug, Default)]
struct Limit<T> {
    most: T,
    line: usize,
}

const KEYS: [&str; 8] = [
    "time_max",
    "memory_max",
    "output_max",
    "log_max",
    "failures_max",
    "compile_time_max",
    "compile_memory_max",
    "grants",
];
const GRANTS: [&str; 8] =
    ["clock", "random", "state", "state_max", "egress", "requests_max", "requests_time_max", "body_max"];

// === impl Ceiling ===

impl Ceiling {
    /// Reads a file; an error names the line and column of what is wrong in it.
    pub fn read(path: &Path) -> Result<Ceiling> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).or_config(|| format!("read the ceiling of plugins {file}"))?;
        Reader { text: &text }.ceiling(file.clone()).map_err(|mistake| {
            let (line, column) = place(&text, mistake.span.start);
            let help = mistake.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
            Error::config(format!("{file}, line {line}, column {column}: {mistake}{help}"))
        })
    }

    /// Lowers what a pipeline leaves open; an error names the first key that asks for more.
    pub(crate) fn hold(&self, config: &mut Config) -> Result<()> {
        self.bound("time_max", &mut config.time_max, self.time_max.as_ref())?;
        self.bound("memory_max", &mut config.memory_max, self.memory_max.as_ref())?;
        self.bound("output_max", &mut config.output_max, self.output_max.as_ref())?;
        self.bound("log_max", &mut config.log_max, self.log_max.as_ref())?;
        self.bound("failures_max", &mut config.failures_max, self.failures_max.as_ref())?;
        self.grants.as_ref().map_or(Ok(()), |grantable| self.hold_grants(grantable, &mut config.grants))
    }

    /// What a plugin may take that is only asked what it is.
    pub(crate) fn when_asked(&self) -> Bounds {
        let mut bounds = Bounds::default();
        if let Some(limit) = &self.time_max {
            bounds.time = bounds.time.min(limit.most.get());
        }
        if let Some(limit) = &self.memory_max {
            bounds.memory_bytes = bounds.memory_bytes.min(limit.most.as_usize());
        }
        bounds
    }

    /// What compiling a plugin may take. It is not a pipeline's to say: without a limit here, it is the default.
    pub(crate) fn effort(&self) -> Effort {
        let Effort { time, memory } = Effort::default();
        Effort {
            time: self.compile_time_max.as_ref().map_or(time, |limit| limit.most),
            memory: self.compile_memory_max.as_ref().map_or(memory, |limit| limit.most),
        }
    }

    fn hold_grants(&self, grantable: &Grantable, grants: &mut Grants) -> Result<()> {
        let wishes = [
            ("clock", grants.clock, &grantable.clock),
            ("random", grants.random, &grantable.random),
            ("state", grants.state, &grantable.state),
        ];
        for (key, asked, may) in wishes {
            if asked && !may.most {
                return Err(self.beyond(&format!("grants.{key}"), "plugins may not have it here", may.line));
            }
        }
        for (number, destination) in grants.egress.iter().enumerate() {
            let key = format!("grants.egress[{number}].to");
            let origin = Origin::read(&destination.to).map_err(|what| Error::config(what).at_key(&key))?;
            if !grantable.egress.most.iter().any(|may| may.covers(&origin)) {
                let text = match grantable.egress.most.iter().find(|may| may.covers_but_for_port(&origin)) {
                    Some(may) => format!("with its port it reaches private networks; plugins may reach `{may}` here"),
                    None => format!("plugins may not reach `{origin}` here"),
                };
                return Err(self.beyond(&key, &text, grantable.egress.line));
            }
        }
        self.bound("grants.state_max", &mut grants.state_max, grantable.state_max.as_ref())?;
        self.bound("grants.requests_max", &mut grants.requests_max, grantable.requests_max.as_ref())?;
        self.bound("grants.requests_time_max", &mut grants.requests_time_max, grantable.requests_time_max.as_ref())?;
        self.bound("grants.body_max", &mut grants.body_max, grantable.body_max.as_ref())
    }

    fn bound<T>(&self, key: &str, bound: &mut Bound<T>, limit: Option<&Limit<T>>) -> Result<()>
    where
        T: Copy + PartialOrd + Display,
    {
        match limit {
            Some(limit) if bound.most > limit.most && bound.is_said => {
                let text = format!("{} is more than plugins may have here, {} at most", bound.most, limit.most);
                Err(self.beyond(key, &text, limit.line))
            }
            Some(limit) if bound.most > limit.most => {
                bound.most = limit.most;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn beyond(&self, key: &str, text: &str, line: usize) -> Error {
        Error::config(format!("{text} ({}, line {line})", self.file)).at_key(key)
    }
}

/// Reads the text of a ceiling. Mistakes stand at keys, whatever part of a value is wrong.
struct Reader<'a> {
    text: &'a str,
}

// === impl Reader ===

impl Reader<'_> {
    fn ceiling(&self, file: String) -> Result<Ceiling, Mistake> {
        let parsed = parse(self.text);
        if let Some(first) = parsed.mistakes.into_iter().next() {
            return Err(first);
        }
        let root = match parsed.documents.as_slice() {
            [document] => &document.root,
            [] => return Err(Mistake::new(0..0, "there is nothing in it, so that nothing would be limited")),
            [_, second, ..] => return Err(Mistake::new(second.root.span.clone(), "there is a second document")),
        };
        let mut ceiling = Ceiling { file, ..Ceiling::default() };
        for (key, value) in entries(root, &root.span)? {
            match key.text.as_str() {
                "time_max" => ceiling.time_max = Some(self.limit(key, value)?),
                "memory_max" => ceiling.memory_max = Some(self.limit(key, value)?),
                "output_max" => ceiling.output_max = Some(self.limit(key, value)?),
                "log_max" => ceiling.log_max = Some(self.limit(key, value)?),
                "failures_max" => ceiling.failures_max = Some(self.limit(key, value)?),
                "compile_time_max" => ceiling.compile_time_max = Some(self.limit(key, value)?),
                "compile_memory_max" => ceiling.compile_memory_max = Some(self.limit(key, value)?),
                "grants" => ceiling.grants = Some(self.grantable(key, value)?),
                _ => return Err(unknown(key, &KEYS)),
            }
        }
        Ok(ceiling)
    }

    fn grantable(&self, grants: &Key, value: &Node) -> Result<Grantable, Mistake> {
        let mut grantable = Grantable::default();
        [grantable.clock.line, grantable.random.line, grantable.state.line, grantable.egress.line] =
            [self.line(grants); 4];
        if value.is_null() {
            return Ok(grantable);
        }
        for (key, value) in entries(value, &grants.span)? {
            match key.text.as_str() {
                "clock" => grantable.clock = self.limit(key, value)?,
                "random" => grantable.random = self.limit(key, value)?,
                "state" => grantable.state = self.limit(key, value)?,
                "state_max" => grantable.state_max = Some(self.limit(key, value)?),
                "egress" => grantable.egress = Limit { most: origins(key, value)?, line: self.line(key) },
                "requests_max" => grantable.requests_max = Some(self.limit(key, value)?),
                "requests_time_max" => grantable.requests_time_max = Some(self.limit(key, value)?),
                "body_max" => grantable.body_max = Some(self.limit(key, value)?),
                _ => return Err(unknown(key, &GRANTS)),
            }
        }
        Ok(grantable)
    }

    fn limit<T: DeserializeOwned>(&self, key: &Key, value: &Node) -> Result<Limit<T>, Mistake> {
        let most = value.read().map_err(|mistake| at(key, mistake.message))?;
        Ok(Limit { most, line: self.line(key) })
    }

    fn line(&self, key: &Key) -> usize {
        place(self.text, key.span.start).0
    }
}

fn entries<'n>(map: &'n Node, around: &Range<usize>) -> Result<&'n [(Key, Node)], Mistake> {
    match &map.kind {
        Kind::Map(entries, _) => Ok(entries),
        _ => Err(Mistake::new(around.clone(), "keys with values are expected, such as `memory_max: 64MiB`")),
    }
}

fn origins(key: &Key, value: &Node) -> Result<Vec<Origin>, Mistake> {
    let destinations: Vec<String> = value.read().map_err(|mistake| at(key, mistake.message))?;
    let origin = |to: &String| Origin::read(to).map_err(|what| at(key, format!("`{to}` {what}")));
    destinations.iter().map(origin).collect()
}

fn unknown(key: &Key, known: &[&str]) -> Mistake {
    let mistake = Mistake::new(key.span.clone(), format!("there is no key `{}`", key.text));
    match nearest(&key.text, known.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("there are {}", known.join(", "))),
    }
}

fn at(key: &Key, message: impl Into<String>) -> Mistake {
    Mistake::new(key.span.clone(), message).key(&key.text)
}

/// Line and column of an offset, from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(text: &str) -> Ceiling {
        Reader { text }.ceiling("ceiling.yaml".into()).expect("it is sound")
    }

    fn config(keys: &str) -> Config {
        parse(&format!("{{plugin: mask, {keys}}}")).documents[0].root.read().expect("it is sound")
    }

    /// What is said of a pipeline's keys, after the key.
    fn check(text: &str, keys: &str, expected: &str) {
        let error = ceiling(text).hold(&mut config(keys)).expect_err("it is beyond");
        assert_eq!(format!("{}: {error}", error.key().unwrap_or_default()), expected, "{keys} under {text}");
    }

    fn check_held(text: &str, keys: &str) -> Config {
        let mut config = config(keys);
        ceiling(text).hold(&mut config).expect("it is within");
        config
    }

    fn check_file(text: &str, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ceiling.yaml");
        fs::write(&path, text).expect("it can be written");
        let said = Ceiling::read(&path).expect_err("it is wrong").to_string();
        let start = format!("{}, line ", path.display());
        assert_eq!(said.strip_prefix(&start), Some(expected), "{said}");
    }

    #[test]
    fn what_a_pipeline_says_beyond_it_is_refused_at_its_key() {
        let text = "# of this server\ntime_max: 500ms\nmemory_max: 64MiB\noutput_max: 1MiB\nlog_max: 10\nfailures_max: 5\n\
                    grants:\n  egress: ['https://a']\n  requests_max: 2\n  requests_time_max: 1s\n  body_max: 1KiB\n  state_max: 2KiB\n";
        let at_most = "is more than plugins may have here";
        for (keys, key, asked, most, line) in [
            ("time_max: 501ms", "time_max", "501ms", "500ms", 2),
            ("memory_max: 128MiB", "memory_max", "128MiB", "64MiB", 3),
            ("output_max: 2MiB", "output_max", "2MiB", "1MiB", 4),
            ("log_max: 11", "log_max", "11", "10", 5),
            ("failures_max: 6", "failures_max", "6", "5", 6),
            ("grants: {requests_max: 3}", "grants.requests_max", "3", "2", 9),
            ("grants: {requests_time_max: 2s}", "grants.requests_time_max", "2s", "1s", 10),
            ("grants: {body_max: 1MiB}", "grants.body_max", "1MiB", "1KiB", 11),
            ("grants: {state_max: 1MiB}", "grants.state_max", "1MiB", "2KiB", 12),
        ] {
            check(text, keys, &format!("{key}: {asked} {at_most}, {most} at most (ceiling.yaml, line {line})"));
        }
    }

    #[test]
    fn a_default_is_lowered_and_what_is_not_named_is_not_limited() {
        let held = check_held("memory_max: 64MiB\nlog_max: 200", "memory_max: 64MiB, time_max: 10m");
        assert_eq!((held.bounds().memory_bytes, held.bounds().log_lines), (64 << 20, 100));
        assert_eq!(held.bounds().time.as_secs(), 600);
        let held = check_held("memory_max: 1MiB\ntime_max: 20ms\ngrants: {requests_max: 3}", "");
        assert_eq!((held.bounds().memory_bytes, held.bounds().time.as_millis()), (1 << 20, 20));
        assert_eq!(*held.grants.requests_max, 3);
        let effort = ceiling("compile_memory_max: 512MiB").effort();
        assert_eq!(effort.to_string(), "5m of a processor and 512MiB");
        let asked = ceiling("memory_max: 1MiB\ntime_max: 20ms").when_asked();
        assert_eq!((asked.memory_bytes, asked.time.as_millis()), (1 << 20, 20));
    }

    #[test]
    fn only_what_is_named_may_be_granted_once_there_are_grants() {
        let all = "grants: {clock: true, random: true, egress: [{to: 'https://a'}]}";
        check_held("memory_max: 64MiB", all);
        check_held("grants: {clock: true, random: true, egress: ['https://b', 'https://a:443/']}", all);
        check_held("grants:", "grants: {clock: false}");
        let not_here = "plugins may not have it here (ceiling.yaml, line";
        check("grants:", "grants: {clock: true}", &format!("grants.clock: {not_here} 1)"));
        check(
            "grants:\n  clock: true\n  random: false",
            "grants: {random: true}",
            &format!("grants.random: {not_here} 3)"),
        );
        check("grants:\n  clock: true", all, &format!("grants.random: {not_here} 1)"));
    }

    #[test]
    fn a_destination_is_scheme_host_and_port_and_how_near_they_may_be() {
        let text = "grants:\n  egress: ['https://a', 'http://b:8080']";
        let egress = |to| format!("grants: {{egress: [{{to: 'https://a'}}, {{to: '{to}'}}]}}");
        check_held(text, &egress("http://b:8080"));
        for to in ["http://a", "https://a.b", "http://b", "http://b:8081", "https://b:8080"] {
            let said = format!("grants.egress[1].to: plugins may not reach `{to}` here (ceiling.yaml, line 2)");
            check(text, &egress(to), &said);
        }
        let said = "grants.egress[1].to: with its port it reaches private networks; plugins may reach `https://a` here \
                    (ceiling.yaml, line 2)";
        check(text, &egress("https://a:443"), said);
        check(text, &egress("b"), "grants.egress[1].to: is no address: relative URL without a base");
    }

    #[test]
    fn a_mistake_in_the_file_is_told_with_its_place() {
        check_file(
            "time_max: 1s\nmemroy_max: 1MiB",
            "2, column 1: there is no key `memroy_max` (did you mean `memory_max`?)",
        );
        check_file(
            "time_max: 1s\n# é\nmemory_max: 64",
            "3, column 1: memory_max: needs a unit, such as `64MiB` (units: B, KiB, MiB, GiB, TiB)",
        );
        check_file("{log_max: 1, failures_max: few}", "1, column 14: failures_max: must be a whole number");
        check_file(
            "log_max: 1\ngrants:\n  files: true",
            "3, column 3: there is no key `files` (there are clock, random, state, state_max, egress, requests_max, requests_time_max, body_max)",
        );
        check_file("grants:\n  clock: maybe", "2, column 3: clock: must be `true` or `false`");
        check_file("grants: true", "1, column 1: keys with values are expected, such as `memory_max: 64MiB`");
        check_file(
            "grants:\n  egress:\n    - https://a\n    - ftp://b",
            "2, column 3: egress: `ftp://b` begins with `ftp`, and must with `http` or `https`",
        );
        check_file("", "1, column 1: there is nothing in it, so that nothing would be limited");
        check_file("log_max: 1\n---\nlog_max: 2", "3, column 1: there is a second document");
        check_file("log_max: 1\nlog_max: 2", "2, column 1: the key `log_max` is given twice (the first is on line 1)");
        check_file(
            "log_max: [1\n",
            "1, column 10: this `[` is never closed (close it with `]`, or quote the text if it is none)",
        );
    }
}
