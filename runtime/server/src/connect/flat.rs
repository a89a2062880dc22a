//! A connector's configuration as Kafka Connect has it: one level of keys, each with a text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// How many keys a configuration may have, which is far more than there are: each is looked for among the others.
/// (Invariant 9)
pub(crate) const KEYS_MAX: usize = 2000;

/// Keys with their texts, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flat(Vec<(String, String)>);

/// The same out of a request, where a key may be null: nothing that a configuration can hold, and in a patch the wish that
/// it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given(Vec<(String, Option<String>)>);

// === impl Flat ===

impl Flat {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, text)| text)
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sets a key in its place, a new one behind the others.
    pub(crate) fn set(&mut self, key: &str, text: impl Into<String>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, before)) => *before = text.into(),
            None => self.0.push((key.to_owned(), text.into())),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }

    /// What stands behind a prefix, such as the settings of one transform.
    pub(crate) fn within<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter_map(move |(key, text)| Some((key.strip_prefix(prefix)?, text)))
    }

    /// The items of a list, such as `topics`.
    pub(crate) fn list(&self, key: &str) -> Vec<&str> {
        items(self.get(key).unwrap_or_default()).collect()
    }

    /// This with what a patch says.
    pub(crate) fn patched(mut self, patch: Given) -> Flat {
        for (key, text) in patch.0 {
            match text {
                Some(text) => self.set(&key, text),
                None => self.0.retain(|(name, _)| *name != key),
            }
        }
        self
    }
}

/// The items of a text that is a list: between commas, without the blanks around them.
pub(crate) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// As Kafka Connect shows a configuration in its messages.
impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries: Vec<_> = self.iter().map(|(key, text)| format!("{key}={text}")).collect();
        entries.sort();
        write!(f, "{{{}}}", entries.join(", "))
    }
}

impl FromIterator<(String, String)> for Flat {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Flat {
        let mut flat = Flat::default();
        entries.into_iter().for_each(|(key, text)| flat.set(&key, text));
        flat
    }
}

impl Serialize for Flat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.iter().try_for_each(|(key, text)| map.serialize_entry(key, text))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flat, D::Error> {
        let given = Given::deserialize(deserializer)?;
        if given.len() > KEYS_MAX {
            return Err(D::Error::custom(format!("there are more than {KEYS_MAX} keys")));
        }
        given.without_nulls().ok_or_else(|| D::Error::custom("a text is null"))
    }
}

// === impl Given ===

impl Given {
    /// How many keys there are; of one with more than may be, some number above that.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that are null.
    pub(crate) fn nulls(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, text)| text.is_none()).map(|(key, _)| key.as_str())
    }

    /// The configuration, where no key is null.
    pub(crate) fn without_nulls(self) -> Option<Flat> {
        self.0.into_iter().map(|(key, text)| Some((key, text?))).collect()
    }

    /// The texts that are there.
    pub(crate) fn texts(&self) -> Flat {
        self.0.iter().filter_map(|(key, text)| Some((key.clone(), text.clone()?))).collect()
    }
}

/// Numbers and switches are read as their texts, as Kafka Connect does.
impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_map(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of configuration keys to texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, Text(text))) = map.next_entry::<String, Text>()? {
            // One more than may be is enough to refuse them all.
            if entries.len() > KEYS_MAX {
                continue;
            }
            entries.retain(|(name, _)| *name != key);
            entries.push((key, text));
        }
        Ok(Given(entries))
    }
}

struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        use serde_json::Value;
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Text(None)),
            Value::String(text) => Ok(Text(Some(text))),
            Value::Number(number) => Ok(Text(Some(number.to_string()))),
            Value::Bool(switch) => Ok(Text(Some(switch.to_string()))),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom(
                "a configuration has one level: nested settings are dotted keys, such as `sasl.username`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        serde_json::from_str(text).expect("a configuration")
    }

    #[test]
    fn numbers_and_switches_are_texts_and_order_is_kept() {
        let flat = given(r#"{"z": 1, "a": true, "m": "x"}"#).without_nulls().expect("no null");
        assert_eq!(serde_json::to_string(&flat).expect("JSON"), r#"{"z":"1","a":"true","m":"x"}"#);
        assert_eq!(flat.to_string(), "{a=true, m=x, z=1}");
    }

    #[test]
    fn a_patch_sets_and_takes_away() {
        let flat = given(r#"{"a": "1", "b": "2"}"#).texts().patched(given(r#"{"a": null, "b": "3", "c": "4"}"#));
        assert_eq!(flat.to_string(), "{b=3, c=4}");
        assert!(given(r#"{"a": null}"#).without_nulls().is_none());
    }

    #[test]
    fn of_endlessly_many_keys_only_that_there_are_too_many_is_kept() {
        let keys: Vec<_> = (0..10 * KEYS_MAX).map(|number| format!(r#""k{number}": 1"#)).collect();
        assert_eq!(given(&format!("{{{}}}", keys.join(","))).len(), KEYS_MAX + 1);
        let error = serde_json::from_str::<Flat>(&format!("{{{}}}", keys.join(","))).expect_err("too many").to_string();
        assert!(error.contains("more than 2000 keys"), "{error}");
        assert_eq!(given(&format!("{{{}}}", keys[..KEYS_MAX].join(","))).len(), KEYS_MAX);
    }

    #[test]
    fn what_is_nested_is_refused() {
        let error = serde_json::from_str::<Given>(r#"{"a": {"b": 1}}"#).expect_err("it is nested").to_string();
        assert!(error.contains("dotted keys"), "{error}");
    }
}
