//! Values within a payload.

use catchwater_sdk::Value;
use catchwater_sdk::value::Object;

use crate::condition::Scalar;
use crate::field::Key;
use crate::number::Number;

type Check<'c> = &'c dyn Fn(Scalar<'_>) -> bool;

/// Whether any value at the end of a path passes.
pub(super) fn at(value: Value<'_>, keys: &[Key], test: Check<'_>) -> bool {
    at_end(value, keys, &mut |value| here(value, test))
}

/// The values at the end of a path, each as it stands.
pub(crate) fn values<'v>(value: Value<'v>, keys: &[Key]) -> Vec<Value<'v>> {
    let mut values = Vec::new();
    at_end(value, keys, &mut |value| {
        values.push(value);
        false
    });
    values
}

/// Visits what stands at the end of a path, until a visit says that it was found. At most each value of the payload is
/// visited once: where it stands tells which keys led to it.
fn at_end<'v>(value: Value<'v>, keys: &[Key], found: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
    match (value, keys.split_first()) {
        (Value::List(list), Some(_)) => list.iter().any(|element| at_end(element, keys, found)),
        (Value::Object(object), Some((first, rest))) => {
            object.get(&first.name).is_some_and(|value| at_end(value, rest, found)) || dotted(object, keys, found)
        }
        (_, Some(_)) => false,
        (value, None) => found(value),
    }
}

/// A value and, of a list, each of its elements.
fn here(value: Value<'_>, test: Check<'_>) -> bool {
    scalar(value).is_some_and(test)
        || match value {
            Value::List(list) => list.iter().any(|element| here(element, test)),
            _ => false,
        }
}

/// The same where one key holds several of the path's with their dots.
fn dotted<'v>(object: Object<'v>, keys: &[Key], found: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
    let mergeable = keys.iter().take_while(|key| !key.whole).count();
    (2..=mergeable).any(|count| {
        let joined = |name: &str| is_joined(name, &keys[..count]);
        let value = object.iter().find(|(name, _)| joined(name));
        value.is_some_and(|(_, value)| at_end(value, &keys[count..], found))
    })
}

/// Whether `name` is these keys with dots between them.
fn is_joined(name: &str, keys: &[Key]) -> bool {
    let mut rest = name;
    for (i, key) in keys.iter().enumerate() {
        let dotted = if i == 0 { Some(rest) } else { rest.strip_prefix('.') };
        let Some(behind) = dotted.and_then(|rest| rest.strip_prefix(&*key.name)) else { return false };
        rest = behind;
    }
    rest.is_empty()
}

/// Whether any value within passes, at any depth. Of keys that come twice the first counts.
pub(super) fn any(value: Value<'_>, test: Check<'_>) -> bool {
    match value {
        Value::List(list) => list.iter().any(|element| any(element, test)),
        // Whether a key came before is asked only where it matters.
        Value::Object(object) => {
            object.iter().enumerate().any(|(i, (key, value))| any(value, test) && is_first(object, key, i))
        }
        value => scalar(value).is_some_and(test),
    }
}

fn is_first(object: Object<'_>, key: &str, index: usize) -> bool {
    !object.iter().take(index).any(|(before, _)| before == key)
}

/// What a condition sees of a value; null is nothing.
#[inline]
fn scalar(value: Value<'_>) -> Option<Scalar<'_>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Scalar::Bool(flag),
        Value::Int(number) => Scalar::Number(Number::Int(number)),
        Value::UInt(number) => Scalar::Number(Number::UInt(number)),
        Value::Float(number) => Scalar::Number(Number::Float(number)),
        Value::Number(digits) => Scalar::Number(Number::Digits(digits)),
        Value::Text(text) => Scalar::Text(text),
        _ => Scalar::Composite,
    })
}
