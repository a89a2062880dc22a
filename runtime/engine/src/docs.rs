//! A connector's documentation page, made from its configuration's JSON Schema: what its author wrote as doc comments.

use std::fmt::Write;

use catchwater_sdk::config::{Catalog, Role};
use serde_json::{Map, Value};

/// The keys of a configuration that is no connector's, such as a plugin's own, as its page would show them.
pub fn keys(schema: &Value) -> String {
    let mut rows = Vec::new();
    fields(schema, "", &mut rows);
    rows.concat()
}

/// The page of one connector as Markdown, or `None` when there is no such connector.
pub fn page(catalog: &dyn Catalog, role: Role, name: &str) -> Option<String> {
    let schema = catalog.schema(role, name)?;
    let mut page = format!("# {name} ({role})\n\n");
    if let Some(description) = text(schema, "description") {
        let _ = writeln!(page, "{description}\n");
    }
    let _ = writeln!(page, "```yaml\n{}```\n", example(schema, role, name));
    let mut rows = Vec::new();
    fields(schema, "", &mut rows);
    if rows.is_empty() {
        page.push_str("It has no settings of its own.\n");
    }
    for row in rows {
        page.push_str(&row);
    }
    Some(page)
}

/// One line on each connector.
pub fn listing(catalog: &dyn Catalog) -> String {
    let mut list = String::new();
    for role in [Role::Source, Role::Transform, Role::Sink, Role::Format] {
        let _ = writeln!(list, "{role}s");
        for name in catalog.names(role) {
            let _ = writeln!(list, "  {name:<12} {}", summary(catalog, role, name));
        }
    }
    list
}

fn summary(catalog: &dyn Catalog, role: Role, name: &str) -> String {
    let description = catalog.schema(role, name).and_then(|schema| text(schema, "description")).unwrap_or_default();
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key)?.as_str()
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn is_required(schema: &Value, key: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|keys| keys.iter().any(|known| known == key))
}

/// Required keys first, then the others by name; keys of a nested map below it, with its name before theirs.
fn fields(schema: &Value, prefix: &str, rows: &mut Vec<String>) {
    let Some(properties) = properties(schema) else { return };
    let mut keys: Vec<_> = properties.keys().collect();
    keys.sort_by_key(|key| (!is_required(schema, key), key.as_str()));
    for key in keys {
        let field = &properties[key.as_str()];
        let path = format!("{prefix}{key}");
        rows.push(row(&path, field, is_required(schema, key)));
        // A map that takes any key is told as a whole, also where it names some.
        if !inner(field)["additionalProperties"].is_object() {
            fields(inner(field), &format!("{path}."), rows);
        }
    }
}

fn row(path: &str, field: &Value, required: bool) -> String {
    let mut row = format!("## `{path}`\n\n{}", kind(field));
    match field.get("default") {
        _ if required => row.push_str(", required"),
        Some(Value::Null) | None => row.push_str(", optional"),
        Some(Value::String(default)) => drop(write!(row, ", default `{default}`")),
        Some(default) => drop(write!(row, ", default `{default}`")),
    }
    row.push_str("\n\n");
    if let Some(description) = text(field, "description") {
        let _ = writeln!(row, "{description}\n");
    }
    for choice in choices(field) {
        let _ = writeln!(row, "{choice}");
    }
    if !choices(field).is_empty() {
        row.push('\n');
    }
    row
}

/// Where a value may be one of several shapes, the one that is not null.
fn inner(field: &Value) -> &Value {
    let shapes = field.get("anyOf").and_then(Value::as_array);
    let real = |shapes: &'_ Vec<Value>| shapes.iter().position(|shape| shape.get("type") != Some(&Value::from("null")));
    match shapes.and_then(|shapes| Some(&shapes[real(shapes)?])) {
        Some(shape) => shape,
        None => field,
    }
}

/// Each choice with its meaning, where the choices have one.
fn choices(field: &Value) -> Vec<String> {
    let shapes = inner(field).get("oneOf").and_then(Value::as_array);
    let choice = |shape: &Value| {
        let name = shape.get("const")?.as_str()?;
        let meaning = text(shape, "description").unwrap_or_default();
        Some(format!("- `{name}`: {}", meaning.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    shapes.into_iter().flatten().filter_map(choice).collect()
}

fn kind(field: &Value) -> String {
    let shape = inner(field);
    if let Some(format) = text(shape, "format")
        && !matches!(format, "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "int32" | "int64" | "double")
    {
        return format.to_owned();
    }
    if let Some(values) = shape.get("enum").and_then(Value::as_array) {
        let words: Vec<_> = values.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return format!("one of {}", words.join(", "));
    }
    if shape.get("oneOf").is_some() {
        return "one of".into();
    }
    match word(shape.get("type")).as_str() {
        "array" => format!("list of {}", shape.get("items").map_or("values".into(), kind)),
        "object" => "map".into(),
        "" => "any value".into(),
        other => other.into(),
    }
}

fn word(kind: Option<&Value>) -> String {
    match kind {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => {
            words.iter().filter_map(Value::as_str).find(|word| *word != "null").unwrap_or_default().into()
        }
        _ => String::new(),
    }
}

/// The keys that one must write, each with its author's example.
fn example(schema: &Value, role: Role, name: &str) -> String {
    let mut lines = vec![format!("type: {name}")];
    for (key, field) in properties(schema).into_iter().flatten().filter(|(key, _)| is_required(schema, key)) {
        let given = field.get("examples").or_else(|| inner(field).get("examples")).and_then(|examples| examples.get(0));
        lines.push(format!("{key}: {}", given.map_or("...".into(), yaml)));
    }
    match role {
        Role::Source => block("source:", "  ", &lines),
        Role::Transform => block("transforms:", "  - ", &lines),
        Role::Sink => block("sinks:", "  - ", &lines),
        Role::Format => block("source:", "  ", &[format!("format: {name}")]),
    }
}

fn block(head: &str, first: &str, lines: &[String]) -> String {
    let rest = " ".repeat(first.len());
    let indented = lines.iter().enumerate().map(|(i, line)| format!("{}{line}\n", if i == 0 { first } else { &rest }));
    format!("{head}\n{}", indented.collect::<String>())
}

/// A JSON value as YAML on one line; JSON is YAML, and plain words need no quotes.
fn yaml(value: &Value) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(plain) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
