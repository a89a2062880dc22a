//! Compiling, in a process of its own.
//!
//! A file of a megabyte can be made so that compiling it takes hours, or all memory there is, and neither can be bounded from
//! within. So this program is started once more, as a worker that knows nothing and gets but so much time and memory: it reads
//! a plugin, writes machine code, and ends. (Invariant 10)

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use catchwater_sdk::config::{Duration, Size};
use catchwater_sdk::worker;
use wasmtime::component::Component;

use crate::exports::check_version;
use crate::footprint;
use crate::journal::plain;
use crate::machine::Machine;
use crate::plugin::componentize;
use crate::trim::trim;

/// What compiling a plugin may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Of a processor's time.
    pub(crate) time: Duration,
    pub(crate) memory: Size,
}

/// The argument with which this program starts itself. In tests it names one of them, which does the same.
const WORKER: &str = "compile_worker";
/// What a worker says once it is done. What comes before is not from it.
const DONE: &[u8] = b"\0catchwater-compiled\0";
/// What comes before that is skipped, up to here.
const NOISE_BYTES_MAX: usize = 64 << 10;
/// Machine code is several times as large as what it is made from.
const CODE_BYTES_MAX: u64 = 1 << 30;
/// So much of what a worker complained of is read.
const SAID_BYTES_MAX: u64 = 16 << 10;
/// What a process has besides what it compiles.
const OWN_BYTES: u64 = 64 << 20;

impl Default for Effort {
    fn default() -> Effort {
        Effort { time: Duration::seconds(300), memory: Size::mib(4 << 10) }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a processor and {}", self.time, self.memory)
    }
}

/// Compiles the component, or the module, in a file; an error says what is wrong with it.
pub(crate) fn compile(machine: &Machine, file: &[u8], effort: Effort) -> Result<Component, String> {
    let code = ask(file, effort)?;
    // SAFETY: the bytes must be what `precompile_component` gave: they are what this very program wrote, started anew with
    // nobody between it and us. The engine itself refuses code of another version or with other settings.
    unsafe { Component::deserialize(&machine.engine, code) }.map_err(|error| format!("cannot be loaded: {error:#}"))
}

fn ask(file: &[u8], effort: Effort) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("cannot be compiled: start a process for it: {error}");
    let piped =
        |mut command: Command| command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut worker = worker::command(WORKER).and_then(piped).map_err(failed)?;
    // It reads all before it writes.
    let asked = worker.stdin.take().map(|mut to| {
        to.write_all(&effort.time.get().as_secs().max(1).to_le_bytes())?;
        to.write_all(&effort.memory.bytes().to_le_bytes())?;
        to.write_all(file)
    });
    let answer = worker.stdout.take().map(hear);
    let mut said = Vec::new();
    if let Some(complaints) = worker.stderr.take() {
        let _ = complaints.take(SAID_BYTES_MAX).read_to_end(&mut said); // what was read will do
    }
    let status = worker.wait().map_err(failed)?;
    match (asked, answer) {
        // One that was ended while it wrote has given a part, whatever its last byte is.
        (Some(Ok(())), Some(Ok(answer))) if status.success() => answer,
        _ => Err(gone(status, String::from_utf8_lossy(&said).trim(), effort)),
    }
}

/// The code, or what is wrong with the plugin; an error where the worker came to no end.
fn hear(from: impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let mut heard = Vec::new();
    from.take(CODE_BYTES_MAX).read_to_end(&mut heard)?;
    let begin = heard[..heard.len().min(NOISE_BYTES_MAX)].windows(DONE.len()).position(|window| window == DONE);
    heard.drain(..begin.ok_or(io::ErrorKind::UnexpectedEof)? + DONE.len());
    match heard.pop() {
        Some(0) => Ok(Ok(heard)),
        Some(1) => Ok(Err(plain(&String::from_utf8_lossy(&heard)))),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What a program ends with that panicked: the libraries do over some files that are cut.
const PANICKED: i32 = 101;

/// Why there is no answer.
fn gone(status: ExitStatus, said: &str, effort: Effort) -> String {
    match (status.signal(), status.code()) {
        (Some(libc::SIGXCPU), _) => format!("takes too long to compile: it may take {effort}"),
        (Some(libc::SIGABRT), _) if said.contains("memory") => {
            format!("takes too much memory to compile: it may take {effort}")
        }
        (_, Some(PANICKED)) => "is no sound WASM component, or a part of one: is all of the file there?".into(),
        _ => format!("cannot be compiled: {status} {}", plain(said)),
    }
}

/// Does what this process was started for, if that was to compile a plugin. A binary with plugins calls it before anything
/// else, and ends with what it answers.
pub fn worker() -> Option<ExitCode> {
    if !worker::is(WORKER) {
        return None;
    }
    match work(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}"); // who started it may be gone
            Some(ExitCode::FAILURE)
        }
    }
}

fn work(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let [mut seconds, mut bytes] = [[0; 8]; 2];
    from.read_exact(&mut seconds)?;
    from.read_exact(&mut bytes)?;
    let memory_bytes = u64::from_le_bytes(bytes).saturating_add(OWN_BYTES);
    worker::Bounds { seconds: Some(u64::from_le_bytes(seconds)), memory_bytes }.apply()?;
    let mut file = Vec::new();
    from.read_to_end(&mut file)?;
    let (answer, outcome) = match precompile(file) {
        Ok(code) => (code, 0),
        Err(what) => (what.into_bytes(), 1),
    };
    [DONE, &answer, &[outcome]].into_iter().try_for_each(|part| to.write_all(part))?;
    to.flush()
}

fn precompile(file: Vec<u8>) -> Result<Vec<u8>, String> {
    let machine = Machine::start().map_err(|error| error.to_string())?;
    let component = componentize(file)?;
    check_version(&component)?;
    footprint::check(&component)?;
    // The engine checks what is left of it as it would check all of it. What is wrong is told of the file as it is.
    let trimmed = trim(&machine.engine, &component);
    let trimmed = trimmed.and_then(|trimmed| machine.engine.precompile_component(&trimmed).ok());
    let code = trimmed.map_or_else(|| machine.engine.precompile_component(&component), Ok);
    code.map_err(|error| format!("is no sound WASM component, or a part of one: {error:#}"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::tests::Hand;

    /// What tests start to compile a plugin is the tests once more, and this one of them.
    #[test]
    fn compile_worker() {
        if worker().is_some() {
            std::process::exit(0);
        }
    }

    fn refused(file: &[u8], effort: Effort) -> String {
        let machine = Machine::start().expect("it starts");
        compile(&machine, file, effort).map(drop).expect_err("it is wrong")
    }

    /// Each value is carried through each loop: what that makes is as large as one number by the other.
    fn bomb(locals: usize, loops: usize) -> Vec<u8> {
        let mut text = String::from("(component (core module (func (param i32)");
        (0..locals).for_each(|_| text.push_str(" (local i32)"));
        text.push_str(&"(loop ".repeat(loops));
        for local in 1..=locals {
            let _ = write!(text, "(local.set {local} (i32.add (local.get {local}) (local.get 0)))");
        }
        text.push_str(&"(br_if 0 (local.get 0)))".repeat(loops));
        text.push_str(")))");
        wat::parse_str(text).expect("it is sound")
    }

    #[test]
    fn what_is_no_plugin_is_told() {
        let said = refused(b"\0asm\x0d\0\x01\0\xff", Effort::default());
        assert!(said.starts_with("is no sound WASM component, or a part of one: "), "{said}");
        assert_eq!(refused(b"text", Effort::default()), "is no WASM file");
    }

    #[test]
    fn what_a_file_says_is_shown_without_what_a_terminal_obeys_and_not_at_any_length() {
        let module = format!(r#"(module (import "\1b[31m{}" "f" (func)))"#, "x".repeat(90_000));
        let said = refused(&wat::parse_str(module).expect("it is sound"), Effort::default());
        assert!(said.contains("\\u{1b}[31mxxx") && said.len() < 3000, "{said}");
        assert!(!said.contains(char::is_control), "{said}");
    }

    #[test]
    fn one_of_another_version_is_told_before_it_is_compiled() {
        let with = |version: &str| {
            let (mut module, name) = (Hand::default().module(), "catchwater:interface");
            module.extend([0, (1 + name.len() + version.len()) as u8, name.len() as u8]);
            [module, name.as_bytes().to_vec(), version.as_bytes().to_vec()].concat()
        };
        let machine = Machine::start().expect("it starts");
        compile(&machine, &with("0.1.0"), Effort::default()).expect("it is this version");
        let said = refused(&with("0.9.0"), Effort::default());
        let expected = "speaks version 0.9.0 of the interface `catchwater:plugin`, and this Catchwater speaks 0.1.0";
        assert_eq!(said, expected);
    }

    #[test]
    fn one_that_is_cut_is_told_without_the_words_of_a_panic() {
        let module = Hand::default().module();
        for bytes in [module.len() - 1, module.len() - 40, module.len() / 2, 20] {
            let said = refused(&module[..bytes], Effort::default());
            assert!(said.starts_with("is ") && !said.contains("panicked"), "{bytes} of {}: {said}", module.len());
        }
    }

    #[test]
    fn one_that_takes_long_to_compile_is_ended() {
        let effort = Effort { time: Duration::seconds(1), ..Effort::default() };
        let said = refused(&bomb(20_000, 900), effort);
        assert_eq!(said, "takes too long to compile: it may take 1s of a processor and 4GiB");
    }

    #[test]
    fn one_that_takes_all_memory_to_compile_is_ended() {
        let effort = Effort { memory: Size::mib(16), ..Effort::default() };
        let said = refused(&bomb(20_000, 900), effort);
        assert_eq!(said, "takes too much memory to compile: it may take 5m of a processor and 16MiB");
    }
}
