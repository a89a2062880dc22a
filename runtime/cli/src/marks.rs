//! What of a text was found.

use std::ops::Range;

use catchwater_query::{Condition, Query, Test};

const FOUND: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// Texts that a query looks for.
#[derive(Debug)]
pub(crate) struct Marks {
    /// In ASCII lower case.
    texts: Vec<String>,
}

impl Marks {
    /// Words, texts and the beginnings of patterns. What a query excludes is not in what it finds, and does no harm here.
    pub(crate) fn of(query: &Query) -> Marks {
        let texts = query.tests().into_iter().filter_map(|test| match test {
            Test::Word(word) => Some(word.needle.folded().to_owned()),
            Test::Value(pattern) | Test::Field(_, Condition::Like(pattern)) => Some(pattern.prefix()),
            Test::Field(_, Condition::Equals(literal)) => Some(literal.text.to_string()),
            Test::Field(..) => None,
        });
        let texts = texts.map(|text| text.to_ascii_lowercase()).filter(|text| !text.is_empty());
        Marks { texts: texts.collect() }
    }

    /// The text with what was found in colour.
    pub(crate) fn paint(&self, text: &str) -> String {
        self.paint_within(text, "")
    }

    /// The same within a text that has a colour of its own, which goes on behind what was found.
    pub(crate) fn paint_within(&self, text: &str, colour: &str) -> String {
        let mut painted = String::with_capacity(text.len());
        let mut done = 0;
        for found in self.found(text) {
            painted.push_str(&text[done..found.start]);
            painted.push_str(FOUND);
            painted.push_str(&text[found.clone()]);
            painted.push_str(PLAIN);
            painted.push_str(colour);
            done = found.end;
        }
        painted.push_str(&text[done..]);
        painted
    }

    /// In order, none within another.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        // Lower case of ASCII alone moves nothing.
        let lower = text.to_ascii_lowercase();
        let places = self.texts.iter().flat_map(|wanted| lower.match_indices(wanted.as_str()));
        let mut all: Vec<Range<usize>> = places.map(|(start, found)| start..start + found.len()).collect();
        all.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        all.retain(|range| {
            let apart = range.start >= end;
            if apart {
                end = range.end;
            }
            apart
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, text: &str, expected: &str) {
        let painted = Marks::of(&Query::parse(query).expect("a query")).paint(text);
        assert_eq!(painted.replace(FOUND, "<").replace(PLAIN, ">"), expected, "{query}");
    }

    #[test]
    fn what_a_query_looks_for_is_marked_once() {
        check("paid", r#"{"a":"Paid","b":"paid"}"#, r#"{"a":"<Paid>","b":"<paid>"}"#);
        check("status:paid", r#"{"status":"paid"}"#, r#"{"status":"<paid>"}"#);
        check("status:pa*", "größe paid", "größe <pa>id");
        check("order OR order_paid", "order_paid", "<order_paid>");
        check("amount:>100 *", "amount 200", "amount 200");
    }
}
