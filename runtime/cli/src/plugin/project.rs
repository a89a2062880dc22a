//! The files of a new project. Words in capitals stand for the plugin's own.

use super::Kind;
use super::language::Language;

/// What is made for a kind of plugin in a language.
pub(super) struct Project {
    /// Where the plugin is, and all files.
    pub(super) main: &'static str,
    pub(super) files: Vec<(&'static str, &'static str)>,
    pub(super) summary: &'static str,
    pub(super) kind: &'static str,
    /// What it wants beyond log and counters, as a list's inside.
    pub(super) wants: &'static str,
    /// How a pipeline uses it.
    pub(super) uses: &'static str,
    /// What its README says is to be there first.
    pub(super) before: &'static str,
    /// How it says that it wants `egress`.
    pub(super) wanting: &'static str,
}

/// The files of a kind: those of all languages, and the plugin in each.
struct OfKind {
    common: [(&'static str, &'static str); 2],
    rust: &'static str,
    js: &'static str,
    python: &'static str,
}

macro_rules! of_kind {
    ($kind:literal) => {
        OfKind {
            common: [
                ("tests.yaml", include_str!(concat!("project/", $kind, "/tests.yaml"))),
                ("README.md", include_str!(concat!("project/", $kind, "/README.md"))),
            ],
            rust: include_str!(concat!("project/", $kind, "/lib.rs.txt")),
            js: include_str!(concat!("project/", $kind, "/plugin.ts.txt")),
            python: include_str!(concat!("project/", $kind, "/plugin.py.txt")),
        }
    };
}

// === impl Project ===

impl Project {
    pub(super) fn new(language: Language, kind: Kind) -> Project {
        let (of_kind, name, wants, summary, uses) = match kind {
            Kind::Transform => (
                of_kind!("transform"),
                "transform",
                "",
                "Drops records whose payloads are small",
                "transforms: [{type: wasm, plugin: NAME}]",
            ),
            Kind::Source => (
                of_kind!("source"),
                "source",
                "",
                "Counts: each record is the next number",
                "source: {type: wasm, plugin: NAME}",
            ),
            Kind::Sink => (
                of_kind!("sink"),
                "sink",
                "\"egress\"",
                "Posts records to an HTTP server, one in a line",
                "sinks: [{type: wasm, plugin: NAME}]",
            ),
        };
        let (main, own, before, wanting) = match language {
            Language::Rust => (
                ("src/lib.rs", of_kind.rust),
                vec![("Cargo.toml", include_str!("project/Cargo.toml.txt")), (".gitignore", "/target\n")],
                "rustup target add wasm32-unknown-unknown   # once",
                "`const WANTS: &'static [Want] = &[Want::Egress];`",
            ),
            Language::Js => (
                ("plugin.ts", of_kind.js),
                vec![
                    ("package.json", include_str!("project/package.json.txt")),
                    ("tsconfig.json", include_str!("project/tsconfig.json")),
                    (".gitignore", "/node_modules\n"),
                ],
                "node --version                             # 18 or later, and npm",
                "`\"wants\": [\"egress\"]` in package.json",
            ),
            Language::Python => (
                ("plugin.py", of_kind.python),
                vec![
                    ("pyproject.toml", include_str!("project/pyproject.toml.txt")),
                    (".gitignore", "__pycache__\n/packages\n"),
                ],
                "python3 --version                          # 3.10 or later, and venv",
                "`wants = [\"egress\"]` in pyproject.toml",
            ),
        };
        let files = [main].into_iter().chain(own).chain(of_kind.common).collect();
        Project { main: main.0, files, summary, kind: name, wants, uses, before, wanting }
    }
}
