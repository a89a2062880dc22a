//! What the command line says: results to standard output, complaints to standard error.

use std::io::{self, IsTerminal, Write};

/// Writes a result. A reader that has gone away, such as `head`, is not an error.
pub(crate) fn say(text: &str) {
    is_heard(text);
}

/// Writes a result, and answers whether there is still somebody who reads.
pub(crate) fn is_heard(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Writes what went wrong.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Whether complaints go to a terminal whose owner has nothing against colours (<https://no-color.org>).
pub(crate) fn complaints_have_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The same for results.
pub(crate) fn results_have_colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes what goes on; it is no result.
pub(crate) fn note(text: &str) {
    complain(text);
}

/// Whether somebody watches what is said.
pub(crate) fn complaints_are_watched() -> bool {
    io::stderr().is_terminal()
}
