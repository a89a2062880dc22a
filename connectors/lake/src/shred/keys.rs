//! Whether an object's keys are names or data.
//!
//! Names make a struct, data (ids, hosts, dates) would make a column for each id: they make a map. The rule, for an object that
//! the table knows nothing of and whose values are all of one class (numbers, texts, objects, ...; nulls aside):
//!
//! 1. most of its keys look like data: a number, a date, an address, a UUID, a long hexadecimal, something with `.`, `:`, `/` or `@`,
//!    or ending with four digits or more; or
//! 2. three or more of its values are objects, and they share at least half of their keys; or
//! 3. it has more than [`NAMES_MAX`] keys.
//!
//! Nor may the values conflict, as a map has no siblings. An object that looked like a struct at first may turn out otherwise, see [`super::object`].

use catchwater_sdk::Value;
use catchwater_sdk::value::Object;

/// So many keys of one class are no longer names.
pub(super) const NAMES_MAX: usize = 64;

/// What values must have in common to be the values of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Boolean,
    Number,
    Text,
    List,
    Object,
}

impl Class {
    /// The class of a value; null has none.
    pub(super) fn of(value: Value<'_>) -> Option<Class> {
        match value {
            Value::Bool(_) => Some(Class::Boolean),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Number(_) => Some(Class::Number),
            Value::Text(_) => Some(Class::Text),
            Value::List(_) => Some(Class::List),
            Value::Object(_) => Some(Class::Object),
            _ => None,
        }
    }
}

/// Whether an object that the table knows nothing of is a map.
pub(super) fn are_data(object: Object<'_>) -> bool {
    let Some(class) = one_class(object.iter().map(|(_, value)| Class::of(value))) else { return false };
    let like_data = object.iter().filter(|(key, _)| looks_like_data(key)).count();
    like_data * 2 > object.len() || object.len() > NAMES_MAX || (class == Class::Object && is_of_one_shape(object))
}

/// The class that all have, those without aside.
pub(super) fn one_class(mut classes: impl Iterator<Item = Option<Class>>) -> Option<Class> {
    let first = classes.find_map(|class| class)?;
    classes.flatten().all(|class| class == first).then_some(first)
}

fn is_of_one_shape(object: Object<'_>) -> bool {
    let mut shapes = object.iter().filter_map(|(_, value)| match value {
        Value::Object(shape) => Some(shape),
        _ => None,
    });
    let Some(first) = shapes.next() else { return false };
    let objects = object.iter().filter(|(_, value)| matches!(value, Value::Object(_))).count();
    objects >= 3 && !first.is_empty() && shapes.all(|shape| share_half(first, shape))
}

/// Whether two objects have at least half of the larger one's keys in common.
fn share_half(a: Object<'_>, b: Object<'_>) -> bool {
    let larger = a.len().max(b.len());
    larger <= NAMES_MAX && a.iter().filter(|(key, _)| b.get(key).is_some()).count() * 2 >= larger
}

fn looks_like_data(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let letters = key.bytes().filter(u8::is_ascii_alphabetic).count();
    let ends_with_digits = key.bytes().rev().take_while(u8::is_ascii_digit).count() >= 4;
    let long_hexadecimal = key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let marked = key.contains(['.', ':', '/', '@']);
    (digits > 0 && (letters == 0 || ends_with_digits || long_hexadecimal)) || marked
}

#[cfg(test)]
mod tests {
    use super::super::tests::decode;
    use super::*;

    fn check(json: &str, data: bool) {
        let values = decode(&[json]);
        let catchwater_sdk::value::Decoded::Value(Value::Object(object)) = values.get(0) else { panic!("{json}") };
        assert_eq!(are_data(object), data, "{json}");
    }

    #[test]
    fn keys_that_look_like_data_make_a_map() {
        check(r#"{"10.0.0.1": 5, "10.0.0.2": 7}"#, true);
        check(r#"{"2026-11-22": {"n": 1}}"#, true);
        check(r#"{"0190a1f2-7c3e-7aaa-8bbb-0123456789ab": true}"#, true);
        check(r#"{"hg.nginx.org": {"n": 1}, "other": {"n": 2}, "a.b": null}"#, true);
        check(r#"{"user10234": "x", "user10235": "y"}"#, true);
        check(r#"{"200": 5, "404": 1}"#, true);
    }

    #[test]
    fn names_make_a_struct() {
        check(r#"{"1xx": 0, "2xx": 5, "total": 5}"#, false);
        check(r#"{"id": 1, "name": "x"}"#, false);
        check(r#"{"line1": "a", "line2": "b", "sha256": "c"}"#, false);
        check(r#"{"http.method": "GET", "http.status": 200}"#, false);
        check(r#"{"First Name": "a", "Content-Type": "b"}"#, false);
        check(r#"{"a": null}"#, false);
        check("{}", false);
    }

    #[test]
    fn objects_of_one_shape_make_a_map() {
        check(r#"{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 2, "z": 3}}"#, true);
        check(r#"{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}}"#, false);
        check(r#"{"a": {"x": 1}, "b": {"y": 1}, "c": {"z": 1}}"#, false);
        check(r#"{"a": {}, "b": {}, "c": {}}"#, false);
    }

    #[test]
    fn many_keys_of_one_class_make_a_map() {
        let many = |n| (0..n).map(|i| format!("\"k{i}x\": {i}")).collect::<Vec<_>>().join(",");
        check(&format!("{{{}}}", many(65)), true);
        check(&format!("{{{}}}", many(64)), false);
        check(&format!("{{{}, \"t\": \"x\"}}", many(80)), false);
    }
}
