//! Between places and paths such as `sinks[0].path`.

use std::ops::Range;

use super::super::mistake::join;
use super::{Key, Kind, Node};

impl Node {
    /// The place of what a path such as `topics[1]` or `librdkafka.fetch.min.bytes` leads to; of the last part of the
    /// path that is there, when the rest is not.
    pub fn span_of(&self, path: &str) -> Range<usize> {
        match self.step(path) {
            Some((child, rest)) => child.span_of(rest),
            None => self.span.clone(),
        }
    }

    /// The path to the innermost value around an offset; empty for the root.
    pub fn path_at(&self, offset: usize) -> String {
        match &self.kind {
            Kind::Seq(items, _) => {
                let found = items.iter().enumerate().find(|(_, item)| item.span.contains(&offset));
                found.map_or_else(String::new, |(index, item)| join(&format!("[{index}]"), &item.path_at(offset)))
            }
            Kind::Map(entries, _) => {
                let around =
                    |(key, value): &&(Key, Node)| (key.span.start..key.span.end.max(value.span.end)).contains(&offset);
                let found = entries.iter().find(around);
                found.map_or_else(String::new, |(key, value)| join(&key.text, &value.path_at(offset)))
            }
            _ => String::new(),
        }
    }

    fn step<'a>(&self, path: &'a str) -> Option<(&Node, &'a str)> {
        match &self.kind {
            Kind::Seq(items, _) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Kind::Map(entries, _) => step_by_key(entries, path.strip_prefix('.').unwrap_or(path)),
            _ => None,
        }
    }
}

/// Keys may hold dots themselves, so the longest that fits wins.
fn step_by_key<'n, 'p>(entries: &'n [(Key, Node)], path: &'p str) -> Option<(&'n Node, &'p str)> {
    let rest_after = |key: &str| path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let fitting = entries.iter().filter_map(|(key, value)| Some((key, value, rest_after(&key.text)?)));
    let (_, value, rest) = fitting.max_by_key(|(key, _, _)| key.text.len())?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn check(path: &str, expected: &str) {
        let text = "topics: [a, b]\nlibrdkafka:\n  fetch.min.bytes: 7\n  fetch: x\n";
        let node = parse(text).documents.remove(0).root;
        assert_eq!(&text[node.span_of(path)], expected, "{path}");
    }

    #[test]
    fn finds_the_place_of_a_path() {
        check("topics[1]", "b");
        check("librdkafka.fetch.min.bytes", "7");
        check("librdkafka.fetch", "x");
        check("topics[9].x", "[a, b]");
    }

    #[test]
    fn finds_the_path_of_a_place() {
        let text = "topics: [a, b]\nlibrdkafka:\n  x: {y: z}\n";
        let node = parse(text).documents.remove(0).root;
        for (place, path) in [("b]", "topics[1]"), ("y:", "librdkafka.x.y"), ("libr", "librdkafka")] {
            assert_eq!(node.path_at(text.find(place).expect("it is there")), path);
        }
    }
}
