//! What can be configured, as Kafka Connect lists it: out of the schemas of the connectors, whose doc comments are the manual.

use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};
use serde::Serialize;
use serde_json::Value;

use super::class::Class;
use super::common::{self, Common, Takes};
use super::keys::{has_type, is_open, is_secret, shapes};

/// A key, in the order of fields that clients know.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Definition {
    pub(crate) name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    pub(crate) default_value: Option<String>,
    importance: &'static str,
    documentation: String,
    pub(crate) group: Option<String>,
    width: &'static str,
    display_name: String,
    dependents: Vec<String>,
    order: i32,
}

/// All keys of a class: those that all connectors have, then its own.
pub(crate) fn of_class(class: &Class, registry: &Registry) -> Vec<Definition> {
    let listed = common::keys(class.role == Role::Source).filter(|key| !matches!(key.takes, Takes::Nothing(_)));
    let common = (1..).zip(listed).map(|(order, key)| of_common(key, order));
    common.chain(of_schema(registry.schema(class.role, &class.type_name), "", None)).collect()
}

/// The keys of a step, below its alias.
pub(crate) fn of_transform(alias: &str, type_name: &str, registry: &Registry) -> Vec<Definition> {
    let group = format!("Transforms: {alias}");
    let prefix = format!("transforms.{alias}.");
    let kind = Definition {
        kind: "CLASS",
        required: true,
        importance: "HIGH",
        documentation: format!("Class for the '{alias}' transformation."),
        width: "LONG",
        display_name: format!("Transformation type for {alias}"),
        order: 0,
        ..plain(format!("{prefix}type"), Some(&group))
    };
    let own = of_schema(registry.schema(Role::Transform, type_name), &prefix, Some(&group));
    [kind].into_iter().chain(own).collect()
}

/// The keys of a converter, by its class or what that is called without its package.
pub(crate) fn of_converter(name: &str) -> Option<Vec<Definition>> {
    let is_it = |class: &str| class == name || class.rsplit('.').next() == Some(name);
    let (class, _) = common::CONVERTERS.iter().find(|(class, _)| is_it(class))?;
    let own = common::of_json().filter(|_| *class == common::JSON);
    Some(own.map(|(name, key)| Definition { name: name.to_owned(), ..of_common(key, 0) }).collect())
}

/// The keys of a connector's or transform's own.
pub(crate) fn of_schema(schema: Option<&Value>, prefix: &str, group: Option<&str>) -> Vec<Definition> {
    let mut definitions = Vec::new();
    collect(schema.unwrap_or(&Value::Null), prefix, group, true, &mut definitions);
    definitions
}

fn collect(schema: &Value, prefix: &str, group: Option<&str>, required: bool, definitions: &mut Vec<Definition>) {
    let needed: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let required = required && needed.contains(&name.as_str());
        let key = format!("{prefix}{name}");
        match nested(inner) {
            // Nested settings are keys of their own; they are needed where what holds them is.
            Some(inner) => collect(inner, &format!("{key}."), group, required, definitions),
            None => definitions.push(of_setting(key, inner, group, required)),
        }
    }
}

/// The settings within a setting, where that is its only form and it takes no others.
fn nested(schema: &Value) -> Option<&Value> {
    let shapes: Vec<_> = shapes(schema).collect();
    match shapes.as_slice() {
        [only] if only.get("properties").is_some() && !is_open(only) => Some(only),
        _ => None,
    }
}

fn of_setting(name: String, schema: &Value, group: Option<&str>, required: bool) -> Definition {
    let default_value = match &schema["default"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let documentation = schema["description"].as_str().unwrap_or_default();
    Definition {
        kind: kind(schema),
        required,
        default_value: default_value.filter(|_| !required),
        importance: if required { "HIGH" } else { "MEDIUM" },
        documentation: documentation.split_whitespace().collect::<Vec<_>>().join(" "),
        ..plain(name, group)
    }
}

fn kind(schema: &Value) -> &'static str {
    let is = |name: &str| shapes(schema).any(|shape| has_type(shape, name));
    match () {
        () if is_secret(schema) => "PASSWORD",
        () if is("string") => "STRING",
        () if is("array") => "LIST",
        () if is("integer") => "LONG",
        () if is("number") => "DOUBLE",
        () if is("boolean") => "BOOLEAN",
        () => "STRING",
    }
}

fn of_common(key: &Common, order: i32) -> Definition {
    Definition {
        kind: key.kind,
        required: key.is_required(),
        default_value: key.default.map(str::to_owned),
        importance: key.importance,
        documentation: key.documentation.to_owned(),
        width: "MEDIUM",
        display_name: key.display_name.to_owned(),
        order,
        ..plain(key.name.to_owned(), Some(key.group))
    }
}

/// A key of which nothing is known but its name.
fn plain(name: String, group: Option<&str>) -> Definition {
    Definition {
        kind: "STRING",
        required: false,
        default_value: None,
        importance: "MEDIUM",
        documentation: String::new(),
        group: group.map(str::to_owned),
        width: "NONE",
        display_name: name.clone(),
        dependents: Vec::new(),
        order: -1,
        name,
    }
}
