//! Why a program cannot be read, and why its process is gone, in words.

use std::process::ExitStatus;

use jaq_core::compile::Undefined;
use jaq_core::{compile, load};

use super::program::ABSENT;
use super::wire::Bounds;

/// The first thing that is wrong with the program's text.
pub(super) fn unreadable(text: &str, errors: &load::Errors<&str, ()>) -> String {
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(errors)) => {
            first(text, errors.iter().map(|(expected, found)| (expected.as_str(), *found)))
        }
        Some(load::Error::Parse(errors)) => {
            first(text, errors.iter().map(|(expected, found)| (expected.as_str(), *found)))
        }
        _ => "modules cannot be read: write the definitions into the program".into(),
    }
}

fn first<'a>(text: &str, mut errors: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let Some((expected, found)) = errors.next() else { return "cannot be read".into() };
    format!("expected {expected}{}", place(text, found))
}

/// The first name that the program uses and nobody knows.
pub(super) fn unknown(text: &str, errors: &compile::Errors<&str, ()>) -> String {
    let Some((name, kind)) = errors.iter().flat_map(|(_, errors)| errors).next() else {
        return "cannot be read".into();
    };
    let place = place(text, name);
    match kind {
        _ if ABSENT.contains(name) => format!("`{name}` is not there: a program sees nothing but its record{place}"),
        Undefined::Filter(arity) => format!("there is no filter `{name}` with {arity} arguments{place}"),
        kind => format!("there is no {} `{name}`{place}", kind.as_str()),
    }
}

/// Line and column of a part of the text, counted in characters from 1.
fn place(text: &str, part: &str) -> String {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let Some(before) = text.get(..start) else { return String::new() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" at line {line}, column {column} of the program")
}

/// Why a process that gave no answer is gone; it said this before.
pub(super) fn gone(said: &str, status: Option<ExitStatus>, bounds: &Bounds) -> String {
    if said.contains("memory allocation of") || said.contains("capacity overflow") {
        let bytes = bounds.memory_bytes;
        return format!("the program takes more than {bytes} bytes of memory (`memory_max`)");
    }
    if said.contains("overflowed its stack") {
        return "the program, or what it makes, goes too deep for the stack".into();
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    let status = status.map_or("is lost".to_owned(), |status| format!("ended with {status}"));
    format!("the process of the program {status}: {last}")
}

#[cfg(test)]
mod tests {
    use super::super::PROGRAM_BYTES_MAX;
    use super::super::program::check;
    use super::*;

    fn refused(program: &str, expected: &str) {
        let said = check(program).expect_err("it is refused");
        assert!(said.contains(expected), "{program}: {said}");
    }

    #[test]
    fn a_program_that_cannot_be_read_is_explained_with_the_place() {
        refused("", "expected term at line 1, column 1");
        refused(".a |\n  (.b", "expected closing parenthesis at line 2, column 6");
        refused("if . then", "expected");
        refused("&", "expected token at line 1, column 1");
        refused("include \"x\"; .", "modules cannot be read");
    }

    #[test]
    fn a_name_that_nobody_knows_is_shown_with_the_place() {
        refused(".a | foo(1; 2)", "there is no filter `foo` with 2 arguments at line 1, column 6");
        refused("$x", "there is no variable `$x` at line 1, column 1");
        refused("$ENV", "there is no variable `$ENV`");
        for absent in ["input", "env", "halt", "debug", "stderr", "halt_error", "inputs"] {
            refused(absent, &format!("`{absent}` is not there: a program sees nothing but its record"));
        }
    }

    #[test]
    fn a_program_that_nests_without_end_is_read_or_refused_and_harms_nobody() {
        for (open, middle, close) in [
            ("(", ".", ")"),
            ("[", ".", "]"),
            ("-", "1", ""),
            ("try ", ".", ""),
            (".|", ".", ""),
            ("def f:", ".;.", ""),
            ("{a:", "1", "}"),
            ("\"\\(", "1", ")\""),
        ] {
            let levels = PROGRAM_BYTES_MAX / (open.len() + close.len());
            let _ = check(&(open.repeat(levels) + middle + &close.repeat(levels))); // read or refused: it came back
            check(&open.repeat(PROGRAM_BYTES_MAX / open.len())).expect_err("it is not closed");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_explained() {
        let bounds = Bounds { time_ms: 1, memory_bytes: 7, output_bytes: 1, outputs: 1 };
        let check = |said: &str, expected: &str| assert_eq!(gone(said, None, &bounds), expected);
        check("memory allocation of 99 bytes failed", "the program takes more than 7 bytes of memory (`memory_max`)");
        check("thread 'jq' has overflowed its stack", "the program, or what it makes, goes too deep for the stack");
        check("a\nwhy\n\n", "the process of the program is lost: why");
        check("", "the process of the program is lost: it said nothing");
    }
}
