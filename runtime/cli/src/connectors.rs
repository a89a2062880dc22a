//! `catchwater connectors`: what there is, from its own code.

use std::process::ExitCode;

use catchwater_engine::docs;
use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};

use crate::output::{complain, say};

/// Lists all connectors, or prints the pages of those called `name`.
pub(crate) fn connectors(name: Option<&str>, registry: &Registry) -> ExitCode {
    let Some(name) = name else {
        say(&docs::listing(registry));
        return ExitCode::SUCCESS;
    };
    let roles = [Role::Source, Role::Transform, Role::Sink];
    let pages: Vec<_> = roles.iter().filter_map(|role| docs::page(registry, *role, name)).collect();
    if pages.is_empty() {
        complain(&format!(
            "there is no connector `{name}`; `catchwater connectors` lists them{}",
            nearest(name, registry)
        ));
        return ExitCode::FAILURE;
    }
    say(&pages.join("\n"));
    ExitCode::SUCCESS
}

fn nearest(name: &str, registry: &Registry) -> String {
    let roles = [Role::Source, Role::Transform, Role::Sink];
    let names = roles.iter().flat_map(|role| registry.names(*role));
    match catchwater_engine::spec::nearest(name, names) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    }
}
