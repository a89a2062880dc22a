//! Records of one key and one partition that wait to be put.

use std::io;

use bytes::Bytes;

use crate::s3::{Compression, Packer, Unpacker};

/// What a group takes at least: its key, its place among the others, the beginnings of its buffers.
const GROUP_BYTES: usize = 1 << 10;

/// They become one object, or none where others have put them already.
#[derive(Default)]
pub(super) struct Group {
    /// The first lines as they are. A packer takes a multiple of a few lines, and there can be as many groups as records.
    lines: Vec<u8>,
    /// All lines, once they take as much as it does.
    packer: Option<Packer>,
    /// Where each line came from, in order.
    positions: Vec<i64>,
    /// What is being put.
    object: Option<Object>,
    /// Up to here others have put them; what comes below is in the bucket.
    through: Option<i64>,
}

/// An object to put.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) first: i64,
    pub(super) last: i64,
    /// No other object has it. None where the first record tells which object it is.
    pub(super) id: Option<u64>,
    pub(super) bytes: Bytes,
}

// === impl Group ===

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Whether it is of use without any record.
    pub(super) fn is_remembered(&self) -> bool {
        self.through.is_some()
    }

    /// Takes a line, unless it is known to be in the bucket.
    pub(super) fn push(&mut self, position: i64, line: &[u8], compression: Compression) -> io::Result<()> {
        if self.through.is_some_and(|through| position <= through) {
            return Ok(());
        }
        self.through = None;
        if self.packer.is_none() && self.lines.len() + line.len() >= compression.packer_bytes() {
            let mut packer = Packer::new(compression)?;
            packer.pack(&self.lines)?;
            (self.packer, self.lines) = (Some(packer), Vec::new());
        }
        match &mut self.packer {
            Some(packer) => packer.pack(line)?,
            None => self.lines.extend_from_slice(line),
        }
        self.positions.push(position);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn has_packer(&self) -> bool {
        self.packer.is_some()
    }

    /// What it takes in memory.
    pub(super) fn held_bytes(&self, compression: Compression) -> usize {
        if self.is_empty() {
            return 0;
        }
        let packer = self.packer.as_ref().map_or(0, |packer| compression.packer_bytes() + packer.packed().capacity());
        GROUP_BYTES + self.lines.capacity() + packer + self.positions.capacity() * size_of::<i64>()
    }

    /// How large its object is so far.
    pub(super) fn packed_bytes(&self) -> usize {
        self.packer.as_ref().map_or(0, |packer| packer.packed().len())
    }

    /// The object of all lines; none without any. It stays the same, `id` too, until it is stored.
    pub(super) fn object(&mut self, compression: Compression, id: Option<u64>) -> io::Result<Option<&Object>> {
        let (Some(first), Some(last)) = (self.positions.first(), self.positions.last()) else { return Ok(None) };
        if self.object.is_none() {
            let mut packer = self.packer.take().map_or_else(|| Packer::new(compression), Ok)?;
            packer.pack(&std::mem::take(&mut self.lines))?;
            self.object = Some(Object { first: *first, last: *last, id, bytes: packer.finish()?.into() });
        }
        Ok(self.object.as_ref())
    }

    /// The object is in the bucket.
    pub(super) fn stored(&mut self) {
        (self.object, self.positions) = (None, Vec::new());
    }

    /// An object of that name was in the bucket, which ends with the record at `last`: what lies behind is left.
    pub(super) fn stored_through(&mut self, last: i64, compression: Compression) -> io::Result<()> {
        let object = self.object.take().expect("an object was put");
        let known = self.positions.partition_point(|position| *position <= last);
        if known == self.positions.len() {
            self.through = Some(last).filter(|through| *through > object.last);
            self.positions.clear();
            return Ok(());
        }
        self.lines = unpack(&object.bytes, compression)?;
        let known_bytes: usize = self.lines.split_inclusive(|byte| *byte == b'\n').take(known).map(<[u8]>::len).sum();
        self.lines.drain(..known_bytes);
        self.positions.drain(..known);
        Ok(())
    }
}

fn unpack(packed: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let (mut unpacker, mut lines, mut at) = (Unpacker::new(compression)?, Vec::new(), 0);
    while at < packed.len() {
        at += unpacker.unpack(&packed[at..], &mut lines)?;
    }
    unpacker.finish(&mut lines)?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(positions: std::ops::Range<i64>) -> Group {
        let mut group = Group::default();
        for position in positions {
            group.push(position, format!("{position}\n").as_bytes(), Compression::Gzip).expect("packed");
        }
        group
    }

    fn check(group: &mut Group, expected: Option<(i64, i64, &str)>) {
        let object = group.object(Compression::Gzip, None).expect("packed").cloned();
        let text = object.as_ref().map(|object| unpack(&object.bytes, Compression::Gzip).expect("whole"));
        let found =
            object.zip(text).map(|(object, text)| (object.first, object.last, String::from_utf8(text).expect("text")));
        assert_eq!(found.as_ref().map(|(first, last, text)| (*first, *last, text.as_str())), expected);
    }

    #[test]
    fn goes_on_behind_what_another_has_put() {
        let mut group = filled(5..9);
        check(&mut group, Some((5, 8, "5\n6\n7\n8\n")));
        group.stored_through(6, Compression::Gzip).expect("packed");
        check(&mut group, Some((7, 8, "7\n8\n")));
        group.stored();
        check(&mut group, None);
    }

    #[test]
    fn a_few_lines_need_no_packer_and_many_are_packed_as_they_come() {
        let line = [b'x'; 1 << 10];
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let (mut group, mut written) = (Group::default(), Vec::new());
            while written.len() < compression.packer_bytes() + (2 << 20) {
                assert!(group.packer.is_none() || written.len() + line.len() >= compression.packer_bytes());
                group.push(0, &line, compression).expect("packed");
                written.extend_from_slice(&line);
                assert!(group.held_bytes(compression) > written.len().min(compression.packer_bytes()));
            }
            assert!(group.lines.is_empty() && group.packed_bytes() > 0, "{compression:?}");
            let object = group.object(compression, None).expect("packed").expect("an object");
            assert!(unpack(&object.bytes, compression).expect("whole") == written, "{compression:?}");
        }
    }

    #[test]
    fn what_another_has_put_further_on_is_left_out_later() {
        let mut group = filled(5..7);
        check(&mut group, Some((5, 6, "5\n6\n")));
        group.stored_through(8, Compression::Gzip).expect("packed");
        check(&mut group, None);
        assert!(group.is_remembered());
        for position in 7..10 {
            group.push(position, format!("{position}\n").as_bytes(), Compression::Gzip).expect("packed");
        }
        check(&mut group, Some((9, 9, "9\n")));
    }
}
