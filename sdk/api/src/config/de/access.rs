//! How serde walks through lists, maps and enums.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::super::{Key, Node};
use super::Unreadable;

/// The key under which a struct holds a struct whose keys stand among its own: `#[serde(rename = "..")]`. Serde's `flatten`
/// would lose the place of mistakes and take every text for what it looks like, and cannot refuse unknown keys.
pub(in crate::config) const REST: &str = "..";

/// The items of a list.
pub(super) struct Items<'de> {
    pub(super) items: std::slice::Iter<'de, Node>,
    pub(super) index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let parent = format!("[{}]", self.index);
        self.index += 1;
        item.seed(seed).map(Some).map_err(|error| error.within(&parent))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The keys and values of a map.
pub(super) struct Entries<'de, I> {
    entries: I,
    value: Option<&'de (Key, Node)>,
}

impl<'de, I: Iterator<Item = &'de (Key, Node)>> Entries<'de, I> {
    pub(super) fn new(entries: I) -> Entries<'de, I> {
        Entries { entries, value: None }
    }
}

impl<'de, I: Iterator<Item = &'de (Key, Node)>> MapAccess<'de> for Entries<'de, I> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(entry);
        read_key(&entry.0, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        let (key, value) = self.value.take().expect("serde asks for a value after its key");
        value.seed(seed).map_err(|error| error.within(&key.text))
    }
}

/// The keys that a struct names, and under [`REST`] the others.
pub(super) struct Parted<'de> {
    named: Entries<'de, std::vec::IntoIter<&'de (Key, Node)>>,
    rest: Option<Rest<'de>>,
}

/// Keys of a map that are a struct's of their own.
pub(super) struct Rest<'de> {
    map: &'de Node,
    entries: Vec<&'de (Key, Node)>,
}

impl<'de> Parted<'de> {
    pub(super) fn new(map: &'de Node, entries: &'de [(Key, Node)], fields: &[&str]) -> Parted<'de> {
        let (named, entries): (Vec<_>, _) = entries.iter().partition(|(key, _)| fields.contains(&key.text.as_str()));
        Parted { named: Entries::new(named.into_iter()), rest: Some(Rest { map, entries }) }
    }
}

impl<'de> MapAccess<'de> for Parted<'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        match self.named.entries.len() {
            0 if self.rest.is_none() => Ok(None),
            0 => {
                let rest: StrDeserializer<'de, Unreadable> = REST.into_deserializer();
                seed.deserialize(rest).map(Some)
            }
            _ => self.named.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        if self.named.value.is_some() {
            return self.named.next_value_seed(seed);
        }
        seed.deserialize(self.rest.take().expect("serde asks for a value after its key"))
    }
}

impl<'de> Deserializer<'de> for Rest<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.map.at(visitor.visit_map(Entries::new(self.entries.into_iter())))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn read_key<'de, K: DeserializeSeed<'de>>(key: &'de Key, seed: K) -> Result<K::Value, Unreadable> {
    let text: StrDeserializer<'de, Unreadable> = key.text.as_str().into_deserializer();
    seed.deserialize(text).map_err(|mut error| {
        error.span.get_or_insert_with(|| key.span.clone());
        error
    })
}

/// An enum's variant with content.
pub(super) struct Variant<'de>(pub(super) &'de (Key, Node));

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Unreadable;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Unreadable> {
        let (key, value) = self.0;
        Ok((read_key(key, seed)?, Content { key, value }))
    }
}

/// What an enum's variant holds.
pub(super) struct Content<'de> {
    key: &'de Key,
    value: &'de Node,
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        if self.value.is_null() { Ok(()) } else { self.value.at(self.value.expected("empty")) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        self.value.seed(seed).map_err(|error| error.within(&self.key.text))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.value.at(self.value.deserialize_seq(visitor)).map_err(|error| error.within(&self.key.text))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unreadable> {
        self.value.at(self.value.deserialize_map(visitor)).map_err(|error| error.within(&self.key.text))
    }
}
