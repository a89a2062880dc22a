//! Which collection a partition's records go to, and what its folder is called.
//!
//! A collection keeps positions beside rows, so a partition belongs to exactly one: its name may depend on stream,
//! partition and source, and on nothing that differs from record to record.

use catchwater_sdk::config::{Part, Template};
use catchwater_sdk::{Error, Partition, Result};

/// Longer names do not fit every file system once a suffix is added.
const NAME_MAX: usize = 200;

/// Names collections by partition.
#[derive(Clone, Debug)]
pub(crate) struct Names(Vec<Part>);

impl Names {
    /// Refuses a template that a partition alone cannot fill, and text that no folder should have in its name.
    pub(crate) fn new(template: &Template) -> Result<Names> {
        if template.parts().is_empty() {
            return Err(wrong("the collection needs a name"));
        }
        for part in template.parts() {
            match part {
                Part::Stream | Part::Partition | Part::Source => {}
                Part::Text(text) if text.chars().all(is_safe) => {}
                Part::Text(text) => {
                    return Err(wrong(&format!("`{text}` may hold letters, digits, `.`, `_` and `-` only")));
                }
                _ => return Err(wrong("a collection can be named by ${stream}, ${partition} and ${source} only")),
            }
        }
        Ok(Names(template.parts().to_vec()))
    }

    /// The folder's name. What other systems allow and folders should not have becomes `_`; should two streams so come to
    /// share a collection, their rows still say which is which.
    pub(crate) fn of(&self, partition: &Partition) -> String {
        let name: String = self.0.iter().map(|part| text_of(part, partition)).collect();
        let name: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).take(NAME_MAX).collect();
        // Readers skip folders that begin like this.
        let visible = name.trim_start_matches(['.', '_']);
        if visible.is_empty() { "unnamed".to_owned() } else { visible.to_owned() }
    }
}

fn text_of(part: &Part, partition: &Partition) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Stream => partition.stream.to_string(),
        Part::Partition => partition.number.to_string(),
        Part::Source => partition.source.to_string(),
        _ => unreachable!("the constructor refused it"),
    }
}

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn wrong(message: &str) -> Error {
    Error::config(message).at_key("collection")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, stream: &str, expected: &str) {
        let partition = Partition { source: "kraft".into(), stream: stream.into(), incarnation: "1".into(), number: 3 };
        let template = Template::read(template).expect("a template");
        let found = Names::new(&template).map_or_else(|error| error.to_string(), |names| names.of(&partition));
        assert_eq!(found, expected, "{template}");
    }

    #[test]
    fn names_follow_the_partition() {
        check("${stream}", "orders", "orders");
        check("shop-${source}-${stream}.${partition}", "orders", "shop-kraft-orders.3");
    }

    #[test]
    fn names_are_safe_and_visible_folders() {
        check("${stream}", "../data/orders 1%.json", "data_orders_1_.json");
        check("${stream}", "__consumer_offsets", "consumer_offsets");
        check("${stream}", "größe", "gr__e");
        check("${stream}", "..", "unnamed");
        check("${stream}", &"x".repeat(300), &"x".repeat(200));
    }

    #[test]
    fn refuses_names_that_differ_from_record_to_record() {
        check("${key}", "orders", "a collection can be named by ${stream}, ${partition} and ${source} only");
        check("a/${stream}", "orders", "`a/` may hold letters, digits, `.`, `_` and `-` only");
        check("", "orders", "the collection needs a name");
    }
}
