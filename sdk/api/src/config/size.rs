//! Sizes in bytes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::quantity::{self, Unit};
use super::{Problem, de};

/// A number of bytes, written with its unit: `512B`, `64KiB`, `256MiB`, `1.5GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: &[Unit] = &[
    Unit { name: "B", factor: 1, slips: &["byte", "bytes"] },
    Unit { name: "KiB", factor: 1 << 10, slips: &["k", "kb"] },
    Unit { name: "MiB", factor: 1 << 20, slips: &["m", "mb"] },
    Unit { name: "GiB", factor: 1 << 30, slips: &["g", "gb"] },
    Unit { name: "TiB", factor: 1 << 40, slips: &["t", "tb"] },
];

impl Size {
    /// That many bytes.
    pub const fn new(bytes: u64) -> Size {
        Size(bytes)
    }

    /// That many times 1024 bytes.
    pub const fn kib(count: u64) -> Size {
        Size(count << 10)
    }

    /// That many times 1024 KiB.
    pub const fn mib(count: u64) -> Size {
        Size(count << 20)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In bytes, to compare with what is in memory; more than can be addressed counts as all that can.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Result<Size, Problem> {
        quantity::read(text, UNITS, "256MiB").map(Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quantity::show(self.0, UNITS))
    }
}

/// For options of commands.
impl FromStr for Size {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Size, Problem> {
        Size::read(text)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        de::read_text(deserializer, Size::read)
    }
}

/// So that a schema can name the default.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "size",
            "pattern": r"^[0-9.]+ *(B|[KMGT]iB)$",
            "examples": ["256MiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Size::read(text) {
            Ok(size) => format!("{} = {size}", size.bytes()),
            Err(problem) => problem.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_a_number_with_its_unit() {
        check("256MiB", "268435456 = 256MiB");
        check("1.5 KiB", "1536 = 1536B");
        check("0B", "0 = 0B");
    }

    #[test]
    fn names_the_unit_that_was_meant() {
        check("256 Mb", "`Mb` is no unit (did you mean `256MiB`?)");
        check("5", "needs a unit, such as `5MiB` (units: B, KiB, MiB, GiB, TiB)");
        check("7 apples", "`apples` is no unit (units: B, KiB, MiB, GiB, TiB)");
        check("many", "must be a number with a unit (write it like `256MiB`)");
        check("-1MiB", "must be a number with a unit (write it like `256MiB`)");
        check("99999999999TiB", "is too large");
    }
}
