//! What is asked of a plugin before and after its batches.

use std::sync::Arc;

use catchwater_sdk::Context;
use catchwater_sdk::conformance::doubles::Opaque;
use catchwater_sdk::transform::Transform;

use super::memory::Memory;
use super::{Hand, Step, apply};
use crate::Plugins;
use crate::transform::Wasm;

#[test]
fn its_complaints_about_its_configuration_are_named_at_their_key() {
    let memory = Memory::default().complaining("fields[0]", "is empty").complaining("text", "is long");
    let step = Hand { memory, ..Hand::default() }.step();
    assert_eq!(step.mistake("config: {fields: ['']}"), "config.fields[0]: is empty; is long");
}

#[test]
fn of_many_complaints_the_first_are_shown_and_of_a_long_one_its_beginning() {
    let many = (0..10).fold(Memory::default(), |memory, _| memory.complaining("text", "no"));
    let said = Hand { memory: many, ..Hand::default() }.step().mistake("");
    assert_eq!(said, "config.text: no; no; no; no; no; no; no; no; and 2 more");
    let long = Memory::default().complaining_at_length(1000);
    let said = Hand { memory: long, ..Hand::default() }.step().mistake("");
    assert_eq!(said, format!("config.text: {}", "\\u{0}".repeat(500)));
    let endless = Memory::default().complaining_at_length(2_000_000);
    let said = Hand { memory: endless, ..Hand::default() }.step().mistake("output_max: 1GiB");
    assert!(said.contains("it answers with more than 1 MiB"), "{said}");
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let step = Step::of(Vec::new());
    let pipe = step.folder.path().join("pipe.wasm");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
    assert!(made.success());
    for place in [pipe.as_path(), std::path::Path::new("/dev/zero"), step.folder.path()] {
        let place = place.display().to_string();
        let error = Plugins::new(step.places()).load(&place).expect_err("it is no plugin");
        assert_eq!(error.chain(), format!("read the plugin {place}: it is no regular file"));
    }
}

#[test]
fn a_file_that_is_not_what_it_was_seen_as_is_known_by_what_is_in_it() {
    let step = Hand::default().step();
    // Until then the file's times do not tell whether it changes once more.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let load = || {
        let plugins = Plugins::new(step.places());
        let plugin = plugins.load("hand").expect("it is sound");
        plugins.keep_compiled(&plugin);
        plugin
    };
    let digest = load().digest().to_owned();
    let kept = |kind: &str| {
        let files = step.places().data.join("plugins").read_dir().expect("it is there").flatten();
        files.map(|file| file.path()).find(|path| path.extension().is_some_and(|is| is == kind)).expect("it is kept")
    };
    let seen = kept("seen");
    let line = std::fs::read_to_string(&seen).expect("it is there");
    std::fs::remove_file(&seen).expect("it can be removed");
    std::fs::write(&seen, line.replace(&digest, &"0".repeat(64))).expect("it can be written");
    std::fs::remove_file(kept("compiled")).expect("it can be removed");
    assert_eq!(load().digest(), digest);
    assert_eq!(std::fs::read_to_string(&seen).expect("it is there"), line);
}

#[test]
fn one_that_does_not_open_is_refused_before_anything_starts() {
    let step = Hand { memory: Memory::default().refusing_to_open(), ..Hand::default() }.step();
    assert_eq!(step.mistake(""), "config: plugin hand: hand");
}

#[test]
fn a_step_that_is_built_anew_outlives_a_file_that_became_bad() {
    let step = Hand::default().step();
    let plugins = Arc::new(Plugins::new(step.places()));
    let planned = Context::unattached("test", step.places().data);
    // Only a pipeline that runs has a format.
    let running = Context { format: Some(Arc::new(Opaque)), ..planned.clone() };
    let build = |context: &Context| {
        let config = serde_json::from_str(r#"{"plugin": "hand"}"#).expect("it is right");
        Wasm::new(&plugins, config, context).map(drop)
    };
    build(&planned).expect("it is sound");
    let refusing = Hand { memory: Memory::default().refusing_to_open(), ..Hand::default() }.module();
    for bad in [&b"cut off"[..], &refusing] {
        std::fs::write(step.folder.path().join("hand.wasm"), bad).expect("it can be written");
        build(&planned).expect_err("what is planned is refused");
        build(&running).expect("what runs goes on");
    }
}

#[test]
fn a_mistake_in_the_limits_is_named_at_its_key() {
    let said = Hand::default().step().mistake("memory_max: much");
    assert!(said.contains("memory_max"), "{said}");
}

#[test]
fn what_was_compiled_is_there_for_the_next_process_and_only_for_its_own_engine() {
    let step = Hand::default().step();
    apply(&mut step.build("").expect("it is sound"), &["a"]);
    let folder = step.places().data.join("plugins");
    let files = folder.read_dir().expect("it is there").flatten().map(|entry| entry.path());
    let kept: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "compiled")).collect();
    assert_eq!(kept.len(), 1);
    let again = Plugins::new(step.places()).load("hand").expect("it is sound");
    assert!(kept[0].to_string_lossy().contains(again.digest()));
    // Damaged, it is compiled again. What is running has the file mapped, and nobody may write over that.
    std::fs::remove_file(&kept[0]).expect("it can be removed");
    std::fs::write(&kept[0], b"not code").expect("it can be written");
    assert_eq!(apply(&mut step.build("").expect("it is sound"), &["a"]).0, ["a"]);
}

#[test]
fn what_a_plugin_said_of_itself_is_kept_and_asked_for_again_where_it_is_damaged() {
    let step = Hand::default().step();
    apply(&mut step.build("").expect("it is sound"), &["a"]);
    let load = || Plugins::new(step.places()).load("hand").expect("it is sound");
    let said = load();
    let path = step.places().data.join("plugins").join(format!("{}.described", said.digest()));
    let replace = |text: &str| {
        std::fs::remove_file(&path).expect("it is there");
        std::fs::write(&path, text).expect("it can be written");
    };
    let kept = std::fs::read_to_string(&path).expect("it is there");
    replace(&kept.replace(r#""name":"hand""#, r#""name":"glove""#));
    assert_eq!(load().title().0, "glove", "it is not asked");
    for damaged in ["", "{}", &kept[..kept.len() - 1], &kept.replace("state_version", "state")] {
        replace(damaged);
        assert_eq!(load().description(), said.description());
    }
}

#[test]
fn code_that_another_user_could_have_written_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let step = Hand::default().step();
    apply(&mut step.build("").expect("it is sound"), &["a"]);
    let folder = step.places().data.join("plugins");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("it is ours");
    let machine = crate::machine::Machine::start().expect("it starts");
    let digest = Plugins::new(step.places()).load("hand").expect("it is sound").digest().to_owned();
    assert!(crate::cache::Cache::new(&step.places().data).read(&machine, &digest).is_none());
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
    assert!(crate::cache::Cache::new(&step.places().data).read(&machine, &digest).is_some());
}

#[test]
fn a_file_that_changed_is_another_plugin() {
    let step = Hand::default().step();
    let plugins = Plugins::new(step.places());
    let before = plugins.load("hand").expect("it is sound");
    assert!(Arc::ptr_eq(&before, &plugins.load("hand").expect("it is sound")), "compiled once");
    let other = Hand { process: "(nop) (i32.const 4096)", ..Hand::default() }.module();
    std::fs::write(step.folder.path().join("hand.wasm"), other).expect("it can be written");
    assert_ne!(plugins.load("hand").expect("it is sound").digest(), before.digest());
}

#[test]
fn a_plugin_with_a_state_is_asked_for_it_after_each_batch() {
    let step = Hand { memory: Memory::default().with_state(), ..Hand::default() }.step();
    let plugins = Arc::new(Plugins::new(step.places()));
    let config = serde_json::from_str(r#"{"plugin": "hand"}"#).expect("it is right");
    let context = Context::unattached("test", step.places().data);
    let mut wasm = Wasm::new(&plugins, config, &context).expect("it is sound");
    for n in 1..4 {
        let batch = super::batch(&["a"]);
        wasm.apply(&batch, &mut catchwater_sdk::transform::Output::new(&batch)).expect("it goes on");
        assert_eq!(wasm.state(), Some([b"hand 1 4\n", &u32::to_le_bytes(n)[..]].concat()));
    }
    // The next one is given it, and one in whose place another plugin stood is not.
    let built = |kept: Option<Vec<u8>>| {
        let config = serde_json::from_str(r#"{"plugin": "hand"}"#).expect("it is right");
        let context = Context { state: kept.map(Into::into), ..context.clone() };
        Wasm::new(&plugins, config, &context).expect("it is sound").state()
    };
    assert_eq!(built(wasm.state()), wasm.state());
    assert_eq!(built(Some(b"other 1 5\nstate".into())), None);
    assert_eq!(built(Some(b"damaged".into())), None);
}

#[test]
fn one_that_takes_over_is_tried_with_the_state_of_the_one_before() {
    let step = Hand { memory: Memory::default().with_state(), ..Hand::default() }.step();
    let plugins = Arc::new(Plugins::new(step.places()));
    let planned = Context::unattached("test", step.places().data);
    let state = Some(b"hand 1 4\nsome".as_slice().into());
    let running = Context { format: Some(Arc::new(Opaque)), state, ..planned.clone() };
    let build = |context: &Context| {
        let config = serde_json::from_str(r#"{"plugin": "hand"}"#).expect("it is right");
        Wasm::new(&plugins, config, context)
    };
    build(&running).expect("it is sound");
    // It opens without a state and not with one.
    let open = "(if (i32.eqz (local.get 8)) (then (return (i32.const 3328))))";
    let other = Hand { open, memory: Memory::default().with_state().refusing_to_open(), ..Hand::default() };
    std::fs::write(step.folder.path().join("hand.wasm"), other.module()).expect("it can be written");
    build(&planned).expect("without a state it is sound");
    let error =
        build(&Context { takes_over: true, ..running.clone() }).map(drop).expect_err("with the state it is not");
    assert_eq!(error.to_string(), "plugin hand: hand");
    // What runs and is built anew goes on with the one before.
    assert_eq!(build(&running).expect("what runs goes on").state(), running.state.as_deref().map(<[u8]>::to_vec));
}

#[test]
fn opening_may_take_what_the_step_may() {
    let open = "(if (i32.eq (memory.grow (i32.const 2100)) (i32.const -1)) (then unreachable))";
    let step = Hand { open, ..Hand::default() }.step();
    let said = step.mistake("");
    assert!(said.contains("it asked for more than 128 MiB of memory (`memory_max`)"), "{said}");
    assert_eq!(apply(&mut step.build("memory_max: 256MiB").expect("it is enough"), &["a"]).0, ["a"]);
}

#[test]
fn a_path_stands_for_itself_and_a_name_for_a_file_in_the_folder() {
    let step = Step::of(Vec::new());
    let plugins = Plugins::new(step.places());
    assert_eq!(plugins.path_of("hand"), step.folder.path().join("hand.wasm"));
    assert_eq!(plugins.path_of("./hand.wasm"), std::path::Path::new("./hand.wasm"));
    assert_eq!(plugins.path_of("mine.wasm"), std::path::Path::new("mine.wasm"));
    assert_eq!(plugins.names(), ["hand"]);
}
