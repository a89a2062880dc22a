//! Objects packed and unpacked piece by piece, with bounded memory.

use std::io::{self, Write};

use flate2::write::{GzEncoder, MultiGzDecoder};
use schemars::JsonSchema;
use serde::Deserialize;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// So much is unpacked at a time. Gzip makes at most 1032 bytes of one: what it makes of this much is bearable.
const PIECE_BYTES: usize = 8 << 10;

/// How objects are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// As they are.
    None,
    /// Gzip; several members one after the other are read, too.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
}

/// What comes packed out of an object.
pub(crate) enum Unpacker {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: Decoder<'static>,
        /// What the frame at hand still wants; nothing between two.
        wants: usize,
    },
}

/// What goes packed into an object.
pub(crate) enum Packer {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

// === impl Compression ===

impl Compression {
    /// By the end of a name.
    pub(crate) fn of_name(name: &str) -> Compression {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("gz" | "gzip") => Compression::Gzip,
            Some("zst" | "zstd") => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// What a name ends with.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// What a packer takes beside what came out of it, as libraries have it at the levels used here.
    pub(crate) fn packer_bytes(self) -> usize {
        match self {
            Compression::None => 0,
            Compression::Gzip => 448 << 10,
            Compression::Zstd => 4 << 20,
        }
    }
}

// === impl Unpacker ===

impl Unpacker {
    pub(crate) fn new(compression: Compression) -> io::Result<Unpacker> {
        Ok(match compression {
            Compression::None => Unpacker::Plain,
            Compression::Gzip => Unpacker::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Compression::Zstd => Unpacker::Zstd { decoder: Decoder::new()?, wants: 0 },
        })
    }

    /// Unpacks the next of what is packed, or a piece of it; answers how much was taken. `out` is appended to.
    pub(crate) fn unpack(&mut self, packed: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let piece = &packed[..packed.len().min(PIECE_BYTES)];
        match self {
            Unpacker::Plain => {
                out.extend_from_slice(packed);
                Ok(packed.len())
            }
            Unpacker::Gzip(decoder) => {
                decoder.write_all(piece)?;
                out.append(decoder.get_mut());
                Ok(piece.len())
            }
            Unpacker::Zstd { decoder, wants } => {
                let mut input = InBuffer::around(piece);
                let from = out.len();
                out.resize(from + PIECE_BYTES * 16, 0);
                let mut output = OutBuffer::around_pos(out.as_mut_slice(), from);
                *wants = decoder.run(&mut input, &mut output)?;
                let (taken, filled) = (input.pos(), output.pos());
                out.truncate(filled);
                Ok(taken)
            }
        }
    }

    /// All was unpacked: is it whole?
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Unpacker::Plain => Ok(()),
            Unpacker::Gzip(decoder) => {
                decoder.try_finish()?;
                out.append(decoder.get_mut());
                Ok(())
            }
            Unpacker::Zstd { .. } => {
                // What fitted into no buffer yet comes without further input.
                while self.unpack_rest(out)? {}
                match self {
                    Unpacker::Zstd { wants: 1.., .. } => Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => Ok(()),
                }
            }
        }
    }

    fn unpack_rest(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let before = out.len();
        let in_frame = matches!(self, Unpacker::Zstd { wants: 1.., .. });
        if in_frame {
            self.unpack(&[], out)?;
        }
        Ok(out.len() > before)
    }
}

// === impl Packer ===

impl Packer {
    pub(crate) fn new(compression: Compression) -> io::Result<Packer> {
        Ok(match compression {
            Compression::None => Packer::Plain(Vec::new()),
            Compression::Gzip => Packer::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            Compression::Zstd => Packer::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 0)?),
        })
    }

    pub(crate) fn pack(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Packer::Plain(out) => out.write_all(bytes),
            Packer::Gzip(encoder) => encoder.write_all(bytes),
            Packer::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// What came out so far.
    pub(crate) fn packed(&self) -> &Vec<u8> {
        match self {
            Packer::Plain(out) => out,
            Packer::Gzip(encoder) => encoder.get_ref(),
            Packer::Zstd(encoder) => encoder.get_ref(),
        }
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Packer::Plain(out) => Ok(out),
            Packer::Gzip(encoder) => encoder.finish(),
            Packer::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        let mut packer = Packer::new(compression).expect("a packer");
        packer.pack(text).expect("packed");
        packer.finish().expect("packed")
    }

    fn unpacked(compression: Compression, packed: &[u8]) -> io::Result<Vec<u8>> {
        let (mut unpacker, mut out) = (Unpacker::new(compression)?, Vec::new());
        for block in packed.chunks(100) {
            let mut at = 0;
            while at < block.len() {
                at += unpacker.unpack(&block[at..], &mut out)?;
            }
        }
        unpacker.finish(&mut out).map(|()| out)
    }

    #[test]
    fn what_is_packed_comes_out_again_also_in_several_parts() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|number| (number / 7).to_be_bytes()).collect();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let once = packed(compression, &text);
            let twice = [once.clone(), once].concat();
            assert!(
                unpacked(compression, &twice).expect("whole") == [text.clone(), text.clone()].concat(),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn what_is_cut_off_is_noticed() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let whole = packed(compression, &[7; 100_000]);
            assert!(unpacked(compression, &whole[..whole.len() - 6]).is_err(), "{compression:?}");
            assert!(unpacked(compression, b"this is plain text, and no more").is_err(), "{compression:?}");
        }
    }

    #[test]
    fn a_packer_takes_no_more_than_is_said() {
        let (mut context, mut out) = (zstd::zstd_safe::CCtx::create(), vec![0; 1 << 20]);
        let (mut input, mut output) = (InBuffer::around(&[7; 1 << 20]), OutBuffer::around(out.as_mut_slice()));
        let goes_on = zstd::zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_continue;
        context.compress_stream2(&mut output, &mut input, goes_on).expect("packed");
        // Its writer has a buffer of its own.
        assert!(context.sizeof() + (32 << 10) <= Compression::Zstd.packer_bytes(), "{} bytes", context.sizeof());
    }

    #[test]
    fn the_end_of_a_name_tells() {
        assert_eq!(Compression::of_name("a/b.ndjson.gz"), Compression::Gzip);
        assert_eq!(Compression::of_name("a.gz/b.ndjson"), Compression::None);
        assert_eq!(Compression::of_name("b.zst"), Compression::Zstd);
    }
}
