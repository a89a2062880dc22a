//! The files of a new project. Words in capitals stand for the plugin's own.

use super::Kind;
use super::language::Language;

/// What a project is made of.
pub(super) struct Project {
    pub(super) of_kind: &'static OfKind,
    pub(super) of_language: &'static OfLanguage,
}

/// A kind of plugin: the plugin itself in each language, and what all have.
pub(super) struct OfKind {
    pub(super) name: &'static str,
    /// What it wants beyond log and counters, as a list's inside.
    pub(super) wants: &'static str,
    pub(super) summary: &'static str,
    /// How a pipeline uses it.
    pub(super) uses: &'static str,
    common: [(&'static str, &'static str); 2],
    rust: &'static str,
    js: &'static str,
    python: &'static str,
}

/// A language: the files that its tools read, and what a README says of it.
pub(super) struct OfLanguage {
    /// Where the plugin is.
    pub(super) main: &'static str,
    /// What is to be there first.
    pub(super) before: &'static str,
    /// How a plugin says that it wants `egress`.
    pub(super) wanting: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! of_kind {
    ($kind:literal, wants: $wants:literal, summary: $summary:literal, uses: $uses:literal) => {
        OfKind {
            name: $kind,
            wants: $wants,
            summary: $summary,
            uses: $uses,
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

const TRANSFORM: OfKind = of_kind!(
    "transform",
    wants: "",
    summary: "Drops records whose payloads are small",
    uses: "transforms: [{type: wasm, plugin: NAME, config: {bytes_min: 4}}]"
);
const SOURCE: OfKind = of_kind!(
    "source",
    wants: "",
    summary: "Counts: each record is the next number",
    uses: "source: {type: wasm, plugin: NAME}"
);
const SINK: OfKind = of_kind!(
    "sink",
    wants: "\"egress\"",
    summary: "Posts records to an HTTP server, one in a line",
    uses: "sinks: [{type: wasm, plugin: NAME, config: {url: http://HOST/PATH}, grants: {egress: [{to: http://HOST}]}}]"
);

const RUST: OfLanguage = OfLanguage {
    main: "src/lib.rs",
    before: "rustup target add wasm32-unknown-unknown   # once",
    wanting: "`const WANTS: &'static [Want] = &[Want::Egress];`",
    files: &[("Cargo.toml", include_str!("project/Cargo.toml.txt")), (".gitignore", "/target\n")],
};
const JS: OfLanguage = OfLanguage {
    main: "plugin.ts",
    before: "node --version                             # 18 or later, and npm",
    wanting: "`\"wants\": [\"egress\"]` in package.json",
    files: &[
        ("package.json", include_str!("project/package.json.txt")),
        ("tsconfig.json", include_str!("project/tsconfig.json")),
        (".gitignore", "/node_modules\n"),
    ],
};
const PYTHON: OfLanguage = OfLanguage {
    main: "plugin.py",
    before: "python3 --version                          # 3.10 or later, and venv",
    wanting: "`wants = [\"egress\"]` in pyproject.toml",
    files: &[
        ("pyproject.toml", include_str!("project/pyproject.toml.txt")),
        (".gitignore", "__pycache__\n/packages\n"),
    ],
};

// === impl Project ===

impl Project {
    pub(super) fn new(language: Language, kind: Kind) -> Project {
        let of_kind = match kind {
            Kind::Transform => &TRANSFORM,
            Kind::Source => &SOURCE,
            Kind::Sink => &SINK,
        };
        let of_language = match language {
            Language::Rust => &RUST,
            Language::Js => &JS,
            Language::Python => &PYTHON,
        };
        Project { of_kind, of_language }
    }

    /// What stands in the file of the plugin itself.
    pub(super) fn plugin(&self, language: Language) -> &'static str {
        match language {
            Language::Rust => self.of_kind.rust,
            Language::Js => self.of_kind.js,
            Language::Python => self.of_kind.python,
        }
    }

    /// Each file's path, and what stands in it.
    pub(super) fn files(&self, language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
        let plugin = self.plugin(language);
        let own = self.of_language.files.iter().chain(&self.of_kind.common).copied();
        own.chain([(self.of_language.main, plugin)])
    }
}
