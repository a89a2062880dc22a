use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store, Trap};

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

/// A library whose places in a memory and a table another module gives it, as interpreters are linked, and who calls it. The host
/// is called with and without a table in between.
const LIBRARY: &str = r#"(component
    (import "double" (func $double (param "number" s32) (result s32)))
    (core module $between
        (type $double (func (param i32) (result i32)))
        (table (export "table") 1 1 funcref)
        (func (export "double") (param i32) (result i32) (call_indirect (type $double) (local.get 0) (i32.const 0))))
    (core module $filling
        (import "" "table" (table 1 1 funcref)) (import "" "double" (func $double (param i32) (result i32)))
        (elem (i32.const 0) func $double))
    (core module $places
        (memory (export "memory") 1) (table (export "table") 8 funcref)
        (global (export "memory-base") i32 (i32.const 64)) (global (export "table-base") i32 (i32.const 3))
        (global (export "calls") (mut i32) (i32.const 0))
        (data (i32.const 0) "\01\02") (data "unused"))
    (core module $library
        (import "places" "memory" (memory 1)) (import "places" "table" (table 4 funcref))
        (import "places" "memory-base" (global $memory-base i32)) (import "places" "table-base" (global $table-base i32))
        (import "places" "calls" (global $calls (mut i32)))
        (import "host" "double" (func $double (param i32) (result i32)))
        (type $number (func (result i32)))
        (memory $own 1) (global $again i32 (global.get $table-base))
        (data (global.get $memory-base) "\05") (data $later "\07\08")
        (elem (global.get $again) func $listed) (elem declare func $named) (elem $copied func $placed)
        (func $listed (result i32) (call $by-listed))
        (func $by-listed (result i32) (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (i32.const 10))
        (func $named (result i32) (i32.const 40))
        (func $placed (result i32) (i32.const 700))
        (func $ping (call $pong)) (func $pong (call $ping) (drop (call $double (global.get $memory-base))))
        (func (export "nobody") (result i32) (call $nobody))
        (func $nobody (result i32) unreachable)
        (func (export "named") (result i32)
            (table.set (i32.const 1) (ref.func $named)) (call_indirect (type $number) (i32.const 1)))
        (func (export "copied") (result i32)
            (table.init $copied (i32.const 2) (i32.const 0) (i32.const 1)) (call_indirect (type $number) (i32.const 2)))
        (func (export "bytes") (result i32)
            (memory.init $own $later (i32.const 0) (i32.const 1) (i32.const 1))
            (i32.add (i32.load8_u $own (i32.const 0)) (i32.load8_u (global.get $memory-base))))
        (func (export "twice") (param i32) (result i32) (call $double (local.get 0))))
    (core module $user
        (import "places" "table" (table 1 funcref)) (import "places" "calls" (global $calls (mut i32)))
        (import "library" "named" (func $named (result i32))) (import "library" "copied" (func $copied (result i32)))
        (import "library" "bytes" (func $bytes (result i32)))
        (import "library" "twice" (func $twice (param i32) (result i32)))
        (import "host" "double" (func $double (param i32) (result i32)))
        (func (export "listed") (result i32)
            (i32.add (call_indirect (result i32) (i32.const 3)) (global.get $calls)))
        (func (export "named") (result i32) (call $named)) (func (export "copied") (result i32) (call $copied))
        (func (export "bytes") (result i32) (call $bytes))
        (func (export "doubled") (result i32) (i32.add (call $twice (i32.const 1)) (call $double (i32.const 100)))))
    (core instance $between (instantiate $between))
    (core instance $places (instantiate $places))
    (core func $plain (canon lower (func $double)))
    (core instance $host (export "double" (func $between "double")))
    (core instance $plain (export "double" (func $plain)))
    (core instance $library (instantiate $library (with "places" (instance $places)) (with "host" (instance $host))))
    (core func $lowered (canon lower (func $double) (memory $places "memory")))
    (core instance $filled (export "table" (table $between "table")) (export "double" (func $lowered)))
    (core instance (instantiate $filling (with "" (instance $filled))))
    (core instance $user (instantiate $user
        (with "places" (instance $places)) (with "library" (instance $library)) (with "host" (instance $plain))))
    (func (export "listed") (result s32) (canon lift (core func $user "listed")))
    (func (export "named") (result s32) (canon lift (core func $user "named")))
    (func (export "copied") (result s32) (canon lift (core func $user "copied")))
    (func (export "bytes") (result s32) (canon lift (core func $user "bytes")))
    (func (export "doubled") (result s32) (canon lift (core func $user "doubled"))))"#;

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
    let mut linker = Linker::new(&engine);
    linker.root().func_wrap("double", |_, (number,): (i32,)| Ok((2 * number,))).expect("it is a name");
    let instance = linker.instantiate(&mut store, &component).expect("it is linked");
    functions.map(|name| {
        let function = instance.get_typed_func::<(), (i32,)>(&mut store, name).expect("it is there");
        function.call(&mut store, ()).expect("it answers").0
    })
}

/// How many functions each of its modules has.
fn functions(component: &[u8]) -> Vec<u32> {
    let mut functions = Vec::new();
    for (place, payload) in parts(component).flatten() {
        match (place, payload) {
            (Place::Component, Payload::ModuleSection { .. }) => functions.push(0),
            (Place::Module(module), Payload::FunctionSection(section)) => functions[module] = section.count(),
            _ => {}
        }
    }
    functions
}

/// What it answers to `ask` before and after, and how many functions its modules have then.
fn asked(text: &str) -> (i32, Vec<u32>) {
    let component = parsed(text);
    let trimmed = trim(&engine(), &component).expect("it is understood");
    let [answer] = answers(&component, ["ask"]);
    assert_eq!(answers(&trimmed, ["ask"]), [answer], "{text}");
    (answer, functions(&trimmed))
}

fn is_left_alone(text: &str) {
    let component = parsed(text);
    Component::new(&engine(), &component).expect("it is sound");
    assert_eq!(trim(&engine(), &component), None, "{text}");
}

#[test]
fn what_is_linked_in_each_way_does_the_same_and_what_nobody_asks_for_is_gone() {
    let component = parsed(LINKED);
    let trimmed = trim(&engine(), &component).expect("it is understood");
    let functions = ["one", "two", "seven"];
    assert_eq!(answers(&component, functions), [112, 1111, 7]);
    assert_eq!(answers(&trimmed, functions), [112, 1111, 7]);
    assert_eq!((has(&component, "nobody"), has(&trimmed, "nobody")), (3, 1), "but for the component's in it");
    assert_eq!((has(&component, "memory") > 0, has(&trimmed, "memory")), (true, 0));
    assert_eq!(has(&trimmed, "own"), 2);
    assert_eq!(trim(&engine(), &trimmed).map(|again| again.len()), Some(trimmed.len()));
}

#[test]
fn modules_that_are_linked_with_each_other_are_one_without_what_nothing_calls() {
    let component = parsed(LIBRARY);
    let trimmed = trim(&engine(), &component).expect("it is understood");
    let names = ["listed", "named", "copied", "bytes", "doubled"];
    assert_eq!(answers(&component, names), [11, 40, 700, 13, 202]);
    assert_eq!(answers(&trimmed, names), [11, 40, 700, 13, 202]);
    assert_eq!(functions(&component), [1, 0, 0, 12, 5]);
    assert_eq!(functions(&trimmed), [14, 0], "without the pair that calls itself and what is exported to nobody");
    assert_eq!(trim(&engine(), &trimmed).map(|again| again.len()), Some(trimmed.len()));
}

/// Two that could be one, and what stands before, between and behind them.
fn linked([before, between, behind]: [&str; 3]) -> String {
    format!(
        r#"(component {before}
            (core module $first
                (memory (export "memory") 1) (func (export "byte") (result i32) (i32.load8_u (i32.const 0)))
                (func (export "nobody")) (data (i32.const 0) "\01"))
            (core instance $first (instantiate $first)) {between}
            (core module $second
                (import "first" "memory" (memory 1)) (import "first" "byte" (func $byte (result i32)))
                (data (i32.const 0) "\02") (func (export "ask") (result i32) (call $byte)))
            (core instance $second (instantiate $second (with "first" (instance $first)))) {behind}
            (func (export "ask") (result s32) (canon lift (core func $second "ask"))))"#
    )
}

#[test]
fn what_is_made_of_them_is_made_in_the_same_order() {
    let writes = |byte: u8, more: &str| {
        format!(r#"(core module $writes (import "first" "memory" (memory 1)) (data (i32.const 0) "\0{byte}") {more})"#)
    };
    let write = r#"(core instance (instantiate $writes (with "first" (instance $memory))))"#;
    let memory = r#"(core instance $memory (export "memory" (memory $first "memory")))"#;
    let starts = r#"(func $start (i32.store8 (i32.const 0) (i32.const 4))) (start $start)"#;
    assert_eq!(asked(&linked(["", "", ""])), (2, vec![2]));
    assert_eq!(asked(&linked([&writes(3, ""), &format!("{memory} {write} {write}"), ""])), (2, vec![0, 2, 1]));
    assert_eq!(asked(&linked([&writes(3, ""), memory, &format!("{write} {write}")])), (3, vec![2, 0]));
    assert_eq!(asked(&linked([&writes(3, starts), &format!("{memory} {write}"), ""])), (2, vec![1, 2, 1]));
    assert_eq!(asked(&linked([&writes(3, starts), memory, write])), (4, vec![2, 1]));
}

#[test]
fn they_are_made_before_anything_runs() {
    let engine = engine();
    let trap = |component: &[u8]| {
        let component = Component::new(&engine, component).expect("it is sound");
        let made = Linker::new(&engine).instantiate(&mut Store::new(&engine, ()), &component);
        made.map(drop).expect_err("it traps").downcast_ref::<Trap>().copied()
    };
    let runs = "(core module $runs (func $start unreachable) (start $start)) (core instance (instantiate $runs))";
    let whole = r#"(component $whole (core module $it (func $start unreachable) (start $start))
        (core instance (instantiate $it))) (instance (instantiate $whole))"#;
    for starts in [runs, whole] {
        let component =
            parsed(&linked(["", "", starts]).replace("(i32.const 0) \"\\02\"", "(i32.const 70000) \"\\02\""));
        let trimmed = trim(&engine, &component).expect("it is understood");
        assert!(functions(&component).len() > functions(&trimmed).len());
        assert_eq!((trap(&component), trap(&trimmed)), (Some(Trap::MemoryOutOfBounds), Some(Trap::MemoryOutOfBounds)));
    }
}

#[test]
fn functions_of_which_references_are_made_are_declared() {
    let component = linked(["", "", ""]).replace(
        r#"(func (export "ask") (result i32) (call $byte))"#,
        r#"(func $it (export "it")) (func (export "ask") (result i32) (i32.add (call $byte) (ref.is_null (ref.func $it))))"#,
    );
    assert_eq!(asked(&component), (2, vec![3]));
}

#[test]
fn what_the_engine_does_not_take_is_not_hidden_from_it() {
    for part in [
        "(memory $own 1) (func (drop (i32.atomic.load (i32.const 0))))",
        "(func (block $all (try_table (catch_all $all))))",
        "(func (drop (drop (i64.mul_wide_s (i64.const 1) (i64.const 2)))))",
        "(func (param externref))",
        "(type (func (param externref)))",
        "(global exnref (ref.null exn))",
        "(global (shared i32) (i32.const 0))",
        "(type $shared (shared (func))) (func $it (type $shared)) (elem declare func $it)",
    ] {
        let component = parsed(&linked(["", "", ""]).replace("(func (export \"nobody\"))", part));
        assert!(Component::new(&engine(), &component).is_err(), "{part}");
        assert_eq!(join::join(&engine(), &component), None, "{part}");
    }
}

#[test]
fn one_that_somebody_gets_as_a_whole_or_that_runs_on_its_own_is_not_joined() {
    let whole = r#"(core module $whole (import "first" "memory" (memory 1)))"#;
    let twice = r#"(core instance (instantiate $whole (with "first" (instance $first))))"#;
    assert_eq!(asked(&linked([whole, "", &format!("{twice} {twice}")])), (2, vec![0, 2, 1]));
    let runs = r#"(component $runs (core module $it (func $start) (start $start)) (core instance (instantiate $it)))"#;
    assert_eq!(asked(&linked([runs, "(instance (instantiate $runs))", ""])), (2, vec![2, 1]));
    assert_eq!(asked(&linked([runs, "", "(instance (instantiate $runs))"])), (2, vec![2]));
}

#[test]
fn constants_of_others_are_said_anew_where_they_are_one_instruction() {
    let with = |constant: &str| {
        format!(
            r#"(component
                (core module $first (global (export "base") i32 {constant}))
                (core module $second
                    (import "first" "base" (global $base i32)) (memory 1)
                    (data (i32.add (global.get $base) (i32.const 1)) "\05")
                    (func (export "ask") (result i32) (i32.load8_u (i32.const 8))))
                (core instance $first (instantiate $first))
                (core instance $second (instantiate $second (with "first" (instance $first))))
                (func (export "ask") (result s32) (canon lift (core func $second "ask"))))"#
        )
    };
    assert_eq!(asked(&with("(i32.const 7)")), (5, vec![1]));
    assert_eq!(asked(&with("(i32.add (i32.const 3) (i32.const 4))")), (5, vec![0, 1]));
}

#[test]
fn one_with_something_that_is_not_known_here_is_not_joined() {
    let with = |part: &str| linked(["", "", ""]).replace("(func (export \"nobody\"))", part);
    assert!(join::join(&engine(), &parsed(&with("(func $nobody)"))).is_some());
    assert!(join::join(&engine(), &parsed(&with("(tag)"))).is_none());
    assert!(join::join(&engine(), &parsed(&with("(type (struct))"))).is_none());
    assert!(join::join(&engine(), &parsed(&with("(rec (type (func)) (type (func)))"))).is_none());
    // Who makes a resource says by its number which function is called when one goes.
    let drops = r#"(type (resource (rep i32) (dtor (func $first "drop"))))"#;
    let component =
        linked(["", "", drops]).replace(r#"(func (export "nobody"))"#, r#"(func (export "drop") (param i32))"#);
    assert!(join::join(&engine(), &parsed(&component)).is_none());
}

#[test]
fn functions_lose_their_names_and_other_sections_stay() {
    let text =
        r#"(component (core module (func $called-so) (@custom "kept" "as it is")) (@custom "name" "a component's"))"#;
    let (component, trimmed) = (parsed(text), trim(&engine(), &parsed(text)).expect("it is understood"));
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
        let trimmed = trim(&engine(), &component);
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
    wrong(&linked(["", "", ""]).replace("(func (export \"nobody\"))", "(func $nobody (result i32))"));
}

#[test]
fn one_that_is_cut_or_has_other_bytes_in_it_ends() {
    let engine = engine();
    for (text, bytes) in [(LINKED, &[0, 1, 0x7f, 0x80, 0xff][..]), (LIBRARY, &[0x80])] {
        let component = parsed(text);
        for place in 0..component.len() {
            let _ = trim(&engine, &component[..place]);
            for byte in bytes {
                let _ = trim(&engine, &[&component[..place], &[*byte], &component[place + 1..]].concat());
            }
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
