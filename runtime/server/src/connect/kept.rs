//! What is kept of a connector: the document of its pipeline, and above it the configuration that it was made of.
//!
//! The document is what runs; it and `/v1` know nothing of connectors. The configuration is a comment in front of it, so that
//! whoever asks for it gets back what they sent, letter by letter. Secrets stand in the document alone.

use catchwater_sdk::config::{Catalog, Role};
use serde_json::Value;
use twox_hash::XxHash3_64;

use super::check::Sound;
use super::class::Class;
use super::document::{Made, World, client_prefix, make};
use super::flat::{Flat, items};
use super::invalid::Invalid;
use super::keys::{HIDDEN, resolve, tells_secret, value};

/// Begins the line that has the configuration. Behind it stands the fingerprint of all that follows.
const MARK: &str = "# Kafka Connect's form of what is below, until that is changed; ";

/// The text to keep.
pub(crate) fn text(flat: &Flat, sound: &Sound) -> String {
    let flat = serde_json::to_string(flat).expect("texts are JSON");
    let fingerprint = fingerprint(&format!("{flat}\n{}", sound.shown));
    format!("{MARK}{fingerprint}: {flat}\n{}", sound.text)
}

/// The configuration in a text that was kept, as it is shown: with stars for secrets. None where the pipeline was not made
/// over this API, or was changed over another since, so that the configuration no longer says what runs. Of a document that
/// cannot run nothing but the comment may be shown.
pub(crate) fn flat_in(shown: &str) -> Option<Flat> {
    let (known, rest) = shown.strip_prefix(MARK)?.split_once(": ")?;
    let (flat, document) = rest.split_once('\n')?;
    if !document.is_empty() && known != fingerprint(rest) {
        return None;
    }
    serde_json::from_str(flat).ok()
}

/// The document in a text that was kept.
pub(crate) fn document_in(text: &str) -> Option<Value> {
    let (_, document) = text.strip_prefix(MARK)?.split_once('\n')?;
    serde_json::from_str(document).ok()
}

/// The same in each version of this program.
fn fingerprint(text: &str) -> String {
    format!("{:016x}", XxHash3_64::oneshot(text.as_bytes()))
}

/// The same with its secrets hidden.
pub(crate) fn hidden(flat: &Flat, class: &Class, catalog: &dyn Catalog) -> Flat {
    let shown = |key: &str, text: &str| {
        let hides =
            schema_of(key, flat, class, catalog).is_some_and(|schema| tells_secret(&value(text, schema), schema));
        if hides { HIDDEN.to_owned() } else { text.to_owned() }
    };
    flat.iter().map(|(key, text)| (key.to_owned(), shown(key, text))).collect()
}

/// The same with the secrets that are hidden in it put in again, and what is wrong where there is none. `before` is the
/// configuration as it was shown, and the document that it became: a secret is the one of the same key.
pub(crate) fn revealed(
    flat: Flat,
    class: &Class,
    before: Option<&(Flat, Value)>,
    world: World<'_>,
) -> (Flat, Vec<Invalid>) {
    let was_hidden = |key: &str| before.is_some_and(|(flat, _)| flat.get(key) == Some(HIDDEN));
    let made = before.and_then(|(flat, document)| Some((made_of(flat, world)?, document)));
    let (mut revealed, mut wrong) = (flat.clone(), Vec::new());
    for (key, _) in flat.iter().filter(|(_, text)| *text == HIDDEN) {
        let schema = schema_of(key, &flat, class, world.registry);
        let hides = |text: &str| schema.is_some_and(|schema| tells_secret(&value(text, schema), schema));
        let made = made.as_ref().filter(|_| was_hidden(key));
        let secret = made.and_then(|(made, document)| text_at(document, made.path_of(key)?));
        // What would be shown from now on stays hidden.
        match secret.filter(|secret| hides(secret)) {
            Some(secret) => revealed.set(key, secret),
            None if was_hidden(key) || hides(HIDDEN) => {
                let why =
                    "It stands for a secret that is kept under this key, and there is none: give the secret itself";
                wrong.push(Invalid::value(key, HIDDEN, why));
            }
            None => {}
        }
    }
    (revealed, wrong)
}

fn made_of(flat: &Flat, world: World<'_>) -> Option<Made> {
    let class = Class::of(flat, world.registry).ok()?;
    Some(make(flat.get("name").unwrap_or_default(), flat, &class, world))
}

fn text_at(document: &Value, path: &str) -> Option<String> {
    let found = at(document, path)?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

/// The schema of what a key says, where it is a setting of a connector or step, or a property of a client.
fn schema_of<'s>(key: &str, flat: &Flat, class: &Class, catalog: &'s dyn Catalog) -> Option<&'s Value> {
    if let Some(rest) = key.strip_prefix("transforms.") {
        let mut aliases = items(flat.get("transforms")?);
        let (alias, setting) = aliases.find_map(|alias| Some((alias, rest.strip_prefix(alias)?.strip_prefix('.')?)))?;
        let type_name = flat.get(&format!("transforms.{alias}.type"))?;
        return Some(resolve(setting, catalog.schema(Role::Transform, type_name)?)?.1);
    }
    if let Some(property) = key.strip_prefix(client_prefix(class.role)) {
        let other = if class.role == Role::Source { Role::Sink } else { Role::Source };
        return Some(resolve(&format!("librdkafka.{property}"), catalog.schema(other, "kafka")?)?.1);
    }
    Some(resolve(key, catalog.schema(class.role, &class.type_name)?)?.1)
}

/// What stands at a path such as `sinks[0].sasl.password`. Names may hold dots themselves.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    if let Some((number, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) {
        let item = value.get(number.parse::<usize>().ok()?)?;
        return at(item, rest.strip_prefix('.')?);
    }
    let inner = |end: usize| at(value.get(&path[..end])?, path[end..].trim_start_matches('.'));
    path.match_indices(['.', '[']).find_map(|(end, _)| inner(end))
}

#[cfg(test)]
mod tests;
