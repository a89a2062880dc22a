//! A value within a value.

use super::{Object, Value};

impl<'a> Value<'a> {
    /// The value at a path of keys. Where no object has the next key, a key that itself holds the rest with its dots
    /// counts too: `["a", "b"]` is `{"a":{"b":1}}` or `{"a.b":1}`.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<Value<'a>> {
        let Some((first, rest)) = path.split_first() else { return Some(*self) };
        let Value::Object(object) = self else { return None };
        let nested = object.get(first.as_ref()).and_then(|value| value.at(rest));
        nested.or_else(|| dotted(*object, path))
    }
}

fn dotted<'a, S: AsRef<str>>(object: Object<'a>, path: &[S]) -> Option<Value<'a>> {
    let joined = |key: &str| key.split('.').eq(path.iter().map(AsRef::as_ref));
    let found = object.iter().find(|(key, _)| path.len() > 1 && key.contains('.') && joined(key));
    found.map(|(_, value)| value)
}
