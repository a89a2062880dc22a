//! Paths with wildcards, all followed at once on the way down.

use catchwater_sdk::{Error, Result};

/// Where fields are: `customer.email`, `customer.*.email`, `**.email`.
///
/// `*` is any one key, `**` any number of keys, none included. Lists are passed through: `items.card` is the `card` of
/// each item. A key may itself hold dots: `a.b` is `{"a":{"b":1}}` and `{"a.b":1}`.
#[derive(Clone, Debug)]
pub(crate) struct Paths(Vec<Vec<Segment>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Any,
    Deep,
}

/// How far each path is followed at some value: numbers of path and segment.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor(Vec<(usize, usize)>);

// === impl Paths ===

impl Paths {
    /// Reads the paths of a configuration; mistakes are at `key`.
    pub(crate) fn new<'a>(written: impl IntoIterator<Item = &'a str>, key: &str) -> Result<Paths> {
        let path = |path: &'a str| {
            let mistake = |text: String| Error::config(text).at_key(key);
            let segments: Vec<_> = path.split('.').map(segment).collect();
            if segments.contains(&Segment::Key(String::new())) {
                return Err(mistake(format!("`{path}` has a key without a name")));
            }
            match segments.last() {
                Some(Segment::Deep) => {
                    Err(mistake(format!("`{path}` names nothing: a key or `*` must follow on `**`")))
                }
                _ => Ok(segments),
            }
        };
        written.into_iter().map(path).collect::<Result<_>>().map(Paths)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At the outermost value.
    pub(super) fn root(&self) -> Cursor {
        self.close((0..self.0.len()).map(|path| (path, 0)).collect())
    }

    /// At the value of a key within the value at `cursor`.
    pub(super) fn step(&self, cursor: &Cursor, key: &str) -> Cursor {
        let mut next = self.step_one(cursor, key);
        if key.contains('.') {
            let parts = key.split('.').fold(cursor.clone(), |at, part| self.step_one(&at, part));
            next.0.extend(parts.0);
            next.0.sort_unstable();
            next.0.dedup();
        }
        next
    }

    fn step_one(&self, cursor: &Cursor, key: &str) -> Cursor {
        let mut next = Vec::new();
        for (path, at) in &cursor.0 {
            match self.0[*path].get(*at) {
                Some(Segment::Key(name)) if name == key => next.push((*path, at + 1)),
                Some(Segment::Any) => next.push((*path, at + 1)),
                Some(Segment::Deep) => next.push((*path, *at)),
                _ => {}
            }
        }
        self.close(next)
    }

    /// `**` may stand for no key at all.
    fn close(&self, mut at: Vec<(usize, usize)>) -> Cursor {
        let mut i = 0;
        while i < at.len() {
            let (path, segment) = at[i];
            if self.0[path].get(segment) == Some(&Segment::Deep) {
                at.push((path, segment + 1));
            }
            i += 1;
        }
        at.sort_unstable();
        at.dedup();
        Cursor(at)
    }

    /// The first path that ends here.
    pub(super) fn ends(&self, cursor: &Cursor) -> Option<usize> {
        cursor.0.iter().find(|(path, at)| *at == self.0[*path].len()).map(|(path, _)| *path)
    }
}

fn segment(text: &str) -> Segment {
    match text {
        "*" => Segment::Any,
        "**" => Segment::Deep,
        key => Segment::Key(key.to_owned()),
    }
}

// === impl Cursor ===

impl Cursor {
    /// Whether no path goes on below.
    pub(super) fn is_lost(&self) -> bool {
        self.0.is_empty()
    }
}
