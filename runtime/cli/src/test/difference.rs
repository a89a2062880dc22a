//! What differs, line by line: `-` was expected, `+` came.

use catchwater_engine::trial::Difference;
use catchwater_sdk::plain;
use similar::{ChangeTag, TextDiff};

const EXPECTED: &str = "\x1b[31m";
const FOUND: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";
/// So many lines that are the same are shown around one that is not.
const CONTEXT: usize = 3;

/// A headline with its place, and the lines.
pub(super) fn shown(difference: &Difference, colours: bool) -> String {
    let headline = format!("{} ({})\n", difference.about, difference.place.describe());
    headline + &lines(&difference.expected, &difference.found, colours)
}

fn lines(expected: &str, found: &str, colours: bool) -> String {
    let diff = TextDiff::from_lines(expected, found);
    let groups = diff.grouped_ops(CONTEXT);
    let shown = groups.iter().map(|group| {
        let changes = group.iter().flat_map(|change| diff.iter_changes(change));
        changes.map(|change| line(change.tag(), change.value(), colours)).collect::<String>()
    });
    shown.collect::<Vec<_>>().join("  ...\n")
}

fn line(tag: ChangeTag, text: &str, colours: bool) -> String {
    let (sign, colour) = match tag {
        ChangeTag::Delete => ('-', EXPECTED),
        ChangeTag::Insert => ('+', FOUND),
        ChangeTag::Equal => return format!("  {}\n", plain(text.trim_end_matches('\n').chars())),
    };
    let text = plain(text.trim_end_matches('\n').chars());
    if colours { format!("{colour}{sign} {text}{PLAIN}\n") } else { format!("{sign} {text}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, found: &str, shown: &str) {
        assert_eq!(lines(expected, found, false), shown);
    }

    #[test]
    fn what_is_the_same_is_shown_around_what_is_not() {
        check("a\nb\nc", "a\nx\nc", "  a\n- b\n+ x\n  c\n");
        check("1\n2\n3\n4\n5\nb", "1\n2\n3\n4\n5\nx", "  3\n  4\n  5\n- b\n+ x\n");
        check("", "a\nb", "+ a\n+ b\n");
        check("a", "", "- a\n");
    }

    #[test]
    fn a_payload_does_not_command_the_terminal() {
        check("\x1b[2J", "", "- \\u{1b}[2J\n");
    }
}
