//! How many instances a start takes, and what becomes of one that nobody needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use catchwater_sdk::Context;
use catchwater_sdk::clock::Clock;
use catchwater_sdk::conformance::doubles::Opaque;
use catchwater_sdk::transform::{Output, Transform};

use super::memory::Memory;
use super::{Hand, Step, apply, batch};
use crate::Plugins;
use crate::transform::Wasm;
use crate::warm::Place;

/// Breaks an instance off that was not asked about its configuration just once.
const ASKED: &str = "(if (i32.ne (global.get $asked) (i32.const 1)) (then unreachable))";
const IMPORTS: &str = r#"
    (import "catchwater:plugin/host@0.1.0" "count" (func $count (param i32 i32 i64)))
    (import "catchwater:plugin/clock@0.1.0" "now" (func $now (result i64)))
    (import "catchwater:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32) (result i32)))"#;
/// Counts how often it is opened, asks for the time once, and keeps a value.
const OPEN: &str = "
    (call $count (i32.const 1200) (i32.const 4) (i64.const 1))
    (drop (call $now))
    (drop (call $set (i32.const 4096) (i32.const 1) (i32.const 4096) (i32.const 1)))";

/// One that can tell how often it was opened, and by whose clock.
struct Scene {
    step: Step,
    plugins: Arc<Plugins>,
    planned: Context,
    running: Context,
    asked: Arc<Asked>,
}

/// A clock that counts who asks.
#[derive(Debug, Default)]
struct Asked(AtomicI64);

impl Clock for Asked {
    fn now_micros(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Scene {
    fn new() -> Scene {
        let step = hand().step();
        let plugins = Arc::new(Plugins::new(step.places()));
        let (planned, asked) = (Context::unattached("test", step.places().data), Arc::<Asked>::default());
        // Only a pipeline that runs has a format.
        let (format, clock): (_, Arc<dyn Clock>) = (Some(Arc::new(Opaque) as _), Arc::clone(&asked) as _);
        let running = Context { format, clock, counters: Default::default(), ..planned.clone() };
        Scene { step, plugins, planned, running, asked }
    }

    fn build(&self, context: &Context) -> Wasm {
        let text = r#"{"plugin": "hand", "grants": {"clock": true, "state": true}}"#;
        Wasm::new(&self.plugins, serde_json::from_str(text).expect("it is right"), context).expect("it is sound")
    }

    /// How often one was opened while the pipeline ran.
    fn opened(&self) -> i64 {
        self.asked.0.load(Ordering::Relaxed)
    }

    /// What the running pipeline was told of that.
    fn told(&self) -> u64 {
        self.running.counters.all().iter().map(|counter| counter.2).sum()
    }

    /// Whether the plan's instance waits still; it does not wait any longer then.
    fn waits(context: &Context) -> bool {
        context.take_ready::<Place>().is_some_and(|place| place.take().is_some())
    }

    fn wait_too_long(&self) {
        self.plugins.shelf().expect("it has begun").sweep(Instant::now() + Duration::from_secs(60));
    }
}

fn hand() -> Hand<'static> {
    let memory = Memory::default().with_state().wanting("clock").wanting("state");
    Hand { open: OPEN, imports: IMPORTS, memory, ..Hand::default() }
}

/// Another version of it.
fn other() -> Hand<'static> {
    Hand { process: "(nop) (i32.const 4096)", ..hand() }
}

fn work(step: &mut Wasm) {
    let batch = batch(&["a"]);
    step.apply(&batch, &mut Output::new(&batch)).expect("it goes on");
}

#[test]
fn the_instance_that_was_asked_is_opened_and_works() {
    let step = Hand { open: ASKED, process: &format!("{ASKED} (i32.const 4096)"), ..Hand::default() }.step();
    let mut transform = step.build("").expect("it is sound");
    assert_eq!(apply(&mut transform, &["a"]), (vec!["a".to_owned()], Vec::new()));
}

#[test]
fn what_a_plan_made_is_what_runs_and_says_once_that_it_was_opened() {
    let scene = Scene::new();
    drop(scene.build(&scene.planned));
    let mut step = scene.build(&scene.running);
    assert_eq!((scene.opened(), scene.told()), (0, 0), "nothing works yet");
    assert_eq!(step.state().as_deref(), Some(&b"hand 0 0\n"[..]), "what opening it changed has not happened yet");
    work(&mut step);
    assert_eq!((scene.opened(), scene.told()), (0, 1));
    assert!(scene.planned.counters.all().is_empty());
    let kept = [b"hand 1 4\n", &1_u32.to_le_bytes()[..], &[1, 0, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
    assert_eq!(step.state(), Some(kept), "it is there, and once");
    // After a failure there is another one.
    work(&mut scene.build(&scene.running));
    assert_eq!((scene.opened(), scene.told()), (1, 2));
}

#[test]
fn what_a_plan_made_goes_where_it_does_not_fit() {
    let other = |context: Context, expected: &str| {
        let scene = Scene::new();
        drop(scene.build(&scene.planned));
        let ready = scene.planned.ready.clone();
        let Context { tasks, state, .. } = context;
        work(&mut scene.build(&Context { tasks, state, ready, ..scene.running.clone() }));
        assert_eq!((scene.opened(), scene.told()), (1, 1), "{expected}");
        assert!(!Scene::waits(&scene.planned), "{expected}");
    };
    let context = Context::unattached("test", "".into());
    other(Context { tasks: 2, ..context.clone() }, "it was told that there is one task");
    other(Context { state: Some(b"hand 1 4\nsome".as_slice().into()), ..context }, "it was opened without a state");
}

#[test]
fn its_file_is_not_read_once_more_to_tell_whether_it_changes() {
    let scene = Scene::new();
    let contents = || {
        drop(scene.build(&scene.planned));
        let (path, contents) = scene.planned.files.take().into_iter().next().expect("it reads its file");
        assert_eq!(path, scene.step.folder.path().join("hand.wasm"));
        contents.expect("it knows what is in it")
    };
    let before = contents();
    assert_eq!(contents(), before);
    std::fs::write(scene.step.folder.path().join("hand.wasm"), other().module()).expect("it can be written");
    assert_ne!(contents(), before);
}

#[test]
fn another_file_is_not_what_a_plan_opened() {
    let scene = Scene::new();
    drop(scene.build(&scene.planned));
    std::fs::write(scene.step.folder.path().join("hand.wasm"), other().module()).expect("it can be written");
    work(&mut scene.build(&scene.running));
    assert_eq!((scene.opened(), scene.told()), (1, 1));
}

#[test]
fn one_that_nobody_needs_for_long_goes_and_the_next_one_is_opened_as_if_it_had_not_been() {
    let scene = Scene::new();
    drop(scene.build(&scene.planned));
    scene.wait_too_long();
    assert!(!Scene::waits(&scene.planned));
    let mut step = scene.build(&scene.running);
    scene.wait_too_long();
    assert_eq!((scene.opened(), scene.told()), (1, 0));
    assert_eq!(step.state().as_deref(), Some(&b"hand 0 0\n"[..]));
    work(&mut step);
    assert_eq!((scene.opened(), scene.told()), (2, 1));
    assert!(step.state().is_some_and(|state| state.ends_with(&[1, 0, 0, 0, 0, 1, 0, 0, 0, 0])));
}

#[test]
fn only_so_many_wait_at_a_time() {
    let scene = Scene::new();
    let plans: Vec<_> = (0..20).map(|_| Context::unattached("test", scene.step.places().data)).collect();
    plans.iter().for_each(|plan| drop(scene.build(plan)));
    let waiting: Vec<_> = plans.iter().map(Scene::waits).collect();
    assert_eq!(waiting, [vec![false; 4], vec![true; 16]].concat());
}

#[test]
fn one_goes_with_its_plan() {
    let scene = Scene::new();
    let plugin = scene.plugins.load("hand").expect("it is sound");
    let known = Arc::strong_count(&plugin);
    drop(scene.build(&scene.planned));
    assert_eq!(Arc::strong_count(&plugin), known + 1, "it waits");
    drop(scene);
    assert_eq!(Arc::strong_count(&plugin), 1);
}
