//! Files that are no plugins, and plugins that ask for what there is not.

use super::{Hand, Step, apply};
use crate::plugin::{componentize, digest};

fn check(file: Vec<u8>, reason: &str) {
    let said = Step::of(file).mistake("");
    assert!(said.contains(reason) && said.starts_with("plugin: "), "{said}");
}

#[test]
fn a_file_that_is_cut_off_or_damaged_is_refused() {
    let module = Hand::default().module();
    let component = componentize(module.clone()).expect("a component");
    check(Vec::new(), "is no WASM file");
    check(b"#!/bin/sh".to_vec(), "is no WASM file");
    for cut in [9, 100, component.len() / 2, component.len() - 1] {
        check(component[..cut].to_vec(), "hand.wasm is no");
    }
    check(module[..module.len() / 2].to_vec(), "is a module that no component can be made of");
    let mut damaged = component.clone();
    damaged[10..40].fill(0xff);
    check(damaged, "is no sound WASM component");
}

#[test]
fn a_component_of_another_kind_is_refused_by_name() {
    let empty = wat::parse_str("(component)").expect("a component");
    check(empty, "is no plugin: it exports none of `catchwater:plugin/transform@0.1.0`, ");
    let newer = r#"(component (instance $none) (export "catchwater:plugin/transform@0.9.0" (instance $none)))"#;
    check(
        wat::parse_str(newer).expect("a component"),
        "speaks `catchwater:plugin/transform@0.9.0`, and this Catchwater",
    );
}

#[test]
fn an_import_that_nobody_has_is_refused_by_name() {
    let foreign = Some(("package acme:disk@1.0.0; interface files { read: func() -> u64; }", "acme:disk/files@1.0.0"));
    let imports = r#"(import "acme:disk/files@1.0.0" "read" (func $read (result i64)))"#;
    let hand = Hand { process: "(drop (call $read)) (i32.const 4096)", imports, foreign, ..Hand::default() };
    check(hand.module(), "imports `acme:disk/files@1.0.0`, which there is not");
}

#[test]
fn what_a_library_wants_of_wasi_is_there_and_traps() {
    let foreign = "package wasi:clocks@0.2.6; interface monotonic-clock { now: func() -> u64; }";
    let imports = r#"(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))"#;
    let process = "(if (call $has (local.get $batch) (i32.const 88)) (then (drop (call $now)))) (i32.const 4096)";
    let foreign = Some((foreign, "wasi:clocks/monotonic-clock@0.2.6"));
    let hand = Hand { process, imports, foreign, ..Hand::default() };
    let (emitted, rejected) = apply(&mut hand.step().build("").expect("nothing calls it yet"), &["a", "X"]);
    assert_eq!(emitted, ["a"]);
    assert!(rejected[0].contains("`wasi:clocks/monotonic-clock@0.2.6#now`"), "{rejected:?}");
}

#[test]
fn a_file_larger_than_any_plugin_is_refused_unread() {
    let step = Step::of(Vec::new());
    let file = std::fs::File::create(step.folder.path().join("hand.wasm")).expect("it can be written");
    file.set_len(200 << 20).expect("a file with a hole");
    let said = step.mistake("");
    assert!(said.contains("it is larger than 64 MiB"), "{said}");
}

#[test]
fn a_plugin_that_is_not_there_gets_the_nearest_name() {
    let step = Hand::default().step();
    std::fs::rename(step.folder.path().join("hand.wasm"), step.folder.path().join("hands.wasm")).expect("it is there");
    let said = step.mistake("");
    assert!(said.ends_with("hand.wasm; did you mean `hands`?"), "{said}");
}

/// The shapes of version 0.1.0, by the start of a digest of each file without its comments. Plugins that are compiled rely on
/// them: what is new is a file of its own, or a package of another version beside this one.
const FROZEN: [(&str, &str); 6] = [
    ("host.wit", "b89cffe6cda91a37"),
    ("sink.wit", "489e82818219cbf6"),
    ("source.wit", "a94beb62387bd5ed"),
    ("state.wit", "a3aec35ef80acd34"),
    ("transform.wit", "cc402a47ed3fb16c"),
    ("types.wit", "acf81632d97e4733"),
];

#[test]
fn the_interface_is_what_it_was() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/wit");
    let shape = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it is text");
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name").to_owned();
        (name, digest(lines.as_bytes())[..16].to_owned())
    };
    let files = folder.read_dir().expect("it is there").flatten().map(|entry| entry.path());
    let mut shapes: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "wit")).map(shape).collect();
    shapes.sort();
    assert_eq!(shapes, FROZEN.map(|(name, digest)| (name.to_owned(), digest.to_owned())));
}
