//! Decoded payloads: flat, made once for a batch, read by cursor.
//!
//! A format writes each record as a run of nodes in document order. A list or an object says how many elements it has and
//! how many nodes they take, so that a reader can step over it. Text is in one buffer. Nothing is allocated per record.

mod json;
mod path;

use crate::format::Format;

/// One decoded value. Cheap to copy.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// An integer that 64 bits do not hold, as it was written: no digit of it is lost.
    Number(&'a str),
    /// Text.
    Text(&'a str),
    /// Elements in order.
    List(List<'a>),
    /// Keys with values in order; a key may come twice.
    Object(Object<'a>),
}

/// What is known of a record's payload.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// The payload is null: a tombstone.
    Absent,
    /// The format understood it.
    Value(Value<'a>),
    /// The format did not, and why.
    Undecodable(&'a str),
}

/// The decoded payloads of a batch.
#[derive(Debug, Default)]
pub struct Values {
    nodes: Vec<Node>,
    text: String,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Number { start: u32, len: u32 },
    Text { start: u32, len: u32 },
    List { len: u32, nodes: u32 },
    Object { len: u32, nodes: u32 },
}

#[derive(Debug)]
enum Row {
    Absent,
    Value(u32),
    Undecodable(String),
}

/// The elements of a list.
#[derive(Clone, Copy)]
pub struct List<'a> {
    values: &'a Values,
    start: usize,
    len: usize,
}

/// The keys and values of an object.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    values: &'a Values,
    start: usize,
    len: usize,
}

/// The elements of a list in order.
#[derive(Clone, Debug)]
pub struct Elements<'a>(Cursor<'a>);

/// The keys and values of an object in order.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Cursor<'a>);

#[derive(Clone, Debug)]
struct Cursor<'a> {
    values: &'a Values,
    at: usize,
    left: usize,
}

/// No more than so many bytes are reserved on the strength of a first payload.
const RESERVED_MAX: usize = 4 << 20;

// === impl Values ===

impl Values {
    /// Decodes the payloads of a batch.
    pub fn decode<'a>(format: &dyn Format, payloads: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> Values {
        let mut values = Values { rows: Vec::with_capacity(payloads.len()), ..Values::default() };
        let mut decoder = format.decoder();
        for payload in payloads {
            if values.rows.len() == 1 {
                values.reserve_alike();
            }
            let row = match payload {
                None => Row::Absent,
                Some(payload) => values.decode_one(|writer| decoder.decode(payload, writer)),
            };
            values.rows.push(row);
        }
        values
    }

    /// Room for the rest of a batch, whose payloads mostly are like the first; what is larger grows as it comes.
    fn reserve_alike(&mut self) {
        let rows = self.rows.capacity();
        let alike = |len: usize| len * rows / 4 * 5;
        self.nodes.reserve(alike(self.nodes.len()).min(RESERVED_MAX / size_of::<Node>()));
        self.text.reserve(alike(self.text.len()).min(RESERVED_MAX));
    }

    fn decode_one(&mut self, decode: impl FnOnce(&mut ValueWriter<'_>) -> Result<(), String>) -> Row {
        let (nodes, text) = (self.nodes.len(), self.text.len());
        let result = decode(&mut ValueWriter { values: self });
        match result {
            Ok(()) if self.nodes.len() > nodes && self.text.len() <= u32::MAX as usize => Row::Value(nodes as u32),
            other => {
                self.nodes.truncate(nodes);
                self.text.truncate(text);
                Row::Undecodable(other.err().unwrap_or_else(|| "the format gave no value".into()))
            }
        }
    }

    /// Values that no payload had: `write` writes one for each row, or says why there is none.
    pub fn written(rows: usize, write: impl Fn(usize, &mut ValueWriter<'_>) -> Result<(), String>) -> Values {
        let mut values = Values { rows: Vec::with_capacity(rows), ..Values::default() };
        for row in 0..rows {
            let row = values.decode_one(|writer| write(row, writer));
            values.rows.push(row);
        }
        values
    }

    /// For a batch whose bytes nobody is to understand.
    pub fn opaque(rows: usize) -> Values {
        let rows = (0..rows).map(|_| Row::Undecodable("no format".into())).collect();
        Values { rows, ..Values::default() }
    }

    /// What is known of a row's payload.
    #[inline]
    pub fn get(&self, row: usize) -> Decoded<'_> {
        match &self.rows[row] {
            Row::Absent => Decoded::Absent,
            Row::Value(node) => Decoded::Value(self.value(*node as usize)),
            Row::Undecodable(reason) => Decoded::Undecodable(reason),
        }
    }

    #[inline(always)]
    fn value(&self, node: usize) -> Value<'_> {
        match self.nodes[node] {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Int(value) => Value::Int(value),
            Node::UInt(value) => Value::UInt(value),
            Node::Float(value) => Value::Float(value),
            Node::Number { start, len } => Value::Number(&self.text[start as usize..][..len as usize]),
            Node::Text { start, len } => Value::Text(&self.text[start as usize..][..len as usize]),
            Node::List { len, .. } => Value::List(List { values: self, start: node + 1, len: len as usize }),
            Node::Object { len, .. } => Value::Object(Object { values: self, start: node + 1, len: len as usize }),
        }
    }

    #[inline(always)]
    fn key(&self, node: usize) -> &str {
        match self.nodes[node] {
            Node::Text { start, len } => &self.text[start as usize..][..len as usize],
            _ => unreachable!("a key is text: the writer sees to it"),
        }
    }

    /// The node behind the value at `node`.
    #[inline(always)]
    fn next(&self, node: usize) -> usize {
        match self.nodes[node] {
            Node::List { nodes, .. } | Node::Object { nodes, .. } => node + 1 + nodes as usize,
            _ => node + 1,
        }
    }
}

// === impl List, Object ===

impl<'a> List<'a> {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements in order.
    #[inline]
    pub fn iter(&self) -> Elements<'a> {
        Elements(Cursor { values: self.values, at: self.start, left: self.len })
    }
}

impl<'a> Object<'a> {
    /// How many keys, duplicates counted.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keys and values in order.
    #[inline]
    pub fn iter(&self) -> Entries<'a> {
        Entries(Cursor { values: self.values, at: self.start, left: self.len })
    }

    /// The value of the first key of that name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

// Inlined without asking, down to the node: else each value is put together in memory and copied from there, and reading it
// back at once waits for its parts to be written, which took longer than all else that is done with it.

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Value<'a>> {
        self.0.has_next().then(|| self.0.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left, Some(self.0.left))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Value<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<(&'a str, Value<'a>)> {
        if !self.0.has_next() {
            return None;
        }
        let key = self.0.values.key(self.0.at);
        self.0.at += 1;
        Some((key, self.0.take()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left, Some(self.0.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}
impl ExactSizeIterator for Entries<'_> {}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn has_next(&mut self) -> bool {
        let has_next = self.left > 0;
        self.left -= usize::from(has_next);
        has_next
    }

    /// The value here; goes on behind it.
    #[inline(always)]
    fn take(&mut self) -> Value<'a> {
        let value = self.values.value(self.at);
        self.at = self.values.next(self.at);
        value
    }
}

impl std::fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::UInt(a), Value::UInt(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a.len == b.len && a.iter().eq(b.iter()),
            (Value::Object(a), Value::Object(b)) => a.len == b.len && a.iter().eq(b.iter()),
            _ => false,
        }
    }
}

/// What a format writes into: one value per record, in document order.
#[derive(Debug)]
pub struct ValueWriter<'a> {
    values: &'a mut Values,
}

/// A list or object that was begun.
#[derive(Debug)]
#[must_use = "a container that was begun must be ended"]
pub struct Begun(usize);

impl ValueWriter<'_> {
    /// Null.
    pub fn null(&mut self) {
        self.values.nodes.push(Node::Null);
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) {
        self.values.nodes.push(Node::Bool(value));
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.values.nodes.push(Node::Int(value));
    }

    /// An integer that may be above `i64::MAX`.
    pub fn uint(&mut self, value: u64) {
        self.values.nodes.push(i64::try_from(value).map_or(Node::UInt(value), Node::Int));
    }

    /// A number with a fraction or an exponent.
    pub fn float(&mut self, value: f64) {
        self.values.nodes.push(Node::Float(value));
    }

    /// An integer past 64 bits: an optional minus sign and digits.
    pub fn number(&mut self, digits: &str) {
        let start = self.keep(digits);
        self.values.nodes.push(Node::Number { start, len: digits.len() as u32 });
    }

    /// Text, or the key before a value.
    #[inline]
    pub fn text(&mut self, text: &str) {
        let start = self.keep(text);
        self.values.nodes.push(Node::Text { start, len: text.len() as u32 });
    }

    /// Where in the buffer the text begins. A buffer past 4 GiB is caught when the record ends.
    #[inline]
    fn keep(&mut self, text: &str) -> u32 {
        let start = self.values.text.len() as u32;
        self.values.text.push_str(text);
        start
    }

    /// Begins a list or object; its elements follow.
    pub fn begin(&mut self) -> Begun {
        self.values.nodes.push(Node::Null);
        Begun(self.values.nodes.len() - 1)
    }

    /// Ends a list of `len` elements.
    pub fn end_list(&mut self, begun: Begun, len: usize) {
        let nodes = (self.values.nodes.len() - begun.0 - 1) as u32;
        self.values.nodes[begun.0] = Node::List { len: len as u32, nodes };
    }

    /// Ends an object of `len` keys, each of which was written as text before its value.
    pub fn end_object(&mut self, begun: Begun, len: usize) {
        let nodes = (self.values.nodes.len() - begun.0 - 1) as u32;
        self.values.nodes[begun.0] = Node::Object { len: len as u32, nodes };
    }

    /// Writes a list header when its extent is known beforehand, as on a parser's tape.
    #[inline]
    pub fn list(&mut self, len: usize, nodes: usize) {
        self.values.nodes.push(Node::List { len: len as u32, nodes: nodes as u32 });
    }

    /// Writes an object header when its extent is known beforehand, as on a parser's tape.
    #[inline]
    pub fn object(&mut self, len: usize, nodes: usize) {
        self.values.nodes.push(Node::Object { len: len as u32, nodes: nodes as u32 });
    }
}
