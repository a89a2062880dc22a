//! From the parser's events to trees.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, ScalarStyle, Span, StructureStyle, Tag};

use super::super::limits::{DEPTH_MAX, NODES_MAX};
use super::super::{Key, Kind, Layout, Mistake, Node, Style};

/// Collects events into documents, and the mistakes that are ones of meaning and not of syntax.
pub(super) struct Builder {
    /// Finished documents, each with the offset at which it starts.
    pub(super) documents: Vec<(Node, usize)>,
    /// In the order found.
    pub(super) mistakes: Vec<Mistake>,
    /// The last value or key seen: what a mistake of syntax mostly began with.
    pub(super) last: Option<Range<usize>>,
    text: Rc<str>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    start: usize,
    /// Where values start that were painted over or carry a tag.
    bad: Vec<usize>,
}

/// A collection that is still open.
struct Frame {
    start: usize,
    layout: Layout,
    anchor: usize,
    entries: Entries,
}

enum Entries {
    Seq(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, keys: HashMap<String, usize>, pending: Option<Pending> },
}

/// A key that waits for its value.
enum Pending {
    Key(Key),
    /// A key that cannot be one, or comes a second time: its value is dropped.
    Dropped,
}

impl Builder {
    pub(super) fn new(text: Rc<str>, bad: Vec<usize>) -> Builder {
        Builder {
            documents: Vec::new(),
            mistakes: Vec::new(),
            last: None,
            text,
            stack: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            start: 0,
            bad,
        }
    }

    /// Where each open bracket or brace stands, outermost first. The map in `[a: b]` has none of its own.
    pub(super) fn open_flow(&self) -> Vec<usize> {
        let starts = self.stack.iter().map(|frame| frame.start);
        starts.filter(|start| matches!(self.text.as_bytes().get(*start), Some(b'[' | b'{'))).collect()
    }

    /// Takes an event; an error means that a limit was passed and reading must end.
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let place = range(span);
        match event {
            Event::DocumentStart(..) => {
                self.start = place.start;
                self.anchors.clear();
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.scalar(&value, style, anchor, place)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.open(style, anchor, Entries::Seq(Vec::new()), place)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let entries = Entries::Map { entries: Vec::new(), keys: HashMap::new(), pending: None };
                self.open(style, anchor, entries, place)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place.end),
            Event::Alias(anchor) => self.alias(anchor, place)?,
            Event::UnresolvedAlias(name) => self.unresolved(&name, place)?,
            Event::Anchor(_, name) => self.named_anchor(&name, &place),
            Event::Comment(comment, _) if !comment.starts_with([' ', '\t', '#', '!']) => self.cut(place),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, anchor: usize, span: Range<usize>) -> Result<(), Mistake> {
        self.count(1)?;
        self.last = Some(span.clone());
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // The parser reports an anchor on nothing as `~`.
        let value = if span.is_empty() && style == Style::Plain { "" } else { value };
        let node = match style {
            Style::Block if value.is_empty() => self.refuse_empty_block(&span),
            _ => Node::scalar(value, style, span),
        };
        self.push_anchored(node, anchor);
        Ok(())
    }

    fn open(
        &mut self,
        style: StructureStyle,
        anchor: usize,
        entries: Entries,
        span: Range<usize>,
    ) -> Result<(), Mistake> {
        self.count(1)?;
        if self.stack.len() == DEPTH_MAX {
            return Err(too_deep(span));
        }
        let layout = if style == StructureStyle::Flow { Layout::Flow } else { Layout::Block };
        self.stack.push(Frame { start: span.start, layout, anchor, entries });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        if let Some(frame) = self.stack.pop() {
            let anchor = frame.anchor;
            self.push_anchored(frame.into_node(end), anchor);
        }
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Mistake> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.mistakes.push(Mistake::new(span.clone(), "an alias cannot stand within what it stands for"));
            self.push(Node::new(Kind::Bad, span));
            return Ok(());
        };
        self.count(node.size())?;
        if self.stack.len() + node.depth() > DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.push(node);
        Ok(())
    }

    fn unresolved(&mut self, name: &str, span: Range<usize>) -> Result<(), Mistake> {
        self.count(1)?;
        let message = format!("`*{name}` is a YAML alias, and nothing is anchored as `&{name}`");
        self.mistakes.push(Mistake::new(span.clone(), message).help(format!("if it is text, quote it: '*{name}'")));
        self.push(Node::new(Kind::Bad, span));
        Ok(())
    }

    /// An anchor on nothing is text that lost its quotes.
    fn named_anchor(&mut self, name: &str, span: &Range<usize>) {
        let Some(node) = self.last_value() else {
            return;
        };
        if node.span.is_empty() && node.is_null() {
            *node = Node::new(Kind::Bad, span.clone());
            let message = format!("`&{name}` is a YAML anchor, and nothing follows it");
            self.mistakes.push(Mistake::new(span.clone(), message).help(format!("if it is text, quote it: '&{name}'")));
        }
    }

    /// A comment right after plain text, without a space after its `#`, was likely meant as text.
    fn cut(&mut self, span: Range<usize>) {
        let text = Rc::clone(&self.text);
        let Some(node) = self.last_value() else {
            return;
        };
        let plain = node.as_scalar().is_some_and(|scalar| scalar.style == Style::Plain && !scalar.text.is_empty());
        let between = text.get(node.span.end..span.start);
        if plain && between.is_some_and(|between| between.bytes().all(|byte| byte == b' ')) {
            node.cut = Some(span);
        }
    }

    fn last_value(&mut self) -> Option<&mut Node> {
        match &mut self.stack.last_mut()?.entries {
            Entries::Seq(items) => items.last_mut(),
            Entries::Map { entries, pending: None, .. } => entries.last_mut().map(|(_, value)| value),
            Entries::Map { .. } => None,
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        let Some(tag) = tag else { return };
        let place = span.tag_span().map_or_else(|| range(span), range);
        let written = tag.original();
        self.bad.push(range(span).start);
        let message = format!("`{written}` is a YAML tag, and no tags are used here");
        self.mistakes.push(Mistake::new(place, message).help(format!("if it is text, quote it: '{written}'")));
    }

    fn refuse_empty_block(&mut self, span: &Range<usize>) -> Node {
        let head = self.text[..span.start].trim_end();
        let start = head.rfind(['>', '|']).unwrap_or(head.len());
        let place = start..head.len().max(start);
        let opener = &head[start..];
        let message = format!("`{opener}` opens a block of text, and none follows");
        let help = format!("if it is the text, quote it: '{opener}'");
        self.mistakes.push(Mistake::new(place.clone(), message).help(help));
        Node::new(Kind::Bad, place)
    }

    fn count(&mut self, nodes: usize) -> Result<(), Mistake> {
        self.nodes += nodes;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let place = self.last.clone().unwrap_or(0..0);
        Err(Mistake::new(place, format!("the file has more than {NODES_MAX} values, copies by aliases included")))
    }

    fn push_anchored(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.push(node);
    }

    /// Puts a finished node where it belongs.
    fn push(&mut self, mut node: Node) {
        if node.as_scalar().is_some() && self.bad.contains(&node.span.start) {
            node.kind = Kind::Bad;
        }
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push((node, self.start));
            return;
        };
        match &mut frame.entries {
            Entries::Seq(items) => items.push(node),
            Entries::Map { entries, keys, pending } => match pending.take() {
                None => *pending = Some(as_key(node, keys, &self.text, &mut self.mistakes)),
                Some(Pending::Key(key)) => entries.push((key, node)),
                Some(Pending::Dropped) => {}
            },
        }
    }
}

impl Frame {
    /// A block collection has no closing token, so it ends where its last value does.
    fn into_node(self, end: usize) -> Node {
        let (kind, inner) = match self.entries {
            Entries::Seq(items) => {
                let inner = items.first().zip(items.last()).map(|(first, last)| first.span.start..last.span.end);
                (Kind::Seq(items, self.layout), inner)
            }
            Entries::Map { entries, .. } => {
                let ends = entries.first().zip(entries.last());
                let inner = ends.map(|(first, last)| first.0.span.start..last.1.span.end.max(last.0.span.end));
                (Kind::Map(entries, self.layout), inner)
            }
        };
        let whole = self.start..end.max(self.start);
        let span = match self.layout {
            Layout::Flow => whole,
            Layout::Block => inner.unwrap_or(whole),
        };
        Node::new(kind, span)
    }
}

pub(super) fn range(span: Span) -> Range<usize> {
    // Text in memory always has byte offsets; should one be missing, the file's start is a harmless place.
    span.byte_range().unwrap_or(0..0)
}

pub(super) fn too_deep(span: Range<usize>) -> Mistake {
    Mistake::new(span, format!("nested deeper than {DEPTH_MAX}"))
}

fn as_key(node: Node, keys: &mut HashMap<String, usize>, file: &str, mistakes: &mut Vec<Mistake>) -> Pending {
    let span = node.span.clone();
    let text = match node.kind {
        Kind::Scalar(scalar) => scalar.text,
        Kind::Bad => return Pending::Dropped,
        _ => {
            mistakes.push(Mistake::new(span, "a key must be text, not a list or a map"));
            return Pending::Dropped;
        }
    };
    match keys.get(&text) {
        Some(first) => {
            let message = format!("the key `{text}` is given twice");
            let line = 1 + file[..*first].matches('\n').count();
            mistakes.push(Mistake::new(span, message).help(format!("the first is on line {line}")));
            Pending::Dropped
        }
        None => {
            keys.insert(text.clone(), span.start);
            Pending::Key(Key { text, span })
        }
    }
}
