//! Which of the waiting parts go into the next commit, and what schema the table then has. Pure, so that it can be tested
//! without a table.

use std::collections::HashMap;

use crate::shred::LakeSchema;
use crate::table::Move;

/// What the next commit takes in.
#[derive(Debug)]
pub(super) struct Plan {
    /// The parts to commit, by number.
    pub(super) chosen: Vec<usize>,
    /// Parts whose positions moved under them: another process, or another task, has their partitions.
    pub(super) fenced: Vec<usize>,
    /// Parts with a column that the table has under another type.
    pub(super) unfit: Vec<usize>,
    /// The payload columns after the commit.
    pub(super) schema: LakeSchema,
}

/// What a part wants, as far as planning goes.
pub(super) struct Wish<'a> {
    pub(super) moves: &'a [Move],
    /// The schema of its files; none if it has no files.
    pub(super) schema: Option<&'a LakeSchema>,
}

/// Plans a commit onto a table with that schema and those positions. Parts are taken in order, so that the one that waited
/// longest wins a conflict.
pub(super) fn plan(wishes: &[Wish<'_>], committed: &LakeSchema, position: impl Fn(&str) -> Option<i64>) -> Plan {
    let mut plan = Plan { chosen: Vec::new(), fenced: Vec::new(), unfit: Vec::new(), schema: committed.clone() };
    let mut moved: HashMap<&str, i64> = HashMap::new();
    for (number, wish) in wishes.iter().enumerate() {
        let at = |app_id: &str| moved.get(app_id).copied().or_else(|| position(app_id));
        if wish.moves.iter().any(|wanted| at(&wanted.app_id) != wanted.from) {
            plan.fenced.push(number);
            continue;
        }
        match wish.schema.map(|schema| plan.schema.merge(schema)) {
            Some(Err(_)) => {
                plan.unfit.push(number);
                continue;
            }
            Some(Ok(merged)) => plan.schema = merged,
            None => {}
        }
        moved.extend(wish.moves.iter().map(|wanted| (wanted.app_id.as_str(), wanted.to)));
        plan.chosen.push(number);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, Fields};

    fn schema(kind: DataType) -> LakeSchema {
        LakeSchema::from_fields(&Fields::from(vec![Field::new("amount", kind, true)]))
    }

    fn moves(app_id: &str, from: Option<i64>, to: i64) -> Vec<Move> {
        vec![Move { app_id: app_id.into(), from, to }]
    }

    /// Each part moves one app id; the table has `a` at 5.
    fn check(parts: &[(&str, Option<i64>, Option<DataType>)], expected: &str) {
        let moves: Vec<_> = parts.iter().map(|(app_id, from, _)| moves(app_id, *from, 9)).collect();
        let schemas: Vec<_> = parts.iter().map(|(_, _, kind)| kind.clone().map(schema)).collect();
        let wishes: Vec<_> =
            moves.iter().zip(&schemas).map(|(moves, schema)| Wish { moves, schema: schema.as_ref() }).collect();
        let found = plan(&wishes, &LakeSchema::empty(), |app_id| (app_id == "a").then_some(5));
        assert_eq!(format!("{:?} fenced {:?} unfit {:?}", found.chosen, found.fenced, found.unfit), expected);
    }

    #[test]
    fn takes_all_that_agree() {
        check(
            &[("a", Some(5), Some(DataType::Int64)), ("b", None, Some(DataType::Int64))],
            "[0, 1] fenced [] unfit []",
        );
    }

    #[test]
    fn leaves_out_who_was_overtaken() {
        check(&[("a", Some(4), None), ("b", None, None)], "[1] fenced [0] unfit []");
        check(&[("a", None, None)], "[] fenced [0] unfit []");
    }

    #[test]
    fn two_parts_cannot_move_one_position() {
        check(&[("a", Some(5), None), ("a", Some(5), None)], "[0] fenced [1] unfit []");
    }

    #[test]
    fn who_comes_later_has_to_fit() {
        check(&[("b", None, Some(DataType::Int64)), ("c", None, Some(DataType::Utf8))], "[0] fenced [] unfit [1]");
    }
}
