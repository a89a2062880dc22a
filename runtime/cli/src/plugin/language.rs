//! What plugins are written in, and what a project of each looks like from outside.

use std::path::Path;

use catchwater_sdk::{Error, Result};
use clap::ValueEnum;

/// A language that there is an SDK for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// The fastest: a compiler makes the plugin's code.
    Rust,
    /// JavaScript or TypeScript: an interpreter of 2 MB is within the plugin.
    #[value(alias = "javascript", alias = "ts", alias = "typescript")]
    Js,
    /// Python: an interpreter of 18 MB is within the plugin.
    #[value(alias = "py")]
    Python,
}

// === impl Language ===

impl Language {
    /// The language of a project, by the file that its tools read.
    pub(super) fn of(project: &Path) -> Result<Language> {
        let languages = [Language::Rust, Language::Js, Language::Python];
        let found = languages.into_iter().find(|language| project.join(language.manifest()).exists());
        let manifests = languages.map(Language::manifest).join(", ");
        found.ok_or_else(|| {
            let folder = project.display();
            Error::config(format!("{folder} is no project of a plugin: it has none of {manifests}"))
        })
    }

    /// The file that says what the plugin is called.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Js => "package.json",
            Language::Python => "pyproject.toml",
        }
    }
}
