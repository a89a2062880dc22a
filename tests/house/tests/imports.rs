//! Who may import whom. `runtime/ARCHITECTURE.md` says why.

use std::process::Command;

use serde_json::Value;

const OURS: &[(&str, &[&str])] = &[
    ("catchwater-sdk", &[]),
    ("catchwater-query", &["catchwater-sdk"]),
    ("catchwater-storage", &["catchwater-sdk"]),
    ("catchwater-connectors", &["catchwater-sdk", "catchwater-query", "catchwater-storage"]),
    ("catchwater-lake", &["catchwater-sdk", "catchwater-query", "catchwater-storage"]),
    ("catchwater-engine", &["catchwater-sdk", "catchwater-query"]),
    ("catchwater-server", &["catchwater-sdk", "catchwater-engine"]),
    ("catchwater-sql", &["catchwater-sdk", "catchwater-lake"]),
    ("catchwater-wasm", &["catchwater-sdk"]),
    (
        "catchwater",
        &[
            "catchwater-sdk",
            "catchwater-query",
            "catchwater-connectors",
            "catchwater-lake",
            "catchwater-engine",
            "catchwater-server",
            "catchwater-sql",
            "catchwater-wasm",
        ],
    ),
    ("catchwater-house", &[]),
];

/// What the SDK must not bring along, not even through others: a connector's author chooses a runtime, not we.
const NOT_IN_SDK: &[&str] =
    &["tokio", "async-std", "smol", "hyper", "axum", "rdkafka", "arrow", "parquet", "deltalake"];

fn metadata(arguments: &[&str]) -> Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--manifest-path", manifest])
        .args(arguments)
        .output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("cargo names it")
}

/// The package's dependencies that ship with it; what its tests use is its own affair.
fn imports(package: &Value) -> Vec<&str> {
    let dependencies = package["dependencies"].as_array().expect("a list");
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(dependency, "name"))
        .collect()
}

#[test]
fn each_crate_imports_only_what_stands_below_it() {
    let metadata = metadata(&["--no-deps"]);
    for package in metadata["packages"].as_array().expect("a list") {
        let name = text(package, "name");
        let rule = OURS.iter().find(|(ours, _)| *ours == name);
        let (_, allowed) = rule.unwrap_or_else(|| panic!("{name} is not in the list of who imports whom"));
        for import in imports(package) {
            let ours = OURS.iter().any(|(ours, _)| *ours == import);
            assert!(!ours || allowed.contains(&import), "{name} imports {import}");
        }
    }
}

#[test]
fn the_sdk_brings_no_runtime_along() {
    let metadata = metadata(&["--all-features"]);
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a list");
    let packages = metadata["packages"].as_array().expect("a list");
    let id =
        |name: &str| packages.iter().find(|package| text(package, "name") == name).map(|package| text(package, "id"));
    let mut todo = vec![id("catchwater-sdk").expect("it is a member")];
    let mut seen = Vec::new();
    while let Some(package) = todo.pop() {
        if seen.contains(&package) {
            continue;
        }
        seen.push(package);
        let node = nodes.iter().find(|node| text(node, "id") == package).expect("every package is resolved");
        let normal = |dependency: &&Value| {
            dependency["dep_kinds"].as_array().expect("a list").iter().any(|kind| kind["kind"].is_null())
        };
        todo.extend(
            node["deps"].as_array().expect("a list").iter().filter(normal).map(|dependency| text(dependency, "pkg")),
        );
    }
    for name in NOT_IN_SDK {
        let found = id(name).is_some_and(|id| seen.contains(&id));
        assert!(!found, "catchwater-sdk brings {name} along");
    }
}
