//! A jq program: read, and run on one payload within bounds that it keeps by itself. Those that it cannot keep, on time,
//! memory and stack, are its process's.

use std::io::{self, Write};

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::write::Pp;
use jaq_json::{Val, read, write};
use serde::de::IgnoredAny;

use super::explain;
use super::wire::Bounds;

/// The variable that holds the record.
pub(super) const RECORD: &str = "$record";

/// What reaches beyond the record, or ends the process.
pub(super) const ABSENT: &[&str] =
    &["debug", "debug_empty", "env", "halt", "halt_error", "input", "inputs", "stderr", "stderr_empty"];

/// Reading a program and running it take stack by how deep it goes. So much is enough to read the deepest program of
/// `PROGRAM_BYTES_MAX`; it is address space until it is used.
pub(super) const STACK_BYTES: usize = 128 << 20;
const REASON_CHARACTERS_MAX: usize = 300;

/// A program that can be run.
pub(super) struct Program(Filter<JustLut<Val>>);

/// What is wrong with a program, with its place.
pub(super) fn check(text: &str) -> Result<(), String> {
    // The caller's stack may be a small one.
    let read = |text: &str| Program::read(text).map(drop);
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || read(text));
        let reading = reading.map_err(|error| format!("cannot be read, for want of a thread: {error}"))?;
        reading.join().unwrap_or_else(|_| Err("cannot be read".into()))
    })
}

// === impl Program ===

impl Program {
    pub(super) fn read(text: &str) -> Result<Program, String> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs.filter(|def| !ABSENT.contains(&def.name)))
            .load(&arena, File { code: text, path: () })
            .map_err(|errors| explain::unreadable(text, &errors))?;
        let compiler = Compiler::default().with_funs(funs.filter(|(name, ..)| !ABSENT.contains(name)));
        let filter = compiler.with_global_vars([RECORD]).compile(modules);
        filter.map(Program).map_err(|errors| explain::unknown(text, &errors))
    }

    /// What the program makes of a payload; else why it does not.
    pub(super) fn run(&self, payload: &[u8], envelope: &[u8], bounds: &Bounds) -> Result<Vec<Vec<u8>>, String> {
        let input = value(payload).map_err(|error| format!("the payload is not JSON: {error}"))?;
        let record = match envelope {
            [] => Val::Null,
            envelope => value(envelope).map_err(|error| format!("the record is not JSON: {error}"))?,
        };
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([record]));
        let (mut made, mut left) = (Vec::new(), bounds.output_bytes);
        for output in self.0.id.run((context, input)) {
            let output = output.map_err(|exception| match exception.get_err() {
                Ok(error) => format!("the program fails: {}", shortened(&text(error.into_val()))),
                Err(_) => "the program ends itself".to_owned(),
            })?;
            if made.len() == bounds.outputs {
                return Err(format!("the program makes more than {} records (`records_max`)", bounds.outputs));
            }
            let printed = printed(&output, &mut left).map_err(|_| {
                format!("the program makes more than {} bytes out of the record (`output_max`)", bounds.output_bytes)
            })?;
            made.push(sound(printed)?);
        }
        Ok(made)
    }
}

/// What others take for JSON, too: jaq itself is more lenient.
fn value(json: &[u8]) -> Result<Val, String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| error.to_string())?;
    read::parse_single(json).map_err(|error| error.to_string())
}

fn printed(value: &Val, left: &mut usize) -> io::Result<Vec<u8>> {
    let mut bounded = Bounded { printed: Vec::new(), left };
    write::write(&mut bounded, &Pp::default(), 0, value)?;
    Ok(bounded.printed)
}

/// A program can make what JSON cannot say, such as a number that is none.
fn sound(printed: Vec<u8>) -> Result<Vec<u8>, String> {
    let sound = std::str::from_utf8(&printed).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    match sound {
        true => Ok(printed),
        false => {
            let shown = shortened(&String::from_utf8_lossy(&printed));
            Err(format!("the program makes `{shown}`, which is not JSON"))
        }
    }
}

/// A text as it is, anything else as JSON.
fn text(value: Val) -> String {
    match value {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Takes so many bytes and no more.
struct Bounded<'a> {
    printed: Vec<u8>,
    left: &'a mut usize,
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.printed.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
