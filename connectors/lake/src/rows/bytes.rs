//! Byte strings as a column.
//!
//! Arrow's own builder keeps its bytes aligned, and aligned memory is copied whenever it grows. Payloads are most of what
//! is held, so they are kept in plain memory, which the allocator can extend in place.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, NullBufferBuilder};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

/// Builds a column of byte strings, each present or absent.
#[derive(Debug)]
pub(crate) struct BytesBuilder {
    data: Vec<u8>,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
    /// How large the last column was: with so much room the next one is not copied as it grows.
    room: usize,
}

impl BytesBuilder {
    pub(crate) fn new() -> BytesBuilder {
        BytesBuilder { data: Vec::new(), ends: vec![0], valid: NullBufferBuilder::new(0), room: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        if self.data.capacity() == 0 {
            self.data.reserve(self.room);
        }
        self.data.extend_from_slice(value.unwrap_or_default());
        let end = i32::try_from(self.data.len()).expect("a sink asks for a cut long before it holds 2 GiB");
        self.ends.push(end);
        self.valid.append(value.is_some());
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.ends.len() * 4
    }

    /// The column; the builder is empty after it.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        let done = std::mem::replace(self, BytesBuilder::new());
        let BytesBuilder { data, ends, mut valid, .. } = done;
        self.room = data.len() + data.len() / 8;
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        Arc::new(BinaryArray::new(ends, Buffer::from_vec(data), valid.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn tells_absent_from_empty() {
        let mut builder = BytesBuilder::new();
        let values = [Some(&b"a"[..]), None, Some(b""), Some(b"\x00\xff")];
        values.iter().for_each(|value| builder.push(*value));
        assert_eq!(builder.finish().as_binary::<i32>().iter().collect::<Vec<_>>(), values);
        assert_eq!(builder.finish().len(), 0);
    }
}
