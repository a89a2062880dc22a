//! The `catchwater` binary: wiring and subcommands, nothing else.

mod allocator;
#[cfg(all(feature = "server", feature = "kafka"))]
mod brokers;
mod check;
mod columns;
mod connectors;
mod demo;
mod generate;
mod lake;
mod log;
mod marks;
mod options;
mod output;
#[cfg(feature = "wasm")]
mod plugin;
mod progress;
#[cfg(feature = "server")]
mod remote;
mod replay;
mod run;
mod search;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "sql")]
mod sql;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod tap;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use catchwater_lake::replay::Board;
use catchwater_sdk::Registry;
use clap::{Parser, Subcommand};

/// Gathers events off message brokers, leads them to a data lake, and leads them back again.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What to log: a level, or levels by module (`info,catchwater_lake=debug`).
    /// Default: `info` for `run`, `serve` and `demo`, else `warn`.
    #[arg(long, global = true, env = "CATCHWATER_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Log one JSON object per line.
    #[arg(long, global = true)]
    log_json: bool,
    /// The folder in which a plugin that a pipeline names is looked for, as `NAME.wasm`.
    #[cfg(feature = "wasm")]
    #[arg(long, global = true, env = "CATCHWATER_PLUGINS", default_value = "plugins", value_name = "DIR")]
    plugins: PathBuf,
    /// What plugins of pipelines may have at most, and which grants may be given to them: a YAML file.
    #[cfg(feature = "wasm")]
    #[arg(long, global = true, env = "CATCHWATER_PLUGIN_CEILING", value_name = "FILE")]
    plugin_ceiling: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Try it out: invented events into a lake, and commands to type. Needs no broker and no configuration.
    Demo(demo::Arguments),
    /// Run pipelines until their sources end, or Ctrl-C.
    Run(run::Arguments),
    /// Keep the pipelines of a folder running, and change them while they run.
    #[cfg(feature = "server")]
    Serve(Box<serve::Arguments>),
    /// Look after the pipelines of a server.
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Pipelines(remote::pipelines::What),
    /// Show what would change on a server if it had these pipelines, and a hash for `apply`; changes nothing.
    #[cfg(feature = "server")]
    Plan(Box<remote::plan::Arguments>),
    /// Give a server these pipelines, if that changes just what was planned.
    #[cfg(feature = "server")]
    Apply(Box<remote::plan::ApplyArguments>),
    /// Look at messages while they pass through a topic or queue, without a trace.
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    Tap(Box<tap::Arguments>),
    /// Find events of a collection: the newest that match a query, or how many there are and when.
    Search(Box<search::Arguments>),
    /// Send a part of a collection back: exactly the originals, to Kafka, HTTP, a file, standard output or a destination.
    Replay(Box<replay::Arguments>),
    /// Name every mistake in pipelines; contacts nothing, changes nothing.
    Check {
        /// Pipeline files, or folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Run the tests of pipelines: what comes out of records that the tests name. Contacts nothing.
    Test(test::Arguments),
    /// Look after a lake: list it, look into it, verify it.
    #[command(subcommand)]
    Lake(lake::What),
    /// Ask a lake in SQL: its collections are the tables.
    #[cfg(feature = "sql")]
    Sql(Box<sql::Arguments>),
    /// List the connectors, or explain one.
    Connectors {
        /// A connector's name.
        name: Option<String>,
    },
    /// Make, build, test and look into plugins: transforms of your own, as WASM components.
    #[cfg(feature = "wasm")]
    #[command(subcommand)]
    Plugin(plugin::What),
    /// Generate files for editors and for the documentation.
    #[command(subcommand)]
    Generate(generate::What),
}

fn main() -> ExitCode {
    if let Some(code) = catchwater_connectors::worker() {
        return code;
    }
    #[cfg(feature = "wasm")]
    if let Some(code) = catchwater_wasm::worker() {
        return code;
    }
    allocator::bound();
    let arguments = Arguments::parse();
    if let Err(error) = start_log(&arguments) {
        output::complain(&error);
        return ExitCode::from(2);
    }
    // Arms what the environment variable FAILPOINTS names, until the process ends.
    #[cfg(feature = "failpoints")]
    let _armed = fail::FailScenario::setup();
    let board = Board::default();
    #[cfg_attr(not(feature = "wasm"), allow(unused_mut))]
    let mut registry = registry(&board);
    #[cfg(feature = "wasm")]
    let places = places(&arguments);
    #[cfg(feature = "wasm")]
    let ceiling = match ceiling(&arguments) {
        Ok(ceiling) => ceiling,
        Err(error) => {
            output::complain(&format!("error: {}", error.chain()));
            return ExitCode::from(2);
        }
    };
    #[cfg(feature = "wasm")]
    let plugins = std::sync::Arc::new(catchwater_wasm::Plugins::new(places.clone()).under(ceiling));
    #[cfg(feature = "wasm")]
    catchwater_wasm::register(&mut registry, &plugins);
    match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments, registry),
        Command::Run(arguments) => run::run(arguments, registry),
        #[cfg(feature = "server")]
        Command::Serve(arguments) => serve::serve(&arguments, registry),
        #[cfg(feature = "server")]
        Command::Pipelines(what) => remote::pipelines::pipelines(what),
        #[cfg(feature = "server")]
        Command::Plan(arguments) => remote::plan::plan(&arguments),
        #[cfg(feature = "server")]
        Command::Apply(arguments) => remote::plan::apply(&arguments),
        Command::Replay(arguments) => replay::replay(*arguments, registry, &board),
        #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
        Command::Tap(arguments) => tap::tap(*arguments, &registry),
        Command::Search(arguments) => search::search(*arguments, &registry),
        Command::Check { paths } => check::check(&paths, &registry),
        Command::Test(arguments) => test::test(&arguments, registry),
        Command::Lake(what) => lake::lake(what, &registry),
        #[cfg(feature = "sql")]
        Command::Sql(arguments) => sql::sql(&arguments, &registry),
        #[cfg(feature = "wasm")]
        Command::Connectors { name: None } => plugin::list(&plugins, &registry),
        Command::Connectors { name } => connectors::connectors(name.as_deref(), &registry),
        #[cfg(feature = "wasm")]
        Command::Plugin(what) => plugin::plugin(&what, places, &plugins, &registry),
        Command::Generate(what) => generate::generate(&what, &registry),
    }
}

/// Where plugins are, and where compiled ones are kept: in the data folder of pipelines that run.
#[cfg(feature = "wasm")]
fn places(arguments: &Arguments) -> catchwater_wasm::Places {
    let data = match &arguments.command {
        Command::Run(run) => run.means.data_dir.clone(),
        #[cfg(feature = "server")]
        Command::Serve(serve) => serve.means.data_dir.clone(),
        _ => std::env::var_os(run::DATA_DIR_VARIABLE).map_or_else(|| run::DATA_DIR.into(), PathBuf::from),
    };
    catchwater_wasm::Places { plugins: arguments.plugins.clone(), data }
}

/// What pipelines may give to plugins. A plugin by itself, as its author builds and tests it, is in none.
#[cfg(feature = "wasm")]
fn ceiling(arguments: &Arguments) -> catchwater_sdk::Result<catchwater_wasm::Ceiling> {
    match (&arguments.command, &arguments.plugin_ceiling) {
        (Command::Plugin(_), _) | (_, None) => Ok(catchwater_wasm::Ceiling::default()),
        (_, Some(file)) => catchwater_wasm::Ceiling::read(file),
    }
}

/// Everything that this binary was built with.
fn registry(board: &Board) -> Registry {
    let mut registry = Registry::new();
    catchwater_connectors::register(&mut registry);
    catchwater_lake::register_with(&mut registry, board.clone());
    registry
}

fn start_log(arguments: &Arguments) -> Result<(), String> {
    let default = match arguments.command {
        Command::Demo(_) | Command::Run(_) => "info",
        #[cfg(feature = "server")]
        Command::Serve(_) => "info",
        // Other commands say themselves how they ended.
        _ => "warn,catchwater_engine::topology=off",
    };
    log::start(arguments.log.as_deref().unwrap_or(default), arguments.log_json)
}
