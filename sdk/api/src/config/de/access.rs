//! How serde walks through lists, maps and enums.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::super::{Key, Node};
use super::Unreadable;

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
pub(super) struct Entries<'de> {
    pub(super) entries: std::slice::Iter<'de, (Key, Node)>,
    pub(super) value: Option<&'de (Key, Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
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
