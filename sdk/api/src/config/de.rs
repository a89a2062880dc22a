//! A [`Node`] as the input of serde. Text takes the type of its target; the innermost node that fails names the place.

mod access;

pub(super) use self::access::REST;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::mistake::join;
use super::{Kind, Mistake, Node, Problem, Style, float, integer};
use access::{Entries, Items, Parted, Variant};

/// The name by which a record template asks for its own form of a text.
const TEMPLATE: &str = "$catchwater::Template";

impl Node {
    /// Deserializes it. The walker has found what a schema can say; what is left is what `Deserialize` itself refuses.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        self.seed(PhantomData).map_err(Mistake::from)
    }

    /// Reads it, and sets the place of an error that has none: also of one that comes after reading, as from `try_from`.
    fn seed<'de, T: DeserializeSeed<'de>>(&'de self, seed: T) -> Result<T::Value, Unreadable> {
        self.at(seed.deserialize(self))
    }

    /// Sets the place of an error that has none, and withholds a message that might quote a secret.
    fn at<T>(&self, result: Result<T, Unreadable>) -> Result<T, Unreadable> {
        result.map_err(|mut error| {
            if error.span.is_none() {
                error.span = Some(self.span.clone());
                if self.is_secret() {
                    error.message = "is not valid; the reason is withheld, since it may quote a secret".into();
                }
            }
            error
        })
    }

    fn expected<T>(&self, what: &str) -> Result<T, Unreadable> {
        Err(Unreadable::new(format!("must be {what}")))
    }

    fn text(&self, what: &str) -> Result<&str, Unreadable> {
        self.as_text().map_or_else(|| self.expected(what), Ok)
    }

    fn visit_integer<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Unreadable> {
        let what = "a whole number";
        let number = integer(self.text(what)?);
        match number.map(|number| (u64::try_from(number), i64::try_from(number))) {
            Some((Ok(number), _)) => visitor.visit_u64(number),
            Some((_, Ok(number))) => visitor.visit_i64(number),
            _ => self.expected(what),
        }
    }

    fn visit_float<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Unreadable> {
        match float(self.text("a number")?) {
            Some(number) => visitor.visit_f64(number),
            None => self.expected("a number"),
        }
    }

    fn visit_bool<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.as_text() {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            _ => self.expected("`true` or `false`"),
        }
    }

    /// Where the target has no type of its own, text without quotes is what it looks like.
    fn visit_any<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Unreadable> {
        let scalar = match &self.kind {
            Kind::Scalar(scalar) => scalar,
            Kind::Seq(items, _) => {
                return visitor.visit_seq(Items { items: items.iter(), index: 0 });
            }
            Kind::Map(entries, _) => {
                return visitor.visit_map(Entries::new(entries.iter()));
            }
            Kind::Bad => return Err(Unreadable::new("could not be read")),
        };
        if scalar.style != Style::Plain {
            return visitor.visit_borrowed_str(&scalar.text);
        }
        match scalar.text.as_str() {
            _ if self.is_null() => visitor.visit_unit(),
            "true" | "false" => self.visit_bool(visitor),
            text if integer(text)
                .is_some_and(|number| i64::try_from(number).is_ok() || u64::try_from(number).is_ok()) =>
            {
                self.visit_integer(visitor)
            }
            text if float(text).is_some() => self.visit_float(visitor),
            text => visitor.visit_borrowed_str(text),
        }
    }
}

/// Deserializes a text with the one reader of its type.
pub(super) fn read_text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    read: fn(&str) -> Result<T, Problem>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor(read))
}

/// The same for a record template.
pub(super) fn read_template<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    read: fn(&str) -> Result<T, Problem>,
) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(TEMPLATE, TextVisitor(read))
}

struct TextVisitor<T>(fn(&str) -> Result<T, Problem>);

impl<'de, T> Visitor<'de> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

/// What serde refused, and where; becomes a [`Mistake`].
#[derive(Debug)]
pub struct Unreadable {
    message: String,
    path: String,
    span: Option<Range<usize>>,
}

impl Unreadable {
    fn new(message: impl Into<String>) -> Unreadable {
        Unreadable { message: message.into(), path: String::new(), span: None }
    }

    fn within(mut self, parent: &str) -> Unreadable {
        self.path = join(parent, &self.path);
        self
    }
}

impl From<Unreadable> for Mistake {
    fn from(error: Unreadable) -> Mistake {
        Mistake::new(error.span.unwrap_or(0..0), error.message).key(error.path)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(message: T) -> Unreadable {
        Unreadable::new(message.to_string())
    }
}

macro_rules! visit {
    ($visit:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            self.$visit(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Unreadable;

    visit!(visit_any: deserialize_any);
    visit!(visit_bool: deserialize_bool);
    visit!(visit_float: deserialize_f32 deserialize_f64);
    visit!(visit_integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    visit!(visit_integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_borrowed_str(self.text("text")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.as_scalar() {
            Some(scalar) if name == TEMPLATE => visitor.visit_borrowed_str(scalar.template()),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match &self.kind {
            Kind::Seq(items, _) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            _ => self.expected("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match &self.kind {
            Kind::Map(entries, _) => visitor.visit_map(Entries::new(entries.iter())),
            _ => self.expected("a map of keys and values"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match &self.kind {
            Kind::Map(entries, _) if fields.contains(&REST) => visitor.visit_map(Parted::new(self, entries, fields)),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match &self.kind {
            Kind::Scalar(scalar) => visitor.visit_enum(scalar.text.as_str().into_deserializer()),
            Kind::Map(entries, _) if entries.len() == 1 => visitor.visit_enum(Variant(&entries[0])),
            _ => self.expected("one of the choices, as text or as a map with one key"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct }
}

#[cfg(test)]
mod tests;
