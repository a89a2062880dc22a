use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use super::*;

/// Two libraries that are handed to others as a whole, by a bundle, and by names of their own; one is linked twice.
const LINKED: &str = r#"(component
    (core module $first
        (func (export "ask") (result i32) i32.const 1)
        (func (export "nobody") (result i32) unreachable)
        (global (export "number") i32 (i32.const 10))
        (memory (export "memory") 1)
        (table (export "table") 1 funcref))
    (core module $second
        (func (export "number") (result i32) i32.const 100)
        (func (export "ask") (result i32) i32.const 1000))
    (core module $user
        (import "whole" "ask" (func $ask (result i32)))
        (import "parts" "ask" (func $other (result i32)))
        (import "parts" "ten" (global $ten i32))
        (import "parts" "memory" (memory 1))
        (import "parts" "table" (table 1 funcref))
        (func (export "sum") (result i32)
            (i32.add (i32.add (call $ask) (call $other)) (i32.add (global.get $ten) (memory.size)))))
    (core instance $one (instantiate $first))
    (core instance $two (instantiate $second))
    (alias core export $two "number" (core func $hundred))
    (alias core export $one "number" (core global $ten))
    (core instance $parts
        (export "ten" (global $ten)) (export "nobody" (global $ten)) (export "ask" (func $hundred))
        (export "memory" (memory $one "memory")) (export "table" (table $one "table")))
    (core instance $with-one (instantiate $user (with "whole" (instance $one)) (with "parts" (instance $parts))))
    (core instance $with-two (instantiate $user (with "whole" (instance $two)) (with "parts" (instance $parts))))
    (func (export "one") (result s32) (canon lift (core func $with-one "sum")))
    (func (export "two") (result s32) (canon lift (core func $with-two "sum")))
    (component $inner
        (core module $of-it (func (export "nobody")) (func $named (export "own") (result i32) i32.const 7))
        (core instance $made (instantiate $of-it))
        (func (export "seven") (result s32) (canon lift (core func $made "own"))))
    (instance $inner (instantiate $inner))
    (export "seven" (func $inner "seven")))"#;

fn parsed(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("it is sound")
}

fn has(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

fn engine() -> Engine {
    Engine::new(Config::new().wasm_component_model(true)).expect("it starts")
}

fn answers<const N: usize>(component: &[u8], functions: [&str; N]) -> [i32; N] {
    let engine = engine();
    let component = Component::new(&engine, component).expect("it is sound");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("it is linked");
    functions.map(|name| {
        let function = instance.get_typed_func::<(), (i32,)>(&mut store, name).expect("it is there");
        function.call(&mut store, ()).expect("it answers").0
    })
}

fn is_left_alone(text: &str) {
    let component = parsed(text);
    Component::new(&engine(), &component).expect("it is sound");
    assert_eq!(trim(&component), None, "{text}");
}

#[test]
fn what_is_linked_in_each_way_does_the_same_and_what_nobody_asks_for_is_gone() {
    let component = parsed(LINKED);
    let trimmed = trim(&component).expect("it is understood");
    let functions = ["one", "two", "seven"];
    assert_eq!(answers(&component, functions), [112, 1111, 7]);
    assert_eq!(answers(&trimmed, functions), [112, 1111, 7]);
    assert_eq!((has(&component, "nobody"), has(&trimmed, "nobody")), (3, 1), "but for the component's in it");
    assert_eq!((has(&component, "memory") > 0, has(&trimmed, "memory")), (true, 0));
    assert_eq!(has(&trimmed, "own"), 2);
    assert_eq!(trim(&trimmed).map(|again| again.len()), Some(trimmed.len()));
}

#[test]
fn functions_lose_their_names_and_other_sections_stay() {
    let text =
        r#"(component (core module (func $called-so) (@custom "kept" "as it is")) (@custom "name" "a component's"))"#;
    let (component, trimmed) = (parsed(text), trim(&parsed(text)).expect("it is understood"));
    assert_eq!((has(&component, "called-so"), has(&trimmed, "called-so")), (1, 0));
    assert_eq!((has(&trimmed, "as it is"), has(&trimmed, "a component's")), (1, 1));
}

#[test]
fn one_whose_modules_somebody_else_could_see_is_left_alone() {
    is_left_alone(r#"(component (core module $it (func (export "f"))) (export "it" (core module $it)))"#);
    is_left_alone(r#"(component (import "it" (core module (export "f" (func)))))"#);
    is_left_alone(
        r#"(component $outer (core module $it (func (export "f")))
            (component (alias outer $outer $it (core module $seen)) (core instance (instantiate $seen))))"#,
    );
    is_left_alone(
        r#"(component (core module $it (func (export "f")))
            (component $user (import "it" (core module $it (export "f" (func)))))
            (instance (instantiate $user (with "it" (core module $it)))))"#,
    );
    is_left_alone(r#"(component (core module $it) (instance (export "it" (core module $it))))"#);
    is_left_alone(
        r#"(component (component $inner (core module $it) (export "it" (core module $it)))
            (instance $inner (instantiate $inner)) (alias export $inner "it" (core module $it)))"#,
    );
}

#[test]
fn what_is_wrong_stays_wrong() {
    let wrong = |text: &str| {
        let component = parsed(text);
        let trimmed = trim(&component);
        assert!(Component::new(&engine(), component).is_err(), "{text}");
        assert!(trimmed.is_none_or(|trimmed| Component::new(&engine(), trimmed).is_err()), "{text}");
    };
    let user = r#"(core module $user (import "a" "f" (func)))"#;
    wrong(&format!(r#"(component {user} (core instance (instantiate $user)))"#));
    wrong(&format!(
        r#"(component {user} (core module $a (func (export "g"))) (core instance $a (instantiate $a))
            (core instance (instantiate $user (with "a" (instance $a)))))"#
    ));
    wrong(&format!(
        r#"(component {user} (core module $a (memory (export "f") 1)) (core instance $a (instantiate $a))
            (core instance (instantiate $user (with "a" (instance $a)))))"#
    ));
    wrong(r#"(component (core instance (instantiate 0)))"#);
    wrong(r#"(component (alias core export 0 "f" (core func)))"#);
    wrong(r#"(component (core module (func (result i32))))"#);
    wrong(r#"(component (core module (func $f) (export "nobody" (func $f)) (export "nobody" (func $f))))"#);
    wrong(r#"(component (core module (func (export "nobody")) (export "more" (func 1))))"#);
}

#[test]
fn one_that_is_cut_or_has_other_bytes_in_it_ends() {
    let component = parsed(LINKED);
    for place in 0..component.len() {
        let _ = trim(&component[..place]);
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let _ = trim(&[&component[..place], &[byte], &component[place + 1..]].concat());
        }
    }
}

#[test]
fn numbers_are_written_as_the_format_has_them() {
    assert_eq!(number(0), [0]);
    assert_eq!(number(127), [127]);
    assert_eq!(number(128), [0x80, 1]);
    assert_eq!(number(624_485), [0xe5, 0x8e, 0x26]);
}
