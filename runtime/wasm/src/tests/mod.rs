//! Plugins that harm, lie and forget, written by hand in WebAssembly's text form: no compiler for plugins is needed here.

mod accounts;
mod grants;
mod hostile;
mod imports;
mod lifecycle;
mod memory;
mod random;
mod sinks;
mod sources;
mod starts;

use std::path::PathBuf;
use std::sync::Arc;

use catchwater_sdk::config::{Mistake, Node, parse};
use catchwater_sdk::transform::{BoxTransform, Output};
use catchwater_sdk::{Batch, BatchBuilder, Context, Error, Limit, Partition, Record, Registry};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use self::memory::Memory;
use crate::plugins::{Places, Plugins};

/// What the plugin does with a batch, or to read one, as instructions that leave the address of the answer.
pub(crate) struct Hand<'a> {
    work: &'static str,
    world: &'static str,
    process: &'a str,
    /// What it does when it is opened.
    open: &'a str,
    /// What a sink does to flush.
    flush: &'a str,
    imports: &'a str,
    /// A package of somebody else's, and the interface of it that the plugin imports.
    foreign: Option<(&'a str, &'a str)>,
    memory: Memory,
}

impl Default for Hand<'_> {
    /// One that changes nothing.
    fn default() -> Self {
        Hand {
            work: TRANSFORM,
            world: "transform-plugin",
            process: "(i32.const 4096)",
            open: "",
            flush: "(i32.const 3328)",
            imports: "",
            foreign: None,
            memory: Memory::default(),
        }
    }
}

const TRANSFORM: &str = r#"
    (func (export "catchwater:plugin/transform@0.1.0#process") (param $batch i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      ;; PROCESS
    )"#;
/// It has one partition, and knows where it was started.
const SOURCE: &str = r#"
    (global $at (mut i64) (i64.const 0))
    (func (export "catchwater:plugin/source@0.1.0#partitions") (result i32) (i32.const 3072))
    (func (export "catchwater:plugin/source@0.1.0#start") (param $places i32) (param i32) (result i32)
      (global.set $at (i64.load offset=8 (local.get $places)))
      (i32.const 3328))
    (func (export "catchwater:plugin/source@0.1.0#read") (param $records i32) (param i64) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      ;; PROCESS
    )"#;
const SINK: &str = r#"
    (func (export "catchwater:plugin/sink@0.1.0#write") (param $batch i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      ;; PROCESS
    )
    (func (export "catchwater:plugin/sink@0.1.0#flush") (result i32)
      ;; FLUSH
    )"#;

impl Hand<'_> {
    /// The module, with the interface's types in it as a compiler puts them there.
    pub(crate) fn module(&self) -> Vec<u8> {
        let text = include_str!("plugin.wat")
            .replace(";; IMPORTS", self.imports)
            .replace(";; DATA", &self.memory.data())
            .replace(";; WORK", self.work)
            .replace(";; OPEN", self.open)
            .replace(";; PROCESS", self.process)
            .replace(";; FLUSH", self.flush);
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit");
        let (package, _) = resolve.push_path(wit).expect("the interface is sound");
        let (package, world) = match self.foreign {
            None => (package, self.world),
            Some((foreign, interface)) => {
                resolve.push_str("foreign.wit", foreign).expect("a package");
                let world = format!(
                    "package test:test; world both {{ include catchwater:plugin/transform-plugin@0.1.0; import {interface}; }}"
                );
                (resolve.push_str("test.wit", &world).expect("a world"), "both")
            }
        };
        let world = resolve.select_world(&[package], Some(world)).expect("it has this world");
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it fits");
        module
    }

    fn step(&self) -> Step {
        Step::of(self.module())
    }
}

/// A plugin in a folder, and what a pipeline says of it.
struct Step {
    folder: tempfile::TempDir,
}

impl Step {
    fn of(file: Vec<u8>) -> Step {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hand.wasm"), file).expect("it can be written");
        Step { folder }
    }

    fn places(&self) -> Places {
        Places { plugins: self.folder.path().to_owned(), data: self.folder.path().join("data") }
    }

    fn build(&self, keys: &str) -> Result<BoxTransform, Mistake> {
        let context = Context::unattached("test", PathBuf::new());
        self.make(keys, &context, |registry, node, context| registry.build_transform("wasm", node, context))
    }

    fn mistake(&self, keys: &str) -> String {
        self.build(keys).map(drop).expect_err("it is wrong").to_string()
    }

    /// What a pipeline makes of it, by the role that it gives it.
    fn make<T>(
        &self,
        keys: &str,
        context: &Context,
        make: impl FnOnce(&Registry, &Node, &Context) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        let mut registry = Registry::new();
        crate::register(&mut registry, &Arc::new(Plugins::new(self.places())));
        let parsed = parse(&format!("{{plugin: hand, {keys}}}"));
        assert!(parsed.mistakes.is_empty(), "{:?}", parsed.mistakes);
        make(&registry, &parsed.documents[0].root, context)
    }
}

fn batch(payloads: &[&str]) -> Batch {
    let partition = Partition { source: "k".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    for (i, payload) in (0..).zip(payloads) {
        batch.push(origin, i, i + 1, Record::payload(payload.as_bytes()));
    }
    batch.finish()
}

/// The payloads that go on, then the rejected ones with their reasons.
fn try_apply(step: &mut BoxTransform, payloads: &[&str]) -> Result<(Vec<String>, Vec<String>), Error> {
    let batch = batch(payloads);
    let mut output = Output::new(&batch);
    step.apply(&batch, &mut output)?;
    let outcome = output.finish()?;
    let text = |batch: &Batch| -> Vec<String> {
        batch.iter().map(|r| String::from_utf8_lossy(r.payload().unwrap_or(b"-")).into_owned()).collect()
    };
    let rejected = outcome.rejected.iter().map(|bad| format!("{}: {}", text(&bad.records)[0], bad.reason));
    Ok((text(&outcome.emitted), rejected.collect()))
}

fn apply(step: &mut BoxTransform, payloads: &[&str]) -> (Vec<String>, Vec<String>) {
    try_apply(step, payloads).expect("it goes on")
}
