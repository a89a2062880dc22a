//! Types that the configuration fixes beforehand: `schema: {amount: double, customer.id: string}`.
//!
//! A pin counts where the table has no such column yet. Where it has one of another type, the pinned type becomes its
//! sibling at once, as a column never changes. Two pins take more than their type says: `string` takes each number and
//! truth value as its text, and `json` takes everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

/// What a column can be pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pin {
    /// True or false.
    Boolean,
    /// Integers of 64 bits.
    Long,
    /// Numbers with a fraction.
    Double,
    /// Integers of up to 38 digits.
    Decimal,
    /// RFC 3339 text.
    Timestamp,
    /// Text such as `2026-11-22`.
    Date,
    /// Text; numbers and truth values as their text.
    String,
    /// Anything, as JSON text.
    Json,
    /// Objects whose keys are data.
    Map,
    /// Objects whose keys are names, however many there are.
    Struct,
}

/// The pins of one table, by path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, Pin>")]
#[schemars(with = "BTreeMap<String, Pin>")]
pub(crate) struct Pins {
    root: Option<Arc<PinNode>>,
}

/// The pin of one path and those below it.
#[derive(Clone, Debug, Default)]
pub(super) struct PinNode {
    pub(super) pin: Option<Pin>,
    children: BTreeMap<Box<str>, Arc<PinNode>>,
}

/// Reads paths as queries have them: dots go inwards, through lists too; backquotes keep a key with dots whole.
impl TryFrom<BTreeMap<String, Pin>> for Pins {
    type Error = String;

    fn try_from(pins: BTreeMap<String, Pin>) -> Result<Pins, String> {
        let mut root = PinNode::default();
        for (path, pin) in &pins {
            let keys = keys(path).ok_or_else(|| not_a_path(path))?;
            root.set(&keys, *pin);
        }
        Ok(Pins { root: (!pins.is_empty()).then(|| Arc::new(root)) })
    }
}

impl Pins {
    pub(super) fn root(&self) -> Option<Arc<PinNode>> {
        self.root.clone()
    }
}

impl PinNode {
    /// What counts for the elements of a list, or the values of a map, whose own pins are these.
    pub(super) fn within(pins: Option<Arc<PinNode>>) -> Option<Arc<PinNode>> {
        pins.filter(|node| node.pin.is_none())
    }

    pub(super) fn child(&self, key: &str) -> Option<Arc<PinNode>> {
        self.children.get(key).cloned()
    }

    fn set(&mut self, keys: &[Box<str>], pin: Pin) {
        match keys {
            [] => self.pin = Some(pin),
            [key, rest @ ..] => Arc::make_mut(self.children.entry(key.clone()).or_default()).set(rest, pin),
        }
    }
}

fn not_a_path(path: &str) -> String {
    format!("`{path}` is no path of keys: write dots between them, such as customer.id, and `a.b` for a key with a dot")
}

/// The keys of a path; nothing when one is empty or a backquote stays open.
fn keys(path: &str) -> Option<Vec<Box<str>>> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let (key, behind) = match rest.strip_prefix('`') {
            Some(quoted) => quoted.split_once('`')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if key.is_empty() || key.contains('`') {
            return None;
        }
        keys.push(key.into());
        if behind.is_empty() {
            return Some(keys);
        }
        rest = behind.strip_prefix('.')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&[&str]>) {
        let keys = keys(path);
        assert_eq!(keys.as_ref().map(|keys| keys.iter().map(|key| &**key).collect::<Vec<_>>()).as_deref(), expected);
    }

    #[test]
    fn reads_paths() {
        check("amount", Some(&["amount"]));
        check("customer.id", Some(&["customer", "id"]));
        check("labels.`k8s.io/name`.x", Some(&["labels", "k8s.io/name", "x"]));
        for wrong in ["", ".", "a.", ".a", "a..b", "`a", "`a`b", "a`b"] {
            check(wrong, None);
        }
    }

    #[test]
    fn names_a_path_that_is_none() {
        let error = Pins::try_from(BTreeMap::from([("a..b".to_owned(), Pin::Long)])).unwrap_err();
        assert!(error.contains("`a..b`"), "{error}");
    }
}
