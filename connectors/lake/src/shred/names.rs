//! Column names that every engine takes.
//!
//! Spark refuses blanks, commas and brackets, Athena all but letters, digits and `_`, most fold case, and Delta's own cure,
//! column mapping, makes two readers return nothing. So a name that is not safe is written differently; the payload's
//! stands in the field's metadata, and queries use that one.
//!
//! | in the payload | column | because |
//! |---|---|---|
//! | `a b`, `a.b`, `größe` | `a_b`, `a_b`, `gr__e` | only ASCII letters, digits and `_` |
//! | `_id`, `1xx`, the empty name | `x_id`, `x_1xx`, `x_` | a name begins with a letter; `_` begins the envelope's |
//! | `date` | `x_date` | the partition column, at the top level |
//! | `a__double` | `a__double_` | siblings are named like that |
//! | `Id` after `id` | `Id_2` | names are equal when case is folded |
//! | more than 120 characters | the first 120 | Glue takes 255 |

use std::collections::HashSet;

use super::kind::SUFFIXES;

/// Top-level names that are not the payload's to have.
pub(super) const RESERVED: [&str; 1] = ["date"];

const LENGTH_MAX: usize = 120;

/// The names of one struct, or of the table.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Lower case.
    taken: HashSet<String>,
}

impl Names {
    /// The names of a table before it has a column.
    pub(super) fn top_level() -> Names {
        Names { taken: RESERVED.map(str::to_owned).into() }
    }

    /// Marks a name that stands in the table.
    pub(super) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_ascii_lowercase());
    }

    /// The name that a key of the payload gets.
    pub(super) fn claim(&mut self, original: &str) -> Box<str> {
        let safe = safe(original);
        if self.taken.insert(safe.to_ascii_lowercase()) {
            return safe.into();
        }
        let prefixed = format!("x_{safe}");
        if RESERVED.contains(&safe.as_str()) && self.taken.insert(prefixed.clone()) {
            return prefixed.into();
        }
        let mut numbered = (2..).map(|n: usize| format!("{safe}_{n}"));
        let free = numbered.find(|name| self.taken.insert(name.to_ascii_lowercase()));
        free.expect("the numbers do not run out").into()
    }
}

fn safe(original: &str) -> String {
    let mut name: String = original.chars().map(safe_char).take(LENGTH_MAX).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.insert_str(0, if name.starts_with('_') { "x" } else { "x_" });
    }
    let sibling = name.to_ascii_lowercase();
    if SUFFIXES.iter().any(|suffix| sibling.strip_suffix(suffix).is_some_and(|base| base.ends_with("__"))) {
        name.push('_');
    }
    name
}

fn safe_char(char: char) -> char {
    if char.is_ascii_alphanumeric() { char } else { '_' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(originals: &[&str], names: &[&str]) {
        let mut claimed = Names::top_level();
        let claims: Vec<_> = originals.iter().map(|original| claimed.claim(original)).collect();
        assert_eq!(claims.iter().map(|name| &**name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn keeps_a_safe_name() {
        check(&["id", "createdAt", "a_b", "x1"], &["id", "createdAt", "a_b", "x1"]);
    }

    #[test]
    fn replaces_what_an_engine_refuses() {
        check(&["a b", "k.l", "größe", "a=b;{c}\n"], &["a_b", "k_l", "gr__e", "a_b__c__"]);
    }

    #[test]
    fn stays_clear_of_envelope_partition_and_siblings() {
        check(
            &["_key", "_id", "1xx", "", "date", "Date", "a__double", "a__Map"],
            &["x_key", "x_id", "x_1xx", "x_", "x_date", "Date_2", "a__double_", "a__Map_"],
        );
    }

    #[test]
    fn tells_apart_what_folding_makes_equal() {
        check(&["Id", "id", "ID", "id_2", "a.b", "a b"], &["Id", "id_2", "ID_3", "id_2_2", "a_b", "a_b_2"]);
    }

    #[test]
    fn cuts_a_long_name_to_what_a_catalog_takes() {
        let mut names = Names::default();
        let long = "n".repeat(1000);
        assert_eq!(names.claim(&long).len(), LENGTH_MAX);
        assert_eq!(&names.claim(&long)[LENGTH_MAX..], "_2");
    }
}
