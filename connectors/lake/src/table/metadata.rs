//! What the log says of a table as a whole: its schema, partition columns and settings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use catchwater_sdk::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema;
use crate::rows::envelope::DATE;

/// Delta's `metaData`. What another tool put there stays there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    format: Format,
    schema_string: String,
    partition_columns: Vec<String>,
    #[serde(default)]
    configuration: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_time: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Format {
    provider: String,
    #[serde(default)]
    options: HashMap<String, String>,
}

impl Metadata {
    /// A new table's.
    pub(super) fn new(schema: &Schema, now_millis: i64) -> Result<Metadata> {
        let configuration = [
            // How often others that write the table are to make checkpoints; we do it as often.
            ("delta.checkpointInterval", super::checkpoint::INTERVAL.to_string()),
            // A writer that was stopped for long must find the entries it missed, or it would fill their place.
            ("delta.enableExpiredLogCleanup", "false".to_owned()),
        ];
        Ok(Metadata {
            id: Uuid::new_v4().to_string(),
            name: None,
            description: None,
            format: Format { provider: "parquet".to_owned(), options: HashMap::new() },
            schema_string: schema::to_json(schema)?,
            partition_columns: vec![DATE.to_owned()],
            configuration: configuration.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            created_time: Some(now_millis),
        })
    }

    /// The same table with another schema, which may only add columns: a changed one would make every read fail, and
    /// nothing between here and there would notice.
    pub(super) fn with_schema(&self, schema: &Schema) -> Result<Metadata> {
        if let Err(column) = only_adds(self.schema()?.fields(), schema.fields()) {
            return Err(Error::bug(format!("change the schema: column {column} would change or be gone")));
        }
        Ok(Metadata { schema_string: schema::to_json(schema)?, ..self.clone() })
    }

    /// The schema with all columns.
    pub(super) fn schema(&self) -> Result<SchemaRef> {
        schema::from_json(&self.schema_string).map(Arc::new)
    }

    /// Whether the table has a setting of its own.
    pub(super) fn sets(&self, property: &str) -> bool {
        self.configuration.contains_key(property)
    }

    /// Whether the columns are the same.
    pub(super) fn has_schema_of(&self, other: &Metadata) -> bool {
        self.schema_string == other.schema_string
    }

    /// Why we may not touch such a table; none if we may.
    pub(super) fn refusal(&self) -> Option<String> {
        let columns = &self.partition_columns;
        (columns != &[DATE])
            .then(|| format!("it is not one of Catchwater's, being partitioned by [{}]", columns.join(", ")))
    }

    /// Why we cannot read such a table; none if we can.
    pub(super) fn reading_refusal(&self) -> Option<String> {
        let mapping = self.configuration.get("delta.columnMapping.mode").filter(|mode| *mode != "none");
        let mapped = |mode| format!("its columns have other names in its files (column mapping by {mode})");
        self.refusal().or_else(|| mapping.map(mapped))
    }
}

/// The first column that is not as before, if any.
fn only_adds<'a>(before: &'a Fields, after: &Fields) -> Result<(), &'a str> {
    let mut known: HashMap<&str, &Field> = after.iter().map(|field| (field.name().as_str(), &**field)).collect();
    for field in before {
        match known.remove(field.name().as_str()) {
            Some(now) if now.is_nullable() == field.is_nullable() && fits(field.data_type(), now.data_type()) => {}
            _ => return Err(field.name()),
        }
    }
    // Files from before do not have the new columns.
    match known.into_values().all(Field::is_nullable) {
        true => Ok(()),
        false => Err("that is new and may not be null"),
    }
}

fn fits(before: &DataType, after: &DataType) -> bool {
    match (before, after) {
        (DataType::Struct(before), DataType::Struct(after)) => only_adds(before, after).is_ok(),
        (DataType::List(before), DataType::List(after)) => fits(before.data_type(), after.data_type()),
        (DataType::Map(before, _), DataType::Map(after, _)) => match (before.data_type(), after.data_type()) {
            (DataType::Struct(before), DataType::Struct(after)) => {
                let pairs = before.iter().zip(after);
                before.len() == after.len() && pairs.into_iter().all(|(a, b)| fits(a.data_type(), b.data_type()))
            }
            _ => false,
        },
        _ => before == after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>())
    }

    fn object(columns: &[(&str, DataType)]) -> DataType {
        DataType::Struct(schema(columns).fields)
    }

    fn list(of: DataType) -> DataType {
        DataType::new_list(of, true)
    }

    fn check(before: &[(&str, DataType)], after: &[(&str, DataType)], allowed: bool) {
        let metadata = Metadata::new(&schema(before), 0).expect("a table");
        let changed = metadata.with_schema(&schema(after));
        assert_eq!(changed.is_ok(), allowed, "{:?}", changed.map_err(|error| error.chain()));
    }

    #[test]
    fn columns_may_come_at_every_depth() {
        use DataType::{Int64, Utf8};
        check(&[("a", Int64)], &[("a", Int64), ("b", Utf8)], true);
        check(&[("a", object(&[("b", Int64)]))], &[("a", object(&[("c", Utf8), ("b", Int64)]))], true);
        check(&[("a", list(object(&[("b", Int64)])))], &[("a", list(object(&[("b", Int64), ("c", Utf8)])))], true);
    }

    #[test]
    fn columns_neither_go_nor_change() {
        use DataType::{Float64, Int64, Utf8};
        check(&[("a", Int64), ("b", Int64)], &[("a", Int64)], false);
        check(&[("a", Int64)], &[("a", Float64)], false);
        check(&[("a", object(&[("b", Int64)]))], &[("a", object(&[("b", Utf8)]))], false);
        check(&[("a", list(Int64))], &[("a", list(Utf8))], false);
    }

    #[test]
    fn names_that_differ_by_case_only_never_reach_the_log() {
        use DataType::Int64;
        check(&[("a", Int64)], &[("a", Int64), ("A", Int64)], false);
        check(&[("o", object(&[("a", Int64)]))], &[("o", object(&[("a", Int64), ("A", Int64)]))], false);
    }

    #[test]
    fn a_schema_comes_back_as_it_was_with_its_metadata() {
        let named = HashMap::from([("catchwater.name".to_owned(), "42".to_owned())]);
        let mut fields = schema(&[("l", list(object(&[("x", DataType::Binary)])))]).fields.to_vec();
        fields.push(Arc::new(Field::new("n_42", DataType::Utf8, true).with_metadata(named)));
        let expected = Schema::new(fields);
        let back = Metadata::new(&expected, 0).expect("a table").schema().expect("a schema");
        assert_eq!(back.field(1), expected.field(1));
        assert!(fits(expected.field(0).data_type(), back.field(0).data_type()));
    }
}
