//! What a table's log says of the columns of a file.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Delta's statistics of one file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// How many rows.
    #[serde(rename = "numRecords")]
    pub rows: u64,
    #[serde(default)]
    min_values: Map<String, Value>,
    #[serde(default)]
    max_values: Map<String, Value>,
    #[serde(default)]
    null_count: Map<String, Value>,
}

/// What is known of one column. A bound that is missing is not known; bounds may be wider than the values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColumnStats<'a> {
    /// No value is less.
    pub min: Option<&'a Value>,
    /// No value is greater.
    pub max: Option<&'a Value>,
    /// How many rows have no value.
    pub nulls: Option<u64>,
}

#[derive(Deserialize)]
struct RowsOnly {
    #[serde(rename = "numRecords")]
    rows: u64,
}

impl Stats {
    pub(super) fn parse(json: &str) -> Option<Stats> {
        serde_json::from_str(json).ok()
    }

    pub(super) fn parse_rows(json: &str) -> Option<u64> {
        serde_json::from_str::<RowsOnly>(json).ok().map(|stats| stats.rows)
    }

    /// What is known of the column at a path of names.
    pub fn column(&self, path: &[&str]) -> ColumnStats<'_> {
        ColumnStats {
            min: at(&self.min_values, path),
            max: at(&self.max_values, path),
            nulls: at(&self.null_count, path).and_then(Value::as_u64),
        }
    }
}

fn at<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = object.get(*first)?;
    match (rest.is_empty(), value) {
        (true, value) => Some(value),
        (false, Value::Object(inner)) => at(inner, rest),
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_are_nested_as_the_columns_are() {
        let text =
            r#"{"numRecords":3,"minValues":{"a":{"b":1},"c":"x"},"maxValues":{"a":{"b":9}},"nullCount":{"a":{"b":2}}}"#;
        let stats = Stats::parse(text).expect("statistics");
        let (one, nine, x) = (json!(1), json!(9), json!("x"));
        assert_eq!(stats.column(&["a", "b"]), ColumnStats { min: Some(&one), max: Some(&nine), nulls: Some(2) });
        assert_eq!(stats.column(&["c"]), ColumnStats { min: Some(&x), ..ColumnStats::default() });
        assert_eq!(stats.column(&["c", "d"]), ColumnStats::default());
        assert_eq!((stats.rows, Stats::parse_rows(text)), (3, Some(3)));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        assert_eq!(Stats::parse("{}"), None);
        assert_eq!(Stats::parse("not json"), None);
        assert_eq!(Stats::parse(r#"{"numRecords":3}"#).map(|stats| stats.rows), Some(3));
    }
}
