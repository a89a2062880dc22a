//! What is kept of a connector: the document of its pipeline, and above it the configuration that it was made of.
//!
//! The document is what runs; it and `/v1` know nothing of connectors. The configuration is a comment in front of it, so that
//! whoever asks for it gets back what they sent, letter by letter. Secrets stand in the document alone.

use catchwater_sdk::config::{Catalog, Role};
use serde_json::Value;

use super::class::Class;
use super::document::Made;
use super::flat::{Flat, items};
use super::keys::{HIDDEN, is_secret, resolve};

/// Begins the line that has the configuration.
const MARK: &str = "# Kafka Connect's form of this pipeline: ";

/// The text to keep.
pub(crate) fn text(flat: &Flat, document: &Value) -> String {
    let flat = serde_json::to_string(flat).expect("texts are JSON");
    let document = serde_json::to_string_pretty(document).expect("a document is JSON");
    format!("{MARK}{flat}\n{document}\n")
}

/// The configuration in a text that was kept; none where the pipeline was not made over this API.
pub(crate) fn flat_in(text: &str) -> Option<Flat> {
    serde_json::from_str(text.strip_prefix(MARK)?.lines().next()?).ok()
}

/// The same with its secrets hidden.
pub(crate) fn hidden(flat: &Flat, class: &Class, catalog: &dyn Catalog) -> Flat {
    let shown = |key: &str, text: &str| {
        // A placeholder tells nothing.
        let hides = is_secret_key(key, flat, class, catalog) && !text.contains("${");
        if hides { HIDDEN.to_owned() } else { text.to_owned() }
    };
    flat.iter().map(|(key, text)| (key.to_owned(), shown(key, text))).collect()
}

/// The same with the secrets that are hidden in it put in again, out of the document that was made of it.
pub(crate) fn revealed(mut flat: Flat, made_of_hidden: &Made, document: &Value) -> Flat {
    let hidden: Vec<_> = flat.iter().filter(|(_, text)| *text == HIDDEN).map(|(key, _)| key.to_owned()).collect();
    for key in hidden {
        if let Some(secret) = made_of_hidden.path_of(&key).and_then(|path| at(document, path)).and_then(Value::as_str) {
            flat.set(&key, secret);
        }
    }
    flat
}

/// The document in a text that was kept.
pub(crate) fn document_in(text: &str) -> Option<Value> {
    let (_, document) = text.strip_prefix(MARK)?.split_once('\n')?;
    serde_json::from_str(document).ok()
}

fn is_secret_key(key: &str, flat: &Flat, class: &Class, catalog: &dyn Catalog) -> bool {
    let of_transform = || {
        let (alias, setting) = items(flat.get("transforms")?).find_map(|alias| {
            Some((alias, key.strip_prefix("transforms.")?.strip_prefix(alias)?.strip_prefix('.')?))
        })?;
        let type_name = flat.get(&format!("transforms.{alias}.type"))?;
        let schema = catalog.schema(Role::Transform, type_name)?;
        resolve(setting, schema).map(|(_, schema)| is_secret(schema))
    };
    let own = catalog.schema(class.role, &class.type_name).and_then(|schema| resolve(key, schema));
    // Whatever a client of Kafka calls a password is one.
    let of_client = key.contains(".override.") && key.contains("password");
    own.is_some_and(|(_, schema)| is_secret(schema)) || of_client || of_transform().unwrap_or(false)
}

/// What stands at a path such as `sinks[0].sasl.password`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match part.split_once('[') {
        Some((name, number)) => value.get(name)?.get(number.strip_suffix(']')?.parse::<usize>().ok()?),
        None => value.get(part),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_configuration_is_kept_beside_the_document() {
        let flat: Flat =
            [("name".to_owned(), "a".to_owned()), ("topics".to_owned(), "x, y".to_owned())].into_iter().collect();
        let document = json!({"name": "a", "sinks": [{"sasl": {"password": "hunter2"}}]});
        let kept = text(&flat, &document);
        assert_eq!((flat_in(&kept), document_in(&kept)), (Some(flat), Some(document.clone())));
        assert_eq!(at(&document, "sinks[0].sasl.password"), Some(&json!("hunter2")));
        assert_eq!(flat_in("name: a\n"), None);
    }
}
