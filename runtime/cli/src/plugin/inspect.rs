//! What a plugin is.

use std::fmt::Write;

use catchwater_engine::docs;
use catchwater_sdk::plain;
use catchwater_wasm::Plugin;

/// A file can say anything of itself, at any length.
const FACT_CHARACTERS_MAX: usize = 2000;

/// Its name, version and limits, then the keys of its configuration. It is the plugin that says most of it: nothing that a
/// terminal would obey is left in.
pub(crate) fn describe(plugin: &Plugin) -> String {
    facts(plugin).chars().filter(|character| *character == '\n' || !character.is_control()).collect()
}

fn facts(plugin: &Plugin) -> String {
    let (name, version) = plugin.title();
    let mut text = format!("{}\n\n", shown(&format!("{name} {version}: {}", plugin.summary())));
    let state = match plugin.state_version() {
        0 => "none".to_owned(),
        version => format!("version {version}"),
    };
    let imports = if plugin.imports().is_empty() { "nothing".to_owned() } else { plugin.imports().join(", ") };
    let wants = if plugin.wants().is_empty() { "nothing".to_owned() } else { plugin.wants().join(", ") };
    let facts = [
        ("kind", plugin.role().name().to_owned()),
        ("interface", plugin.interface().to_owned()),
        ("imports", imports),
        ("wants", wants),
        ("state", state),
        ("size", format!("{} KiB", plugin.bytes().div_ceil(1024))),
        ("sha256", plugin.digest().to_owned()),
    ];
    for (fact, value) in facts {
        let _ = writeln!(text, "{fact:<10}{}", shown(&value));
    }
    text + &keys(plugin)
}

fn shown(text: &str) -> String {
    plain(text.chars().take(FACT_CHARACTERS_MAX))
}

fn keys(plugin: &Plugin) -> String {
    match serde_json::from_str(plugin.config_schema()) {
        Ok(schema) => format!("\n{}", docs::keys(&schema).trim_end()) + "\n",
        Err(error) => format!("\nits configuration is not described: {error}\n"),
    }
}
