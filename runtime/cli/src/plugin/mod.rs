//! `catchwater plugin`: a plugin's way from a new project to a pipeline.

mod bench;
mod build;
mod cases;
mod ends;
mod fuzz;
mod inspect;
mod language;
mod manifest;
mod new;
mod project;
mod records;
mod server;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use catchwater_engine::docs;
use catchwater_sdk::{Registry, Result};
use catchwater_wasm::{Places, Plugins};
use clap::{Subcommand, ValueEnum};
use language::Language;

use crate::output::{complain, say};

#[derive(Subcommand)]
pub(crate) enum What {
    /// Make a project that builds and passes its tests, in a new folder of that name.
    New {
        /// The plugin's name: lower-case letters, digits and hyphens.
        name: String,
        /// The language it is written in.
        #[arg(long, value_enum, default_value_t = Language::Rust)]
        lang: Language,
        /// What it does in a pipeline.
        #[arg(long, value_enum, default_value_t = Kind::Transform)]
        kind: Kind,
    },
    /// Build a project, and put the plugin into the folder of plugins.
    Build {
        /// The project's folder.
        #[arg(default_value = ".")]
        project: PathBuf,
    },
    /// Run the cases in a project's `tests.yaml`: records in, expected records out; for a source and a sink with a server that
    /// gives the case's answers. Those of a transform are then run with spoiled payloads, which it may reject, but not break
    /// off at.
    Test {
        /// The project's folder.
        #[arg(default_value = ".")]
        project: PathBuf,
        /// The plugin, if it is not the one that `plugin build` made of this project: a name or a `.wasm` file.
        #[arg(long)]
        plugin: Option<String>,
    },
    /// Measure a plugin with each case in a project's `tests.yaml`: how fast a transform is with its records, how fast a source
    /// reads, and a sink stores them, with a server that gives the case's answers over and over.
    Bench {
        /// The project's folder.
        #[arg(default_value = ".")]
        project: PathBuf,
        /// The plugin, if it is not the one that `plugin build` made of this project: a name or a `.wasm` file.
        #[arg(long)]
        plugin: Option<String>,
    },
    /// Say what a plugin is: its interface, what it imports, the keys of its configuration.
    Inspect {
        /// A name, or a `.wasm` file.
        plugin: String,
    },
}

/// What plugins do.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// It makes records out of records.
    Transform,
    /// It reads from another system.
    Source,
    /// It stores in another system.
    Sink,
}

/// Exits 0 when done, 1 when not.
pub(crate) fn plugin(what: &What, places: Places, plugins: &Plugins, registry: &Registry) -> ExitCode {
    let done = match what {
        What::New { name, lang, kind } => new::make(name, *lang, *kind),
        What::Build { project } => build::build(project, places),
        What::Test { project, plugin } => cases::run(project, plugin.as_deref(), plugins, registry),
        What::Bench { project, plugin } => cases::measure(project, plugin.as_deref(), plugins, registry),
        What::Inspect { plugin } => plugins.load(plugin).map(|plugin| inspect::describe(&plugin)),
    };
    finish(done)
}

/// All connectors, and the plugins in their folder.
pub(crate) fn list(plugins: &Plugins, registry: &Registry) -> ExitCode {
    let names = plugins.names();
    let plugins: String = names.iter().map(|name| format!("  {name}\n")).collect();
    let heading = if names.is_empty() {
        ""
    } else {
        "plugins, for `type: wasm`; `catchwater plugin inspect NAME` explains one\n"
    };
    say(&format!("{}{heading}{plugins}", docs::listing(registry)));
    ExitCode::SUCCESS
}

fn finish(done: Result<String>) -> ExitCode {
    match done {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.chain());
            ExitCode::FAILURE
        }
    }
}
