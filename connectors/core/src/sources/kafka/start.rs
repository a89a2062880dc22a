//! Where a partition starts for which nothing was committed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Offsets by topic and partition.
pub(super) type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

/// Where a partition starts for which nothing was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Start {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// Behind the newest record there is.
    Latest,
    /// At the first record of this time or later.
    Time(Timestamp),
    /// At these offsets; at the earliest where none is named.
    Offsets(Offsets),
}

struct StartVisitor;

impl<'de> Visitor<'de> for StartVisitor {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`earliest`, `latest`, a time such as `2026-11-01T00:00:00Z`, or offsets such as `{orders: {0: 1500}}`",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Start, E> {
        match text {
            "earliest" => Ok(Start::Earliest),
            "latest" => Ok(Start::Latest),
            time => match time.parse() {
                Ok(time) => Ok(Start::Time(time)),
                Err(_) => Err(E::custom(format!(
                    "`{text}` is no start; write `earliest`, `latest`, or a time such as `2026-11-01T00:00:00Z`"
                ))),
            },
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Start, A::Error> {
        let mut offsets = Offsets::new();
        while let Some((topic, partitions)) = map.next_entry::<String, BTreeMap<String, i64>>()? {
            offsets.insert(topic, numbered(partitions)?);
        }
        Ok(Start::Offsets(offsets))
    }
}

/// Keys are texts in every configuration.
fn numbered<E: Error>(partitions: BTreeMap<String, i64>) -> Result<BTreeMap<i32, i64>, E> {
    let number = |(number, offset): (String, i64)| match number.parse() {
        Ok(number) if offset >= 0 => Ok((number, offset)),
        Ok(_) => Err(E::custom(format!("offset {offset} of partition {number} is negative"))),
        Err(_) => Err(E::custom(format!("`{number}` is not the number of a partition"))),
    };
    partitions.into_iter().map(number).collect()
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Start, D::Error> {
        deserializer.deserialize_any(StartVisitor)
    }
}

/// So that a schema can name the default.
impl serde::Serialize for Start {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Start::Earliest => serializer.serialize_str("earliest"),
            Start::Latest => serializer.serialize_str("latest"),
            Start::Time(time) => serializer.collect_str(time),
            Start::Offsets(offsets) => offsets.serialize(serializer),
        }
    }
}

impl JsonSchema for Start {
    fn schema_name() -> Cow<'static, str> {
        "Start".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": { "type": "integer", "minimum": 0 }
                    }
                }
            ],
            "examples": ["earliest", "latest", "2026-11-01T00:00:00Z"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::testing::{read, refusal};

    #[derive(Debug, serde::Deserialize)]
    struct Holder {
        start: Start,
    }

    fn check(written: &str, expected: Start) {
        assert_eq!(read::<Holder>(&format!("start: {written}")).start, expected);
    }

    #[test]
    fn reads_each_way_to_say_it() {
        check("earliest", Start::Earliest);
        check("latest", Start::Latest);
        check("2026-11-01T00:00:00Z", Start::Time(Timestamp::from_second(1793491200).expect("in range")));
        check("{orders: {0: 1500, 3: 0}}", Start::Offsets([("orders".into(), [(0, 1500), (3, 0)].into())].into()));
    }

    #[test]
    fn refuses_what_is_none() {
        let refused = |written: &str| refusal::<Holder>(&format!("start: {written}"));
        assert!(refused("erliest").contains("`erliest` is no start"));
        assert!(refused("{orders: {first: 1}}").contains("`first` is not the number of a partition"));
        assert!(refused("{orders: {0: -1}}").contains("is negative"));
    }
}
