//! What each instance of a module takes beside its memories and tables. The engine keeps room in it for every function, global,
//! import and element, which is many times what they take in the file, and no limit of a running instance counts it.

use wasmparser::{ElementItems, Parser, Payload, Result};

/// The largest interpreters take a third of it.
const BYTES_MAX: usize = 4 << 20;
/// What the engine's own records of them take at most.
const FUNCTION_BYTES: usize = 48;
const GLOBAL_BYTES: usize = 16;
const IMPORT_BYTES: usize = 48;
/// Also one of a table.
pub(crate) const ELEMENT_BYTES: usize = 16;

/// Refuses a component of whose modules an instance would take too much.
pub(crate) fn check(component: &[u8]) -> std::result::Result<(), String> {
    match largest(component) {
        Ok(bytes) if bytes > BYTES_MAX => Err(format!(
            "has a module with so many functions, globals and elements that each instance takes {} MiB beside its memory, and \
             {} may be",
            bytes >> 20,
            BYTES_MAX >> 20
        )),
        // What is wrong with it, the compiler says.
        _ => Ok(()),
    }
}

/// How many bytes an instance of the largest module takes.
fn largest(component: &[u8]) -> Result<usize> {
    let (mut largest, mut bytes) = (0, 0_usize);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if matches!(payload, Payload::Version { .. }) {
            bytes = 0;
        }
        bytes = bytes.saturating_add(taken(payload)?);
        largest = largest.max(bytes);
    }
    Ok(largest)
}

fn taken(section: Payload<'_>) -> Result<usize> {
    let of = |count: u32, bytes: usize| (count as usize).saturating_mul(bytes);
    Ok(match section {
        Payload::FunctionSection(functions) => of(functions.count(), FUNCTION_BYTES),
        Payload::GlobalSection(globals) => of(globals.count(), GLOBAL_BYTES),
        Payload::ImportSection(imports) => imports.into_imports().count().saturating_mul(IMPORT_BYTES),
        Payload::ElementSection(segments) => {
            let mut elements = 0;
            for segment in segments {
                elements += match segment?.items {
                    ElementItems::Functions(items) => items.count() as usize,
                    ElementItems::Expressions(_, items) => items.count() as usize,
                };
            }
            elements.saturating_mul(ELEMENT_BYTES)
        }
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(parts: &str, many: usize) -> Vec<u8> {
        wat::parse_str(format!("(component (core module {}))", parts.repeat(many))).expect("it is sound")
    }

    #[test]
    fn what_a_module_has_much_of_is_counted() {
        assert_eq!(largest(&module("(global i64 (i64.const 0))", 1000)).expect("it is sound"), 16_000);
        assert_eq!(largest(&module("(func)", 1000)).expect("it is sound"), 48_000);
        assert_eq!(largest(&module("(import \"a\" \"b\" (func))", 1000)).expect("it is sound"), 48_000);
        let elements = format!("(elem func {})", "0 ".repeat(1000));
        assert_eq!(largest(&module(&format!("(func){elements}"), 1)).expect("it is sound"), 48 + 16_000);
    }

    #[test]
    fn one_of_whose_modules_each_instance_takes_much_is_refused() {
        let said = check(&module("(global i64 (i64.const 0))", 400_000)).expect_err("it is too much");
        assert!(said.contains("takes 6 MiB beside its memory, and 4 may be"), "{said}");
        assert_eq!(check(&module("(func)", 1)), Ok(()));
    }
}
