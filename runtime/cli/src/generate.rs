//! `catchwater generate`: files that are made from the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catchwater_engine::{docs, spec};
use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};
use clap::Subcommand;

use crate::output::{complain, say};

/// What to generate.
#[derive(Subcommand)]
pub(crate) enum What {
    /// The JSON Schema of a pipeline, for editors.
    Schema,
    /// The documentation pages of all connectors, one file each.
    Docs {
        /// The folder to write them to.
        folder: PathBuf,
    },
}

pub(crate) fn generate(what: &What, registry: &Registry) -> ExitCode {
    match what {
        What::Schema => {
            let schema = serde_json::to_string_pretty(&spec::editor_schema(registry)).expect("a schema is JSON");
            say(&(schema + "\n"));
            ExitCode::SUCCESS
        }
        What::Docs { folder } => match write_docs(folder, registry) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("write docs to {}: {error}", folder.display()));
                ExitCode::FAILURE
            }
        },
    }
}

fn write_docs(folder: &Path, registry: &Registry) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for role in [Role::Source, Role::Transform, Role::Sink] {
        for name in registry.names(role) {
            let page = docs::page(registry, role, name).expect("a listed connector has a schema");
            fs::write(folder.join(format!("{role}-{name}.md")), page)?;
        }
    }
    Ok(())
}
