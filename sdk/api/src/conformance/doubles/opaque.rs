//! The format of payloads that nobody looks into.

use crate::format::{Decoder, Format};
use crate::value::ValueWriter;

/// Bytes that mean nothing.
#[derive(Clone, Copy, Debug)]
pub struct Opaque;

// === impl Opaque ===

impl Format for Opaque {
    fn name(&self) -> &'static str {
        "opaque"
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Opaque)
    }
}

impl Decoder for Opaque {
    fn decode(&mut self, _: &[u8], _: &mut ValueWriter<'_>) -> Result<(), String> {
        Err("opaque".into())
    }
}
