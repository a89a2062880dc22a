//! How a value of one kind came to be written as another, and how to write it: YAML's own traps.

use catchwater_sdk::config::{Kind, Layout, Node, Problem, Scalar};

/// A list was wanted.
pub(super) fn to_list(node: &Node, text: &str) -> Option<String> {
    match &node.kind {
        Kind::Scalar(scalar) => {
            let written = scalar.written();
            let plain = !written.contains(['[', ']', '{', '}', ',', '#', ':', '"', '\'']);
            let item = if plain { written.to_owned() } else { text[node.span.clone()].to_owned() };
            let item = if plain || item.starts_with(['"', '\'']) { item } else { quoted(written) };
            (!item.contains('\n')).then(|| format!("write: [{item}]"))
        }
        Kind::Map(..) => Some("begin each entry of the list with `- `".to_owned()),
        _ => None,
    }
}

/// A map was wanted.
pub(super) fn to_map(node: &Node) -> Option<String> {
    let Kind::Seq(items, layout) = &node.kind else { return None };
    match (items.as_slice(), layout) {
        ([Node { kind: Kind::Map(..), .. }], Layout::Block) => Some("remove the `- ` before its first key".to_owned()),
        _ => None,
    }
}

/// A map with a key that tells its kind was wanted.
pub(super) fn to_component(node: &Node, discriminator: &str) -> Option<String> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.is_secret() && !scalar.text.contains('\n') => {
            Some(format!("write: {{ {discriminator}: {} }}", scalar.text))
        }
        _ => to_map(node),
    }
}

/// Text was wanted.
pub(super) fn to_text(node: &Node, text: &str) -> Option<String> {
    let written = text.get(node.span.clone()).filter(|written| !written.contains('\n'))?;
    match &node.kind {
        Kind::Seq(_, Layout::Flow) => Some(format!("`[` opens a list; if it is text, quote it: {}", quoted(written))),
        Kind::Map(_, Layout::Flow) => Some(format!("`{{` opens a map; if it is text, quote it: {}", quoted(written))),
        Kind::Map(_, Layout::Block) => Some(format!("`: ` starts a map; if it is text, quote it: {}", quoted(written))),
        _ => None,
    }
}

/// `true` or `false` was wanted. The older YAML also took `yes` and `on`.
pub(super) fn to_boolean(node: &Node) -> Option<String> {
    let scalar = node.as_scalar().filter(|scalar| !scalar.is_secret())?;
    match scalar.text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "1" | "true" => Some("write: true".to_owned()),
        "no" | "off" | "n" | "0" | "false" => Some("write: false".to_owned()),
        _ => None,
    }
}

/// A number was wanted.
pub(super) fn to_number(node: &Node) -> Option<String> {
    let scalar = node.as_scalar().filter(|scalar| !scalar.is_secret())?;
    let digits = scalar.text.replace(['_', ','], "");
    let grouped = digits != scalar.text && catchwater_sdk::config::integer(&digits).is_some();
    grouped.then(|| format!("write: {digits}"))
}

/// A query in YAML's double quotes, which are gone when it is read: `"new york"` is two words, not the phrase.
pub(super) fn lost_quotes(scalar: &Scalar, written: &str) -> Option<Problem> {
    let text = scalar.text.trim();
    let plain = |word: &str| word.chars().all(|c| c.is_alphanumeric() || "_.,'/@".contains(c));
    let operator = |word: &str| matches!(word, "AND" | "OR" | "NOT");
    let words = text.split_whitespace();
    let phrase = words.clone().count() > 1 && words.clone().all(plain) && !words.clone().any(operator);
    let joined = || words.clone().collect::<Vec<_>>().join(" AND ");
    (written.starts_with('"') && phrase).then(|| {
        Problem::new("YAML takes these quotes away, and what is left is not a phrase but several words")
            .help(format!("for the phrase write: '\"{text}\"'; for the words: {}", joined()))
    })
}

/// In quotes that change nothing in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
