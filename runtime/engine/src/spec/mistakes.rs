//! Mistakes with the files they stand in.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::config::Mistake;

/// More mistakes than anyone reads at once are only counted.
const SHOWN_MAX: usize = 200;

/// A file as it is shown in messages: secrets that stand in it are starred out.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
}

/// A mistake and its file.
#[derive(Clone, Debug)]
pub struct Located {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The mistake.
    pub mistake: Mistake,
}

/// Every mistake of every file, by file and place. Its text is the report for a person.
#[derive(Debug, Default)]
pub struct Mistakes {
    list: Vec<Located>,
    files: BTreeSet<PathBuf>,
}

impl SourceFile {
    pub(super) fn new(path: &Path, text: String) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.to_owned(), text })
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text, with secrets starred out.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `file:line:column`, both from 1, the column in characters.
    pub fn describe(&self, offset: usize) -> String {
        let (line, column) = self.line_and_column(offset);
        format!("{}:{line}:{column}", self.path.display())
    }

    /// Where a byte of it stands: line and column from 1, the column in characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (1 + before.matches('\n').count(), 1 + before[start..].chars().count())
    }
}

impl Mistakes {
    /// Of mistakes in the order of their files.
    pub fn new(list: Vec<Located>) -> Mistakes {
        let mut mistakes = Mistakes { list, files: BTreeSet::new() };
        mistakes.list.dedup_by(|one, other| Arc::ptr_eq(&one.file, &other.file) && one.mistake == other.mistake);
        mistakes
    }

    /// The same with the files that components name: once one of them is another, there may be no mistake.
    pub(crate) fn in_view_of(self, files: BTreeSet<PathBuf>) -> Mistakes {
        Mistakes { files, ..self }
    }

    /// The files that components name besides their settings.
    pub fn files(&self) -> &BTreeSet<PathBuf> {
        &self.files
    }

    /// The mistakes to show, at most 200.
    pub fn list(&self) -> &[Located] {
        &self.list[..self.list.len().min(SHOWN_MAX)]
    }

    /// All of them, also those that nobody is shown.
    pub fn all(&self) -> &[Located] {
        &self.list
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The report, in colours if wanted.
    pub fn render(&self, colours: bool) -> String {
        let mut report = String::new();
        for located in self.list() {
            report.push_str(&super::render::render(located, colours));
            report.push_str("\n\n");
        }
        let hidden = self.count() - self.list().len();
        if hidden > 0 {
            report.push_str(&format!("... and {hidden} more\n\n"));
        }
        report.push_str(&self.summary());
        report
    }

    fn summary(&self) -> String {
        let files: BTreeSet<_> = self.list.iter().map(|located| located.file.path()).collect();
        format!("{} in {}", counted(self.count(), "mistake"), counted(files.len(), "file"))
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

impl From<Located> for Mistakes {
    fn from(located: Located) -> Mistakes {
        Mistakes::new(vec![located])
    }
}
