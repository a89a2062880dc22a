//! A configuration as a tree that knows the place of each value.

mod path;

use std::fmt;
use std::ops::Range;

/// A value of a configuration file. Two nodes are equal when they say the same, wherever they stand.
#[derive(Clone)]
pub struct Node {
    /// The bytes of the file to point at. A block collection reaches from its first key or value to its last.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// Where a comment that looks like a part of the text cut it off: the `#b` of `a #b`.
    pub cut: Option<Range<usize>>,
}

/// What a [`Node`] is.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// Text; whether it is a number is for the reader to say.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>, Layout),
    /// Keys with their values, each key once.
    Map(Vec<(Key, Node)>, Layout),
    /// What could not be read; the mistake has been named, so whoever meets this keeps quiet about it.
    Bad,
}

/// How a collection was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One entry a line.
    Block,
    /// In brackets or braces.
    Flow,
}

/// How text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In quotes, or put in for a `${...}`: never null.
    Quoted,
    /// After `|` or `>`.
    Block,
}

/// A key of a map.
#[derive(Clone)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its place.
    pub span: Range<usize>,
}

/// Text with its history.
#[derive(Clone)]
pub struct Scalar {
    /// The text, with `${env:...}` and `${file:...}` put in and `$${` turned into `${`.
    pub text: String,
    /// How it was written.
    pub style: Style,
    /// Its other forms, where it held a `${`.
    pub(super) resolved: Option<Box<Resolved>>,
}

/// The forms of a text that held a `${`.
#[derive(Clone)]
pub(super) struct Resolved {
    /// As it stands in the file.
    pub(super) written: String,
    /// With what was put in escaped, so that a record template takes it literally.
    pub(super) template: String,
    /// Whether anything was put in from outside.
    pub(super) secret: bool,
}

impl Node {
    /// A scalar, as the parser finds it.
    pub fn scalar(text: impl Into<String>, style: Style, span: Range<usize>) -> Node {
        Node::new(Kind::Scalar(Scalar { text: text.into(), style, resolved: None }), span)
    }

    /// A node of `kind` at `span`.
    pub fn new(kind: Kind, span: Range<usize>) -> Node {
        Node { span, kind, cut: None }
    }

    /// A map without keys: a component that is given by its type alone.
    pub fn empty_map(span: Range<usize>) -> Node {
        Node::new(Kind::Map(Vec::new(), Layout::Flow), span)
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if it is a scalar.
    pub fn as_text(&self) -> Option<&str> {
        self.as_scalar().map(|scalar| scalar.text.as_str())
    }

    /// The values of a list; none if it is not one.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items, _) => items,
            _ => &[],
        }
    }

    /// The keys and values of a map; none if it is not one.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries, _) => entries,
            _ => &[],
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// Takes a key out of a map.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let Kind::Map(entries, _) = &mut self.kind else {
            return None;
        };
        let index = entries.iter().position(|(name, _)| name.text == key)?;
        Some(entries.remove(index).1)
    }

    /// Takes keys out of a map, as a map of their own.
    pub fn take_keys(&mut self, keys: &[&str]) -> Node {
        let taken = match &mut self.kind {
            Kind::Map(entries, _) => entries.extract_if(.., |(name, _)| keys.contains(&name.text.as_str())).collect(),
            _ => Vec::new(),
        };
        Node::new(Kind::Map(taken, Layout::Flow), self.span.clone())
    }

    /// Whether it is nothing: an empty value, `null` or `~`, without quotes.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| {
            scalar.style == Style::Plain && matches!(scalar.text.as_str(), "" | "null" | "Null" | "NULL" | "~")
        })
    }

    /// Whether it, or anything in it, came from `${env:...}` or `${file:...}` and must not be shown.
    pub fn is_secret(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.is_secret(),
            Kind::Seq(items, _) => items.iter().any(Node::is_secret),
            Kind::Map(entries, _) => entries.iter().any(|(_, value)| value.is_secret()),
            Kind::Bad => false,
        }
    }

    /// `message` with the placeholder in place of each value that must not be shown.
    pub(super) fn redact(&self, message: String) -> String {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.is_secret() && !scalar.text.is_empty() => {
                message.replace(&scalar.text, scalar.written())
            }
            Kind::Seq(items, _) => items.iter().fold(message, |message, item| item.redact(message)),
            Kind::Map(entries, _) => entries.iter().fold(message, |message, (_, value)| value.redact(message)),
            _ => message,
        }
    }

    /// Collections and values in it, itself included.
    pub(super) fn size(&self) -> usize {
        let within: usize = match &self.kind {
            Kind::Seq(items, _) => items.iter().map(Node::size).sum(),
            Kind::Map(entries, _) => entries.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        };
        1 + within
    }

    /// Collections within one another, itself included.
    pub(super) fn depth(&self) -> usize {
        match &self.kind {
            Kind::Seq(items, _) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Map(entries, _) => 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl Scalar {
    /// Whether it holds something from outside that must not be shown.
    pub fn is_secret(&self) -> bool {
        self.resolved.as_ref().is_some_and(|resolved| resolved.secret)
    }

    /// As it stands in the file.
    pub fn written(&self) -> &str {
        self.resolved.as_ref().map_or(&self.text, |resolved| &resolved.written)
    }

    /// As a record template must read it: `$${` still there, and `${` only where the author wrote it.
    pub fn template(&self) -> &str {
        self.resolved.as_ref().map_or(&self.text, |resolved| &resolved.template)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.text == other.text
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        self.text == other.text && self.style == other.style && self.template() == other.template()
    }
}

/// By hand, so that no log holds what came from outside.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Scalar(scalar) => write!(f, "{:?}", scalar.written()),
            Kind::Seq(items, _) => f.debug_list().entries(items).finish(),
            Kind::Map(entries, _) => {
                f.debug_map().entries(entries.iter().map(|(key, value)| (&key.text, value))).finish()
            }
            Kind::Bad => f.write_str("Bad"),
        }
    }
}
