//! Texts back to back, which can be cut back to an earlier length.

use arrow::array::StringArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// A column of text being built. A null takes an empty text.
#[derive(Debug)]
pub(super) struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

/// Arrow's offsets have 32 bits. A sink cuts long before, so what does not fit is an odd giant.
const BYTES_MAX: usize = i32::MAX as usize;

impl Default for Texts {
    fn default() -> Texts {
        Texts { ends: vec![0], bytes: Vec::new() }
    }
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }

    /// False when the column has no room for it.
    #[inline]
    #[must_use]
    pub(super) fn push(&mut self, text: &str) -> bool {
        self.push_with(|bytes| bytes.extend_from_slice(text.as_bytes()))
    }

    /// Adds what `write` appends, which must be UTF-8. False when the column has no room for it.
    #[inline]
    #[must_use]
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > BYTES_MAX {
            self.bytes.truncate(start);
            return false;
        }
        self.ends.push(self.bytes.len() as i32);
        true
    }

    /// Fills up with empty texts.
    pub(super) fn pad(&mut self, len: usize) {
        let end = self.bytes.len() as i32;
        self.ends.resize(len + 1, end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        self.bytes.truncate(self.ends[self.len()] as usize);
    }

    pub(super) fn get(&self, row: usize) -> &str {
        let text = &self.bytes[self.ends[row] as usize..self.ends[row + 1] as usize];
        std::str::from_utf8(text).expect("only whole texts were pushed")
    }

    /// The array, and a builder that begins anew.
    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>) -> StringArray {
        let texts = std::mem::take(self);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(texts.ends));
        StringArray::new(offsets, Buffer::from_vec(texts.bytes), nulls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_back_to_an_earlier_length() {
        let mut texts = Texts::default();
        assert!(texts.push("one"));
        texts.pad(3);
        assert!(texts.push("four"));
        texts.truncate(2);
        assert!(texts.push("three"));
        assert_eq!(texts.finish(None).iter().flatten().collect::<Vec<_>>(), ["one", "", "three"]);
        assert_eq!(texts.len(), 0);
    }
}
