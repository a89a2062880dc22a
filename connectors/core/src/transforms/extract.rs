//! Makes the payload what one of its fields holds.

use std::borrow::Cow;
use std::fmt;

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Makes the payload what one of its fields holds, byte for byte: takes a record out of its envelope.
///
/// So `payload` takes JSON out of the envelope that Kafka Connect puts around it with a schema, and `payload.after` the row out
/// of a change that Debezium captured. Where the field is null the record becomes a tombstone; a payload that lacks the
/// field, or is not JSON, is rejected; tombstones pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The field; `payload.after` is `after` within `payload`, or one key with a dot.
    #[schemars(extend("examples" = ["payload", "payload.after"], "x-names" = ["path", "fields"]))]
    field: String,

    /// What an envelope has beside that, and nothing else: what is no such envelope is rejected. Without it anything may stand
    /// there.
    #[schemars(extend("examples" = [["schema"]]))]
    beside: Option<Vec<String>>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("extract", |config: Config, _| Ok(Box::new(Extract::new(config)?)));
}

struct Extract {
    field: String,
    beside: Option<Vec<String>>,
}

// === impl Extract ===

impl Extract {
    fn new(config: Config) -> Result<Extract> {
        match config.field.split('.').any(str::is_empty) {
            true => Err(Error::config("a field needs a name").at_key("field")),
            false => Ok(Extract { field: config.field, beside: config.beside }),
        }
    }

    /// The value of the field, none if that is null.
    fn value<'p>(&self, payload: &'p [u8]) -> Result<Option<&'p [u8]>, String> {
        let whole: &RawValue =
            serde_json::from_slice(payload).map_err(|error| format!("the payload is not JSON: {error}"))?;
        self.check_envelope(whole)?;
        let value = find(whole, &self.field)?.ok_or_else(|| format!("the payload has no field `{}`", self.field))?;
        Ok(Some(value.get().as_bytes()).filter(|value| *value != b"null"))
    }
}

impl Extract {
    fn check_envelope(&self, whole: &RawValue) -> Result<(), String> {
        let Some(beside) = &self.beside else { return Ok(()) };
        let mut missing: Vec<&str> = beside.iter().map(String::as_str).collect();
        let mut stray = None;
        let mut key = |key: &str| match missing.iter().position(|name| *name == key) {
            Some(at) => drop(missing.swap_remove(at)),
            None if leads(&self.field, key).is_some() || beside.iter().any(|name| name == key) => {}
            None => stray = Some(key.to_owned()),
        };
        read(whole, Keys(&mut key))?;
        match (missing.first(), stray) {
            (Some(name), _) => Err(format!("the payload is no envelope: it has no field `{name}`")),
            (None, Some(name)) => Err(format!("the payload is no envelope: it has a field `{name}`")),
            (None, None) => Ok(()),
        }
    }
}

impl Transform for Extract {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            match record.payload().map(|payload| self.value(payload)) {
                None => out.keep(i),
                Some(Ok(value)) => out.replace_payload(i, value),
                Some(Err(reason)) => out.reject(i, reason),
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

/// What stands at a path in a value; of a key that is there twice, the last.
fn find<'p>(value: &'p RawValue, path: &str) -> Result<Option<&'p RawValue>, String> {
    read(value, Way(path)).map(Option::flatten)
}

/// What a visitor finds in an object; none in what is no object. That a text ends where it should is known, but not that all in it
/// are characters.
fn read<'p, V: Visitor<'p>>(value: &'p RawValue, visitor: V) -> Result<Option<V::Value>, String> {
    match serde_json::Deserializer::from_str(value.get()).deserialize_any(visitor) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_data() => Ok(None),
        Err(error) => Err(format!("the payload is not JSON: {error}")),
    }
}

/// How a path goes on behind a key, if it leads there; at its end with nothing.
fn leads<'w>(path: &'w str, key: &str) -> Option<&'w str> {
    let rest = path.strip_prefix(key)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// Looks for the value at a path.
struct Way<'w>(&'w str);

/// Says how a path goes on behind a key.
struct Key<'w>(&'w str);

/// Says each key.
struct Keys<'k>(&'k mut dyn FnMut(&str));

impl<'p> Visitor<'p> for Way<'_> {
    type Value = Option<&'p RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(rest) = map.next_key_seed(Key(self.0))? {
            match rest {
                Some("") => found = Some(map.next_value()?),
                Some(rest) => found = find(map.next_value()?, rest).map_err(A::Error::custom)?.or(found),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

impl<'p> Visitor<'p> for Keys<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            (self.0)(&key);
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl<'p, 'w> DeserializeSeed<'p> for Key<'w> {
    type Value = Option<&'w str>;

    fn deserialize<D: Deserializer<'p>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'w> Visitor<'_> for Key<'w> {
    type Value = Option<&'w str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(leads(self.0, key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, keeps_the_contract};
    use crate::testing::{transform, try_transform};

    fn check(field: &str, payload: Option<&str>, expected: &str) {
        let config = format!("{{field: {field}}}");
        assert_eq!(apply(&mut transform("extract", &config), &[], &[payload]), [expected]);
    }

    #[test]
    fn takes_what_a_field_holds_byte_for_byte() {
        check(
            "payload",
            Some(r#"{"schema":{"payload":1}, "payload": { "a":1.0,  "b":"\u00e4" } }"#),
            r#"kept { "a":1.0,  "b":"\u00e4" }"#,
        );
        check("a.b", Some(r#"{"x":[],"a":{"c":1,"b":"text"}}"#), r#"kept "text""#);
        check("a.b", Some(r#"{"a.b":[1, 2]}"#), "kept [1, 2]");
        check("a.b", Some(r#"{"\u0061":{"b":1}}"#), "kept 1");
        check("a", Some(r#"{"a":1,"a":2}"#), "kept 2");
        check("a.b", Some(r#"{"a":{"b":1},"a":7}"#), "kept 1");
    }

    #[test]
    fn null_is_a_tombstone_and_tombstones_pass() {
        check("after", Some(r#"{"before":{"id":1},"after":null}"#), "kept -");
        check("after", None, "kept -");
    }

    #[test]
    fn what_has_no_such_field_is_rejected() {
        check("a.b", Some(r#"{"a":1}"#), r#"rejected {"a":1} for the payload has no field `a.b`"#);
        check("a", Some("[1]"), "rejected [1] for the payload has no field `a`");
        check(
            "a",
            Some("{\"a\":1"),
            "rejected {\"a\":1 for the payload is not JSON: EOF while parsing an object at line 1 column 6",
        );
        check("ab", Some(r#"{"a":{"b":1}}"#), r#"rejected {"a":{"b":1}} for the payload has no field `ab`"#);
        let deep = "[".repeat(100_000);
        let said = apply(&mut transform("extract", "field: a"), &[], &[Some(&deep)]);
        assert!(said[0].contains("the payload is not JSON"), "{}", &said[0][100_000..]);
    }

    #[test]
    fn what_is_no_envelope_is_rejected() {
        let check = |payload: &str, expected: &str| check("payload, beside: [schema]", Some(payload), expected);
        check(r#"{"schema":null,"payload":{"n":1}}"#, r#"kept {"n":1}"#);
        check(r#"{"payload":1,"schema":{},"schema":{}}"#, "kept 1");
        let missing = r#"{"payload":1}"#;
        check(missing, &format!("rejected {missing} for the payload is no envelope: it has no field `schema`"));
        let stray = r#"{"schema":{},"payload":1,"more":2}"#;
        check(stray, &format!("rejected {stray} for the payload is no envelope: it has a field `more`"));
        check("7", "rejected 7 for the payload is no envelope: it has no field `schema`");
    }

    #[test]
    fn a_key_that_is_no_text_is_told() {
        let payload = r#"{"\ud800":1,"payload":{"lone":1}}"#;
        let said = apply(&mut transform("extract", "field: payload"), &[], &[Some(payload)]);
        assert!(said[0].contains("for the payload is not JSON: ") && said[0].contains("hex escape"), "{said:?}");
    }

    #[test]
    fn a_field_without_a_name_is_a_mistake() {
        for field in ["''", "a..b", ".a"] {
            let said = try_transform("extract", &format!("field: {field}")).map(drop).expect_err("it is refused");
            assert!(said.to_string().contains("a field needs a name"), "{said}");
        }
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("extract", "field: customer");
    }
}
