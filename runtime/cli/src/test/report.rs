//! The report for a person.

use super::{Case, difference};

const BOLD: &str = "\x1b[1m";
const GOOD: &str = "\x1b[32m";
const BAD: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
/// Where what was wrong stands, below its test.
const INDENT: &str = "      ";

/// Counts what is reported.
pub(super) struct Report {
    colours: bool,
    passed: usize,
    failed: usize,
}

// === impl Report ===

impl Report {
    pub(super) fn new(colours: bool) -> Report {
        Report { colours, passed: 0, failed: 0 }
    }

    /// The headline of a pipeline.
    pub(super) fn pipeline(&self, name: &str) -> String {
        format!("{}\n", self.painted(BOLD, name))
    }

    /// How a test ended, and what was wrong.
    pub(super) fn case(&mut self, case: &Case) -> String {
        if case.passed() {
            self.passed += 1;
            return format!("  {} {}\n", self.painted(GOOD, "ok"), case.name);
        }
        self.failed += 1;
        let failures = match &case.outcome {
            Ok(differences) => differences.iter().map(|found| difference::shown(found, self.colours)).collect(),
            Err(error) => vec![error.chain()],
        };
        let lines = failures.iter().flat_map(|failure| failure.lines());
        let lines: String = lines.map(|line| format!("{INDENT}{line}\n")).collect();
        format!("  {} {} ({})\n{lines}", self.painted(BAD, "FAILED"), case.name, case.place)
    }

    /// The last line.
    pub(super) fn summary(&self) -> String {
        let tests = self.passed + self.failed;
        let tests = if tests == 1 { "1 test".to_owned() } else { format!("{tests} tests") };
        match self.failed {
            0 => format!("\n{tests} passed\n"),
            failed => format!("\n{tests}, {failed} failed (- what was expected, + what came)\n"),
        }
    }

    pub(super) fn all_passed(&self) -> bool {
        self.failed == 0
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}
