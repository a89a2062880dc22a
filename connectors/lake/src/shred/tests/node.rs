//! A JSON value that keeps its keys' order and those that come twice.

use std::fmt;

use catchwater_sdk::value::ValueWriter;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn write(&self, value: &mut ValueWriter<'_>) {
        match self {
            Node::Null => value.null(),
            Node::Bool(bool) => value.bool(*bool),
            Node::Int(int) => value.int(*int),
            Node::UInt(uint) => value.uint(*uint),
            Node::Float(float) => value.float(*float),
            Node::Text(text) => match text.strip_prefix('#') {
                Some(digits) => value.number(digits),
                None => value.text(text),
            },
            Node::List(elements) => {
                let begun = value.begin();
                elements.iter().for_each(|element| element.write(value));
                value.end_list(begun, elements.len());
            }
            Node::Object(entries) => {
                let begun = value.begin();
                for (key, entry) in entries {
                    value.text(key);
                    entry.write(value);
                }
                value.end_object(begun, entries.len());
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}
