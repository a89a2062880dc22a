//! Keeps secrets that stand in a file out of what is said about the file.

use std::collections::BTreeSet;
use std::ops::Range;

use catchwater_sdk::config::Mistake;
use serde_json::Value;

/// The keys whose values are secret.
pub(super) struct SecretKeys(BTreeSet<String>);

impl SecretKeys {
    /// Those that a schema holds anywhere.
    pub(super) fn of(schema: &Value) -> SecretKeys {
        let mut keys = BTreeSet::new();
        collect(schema, &mut keys);
        SecretKeys(keys)
    }

    /// Passwords are what breaks YAML most, and then no tree tells where they stand. So a mistake of syntax on the line of
    /// such a key does not quote the value; where it stands is returned.
    pub(super) fn conceal(&self, mistake: &mut Mistake, text: &str) -> Option<Range<usize>> {
        let start = text[..mistake.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let secret = start + self.value_in(line)?..start + line.len();
        if mistake.span.end > secret.start {
            // Somebody sends back a text that was shown.
            let (message, help) = match text[secret.clone()].starts_with("***") {
                true => ("is what is shown for a secret", "write the secret itself, or ${env:NAME} or ${file:/path}"),
                false => {
                    ("cannot be read as it stands", "put it in single quotes, or use ${env:NAME} or ${file:/path}")
                }
            };
            (mistake.message, mistake.help) = (message.to_owned(), Some(help.to_owned()));
        }
        Some(secret)
    }

    /// Where on a line the first secret begins.
    fn value_in(&self, line: &str) -> Option<usize> {
        let within_word = |at: usize| line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // In JSON a quote stands behind the key.
        let behind = |at: usize, key: &str| line[at + key.len()..].trim_start_matches(['"', '\'']).strip_prefix(':');
        let after = |key: &String| {
            let mut places = line.match_indices(key.as_str()).map(|(at, _)| at).filter(|at| !within_word(*at));
            places.find_map(|at| behind(at, key)).map(|value| line.len() - value.trim_start().len())
        };
        self.0.iter().filter_map(after).min()
    }
}

/// The text with a star for each byte of its secrets, so that places stay right. Placeholders tell nothing and stay.
pub(super) fn starred(text: &str, secrets: &[Range<usize>]) -> String {
    let mut starred = text.to_owned();
    let has_placeholder = |secret: &Range<usize>| text[secret.clone()].replace("$${", "").contains("${");
    for secret in secrets.iter().filter(|secret| !has_placeholder(secret)) {
        let stars = text[secret.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' });
        starred.replace_range(secret.clone(), &stars.collect::<String>());
    }
    starred
}

fn collect(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            let properties = map.get("properties").and_then(Value::as_object).into_iter().flatten();
            keys.extend(properties.filter(|(_, schema)| schema["format"] == "secret").map(|(key, _)| key.clone()));
            map.values().for_each(|value| collect(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}
