//! How the bytes of a payload are understood.

use std::fmt::Debug;

use crate::value::ValueWriter;

/// A payload format such as JSON. Chosen by the source's `format` key; shared by all tasks.
pub trait Format: Debug + Send + Sync {
    /// The name that configurations use.
    fn name(&self) -> &'static str;

    /// A decoder for the payloads of one batch: it may keep buffers from one to the next.
    fn decoder(&self) -> Box<dyn Decoder>;
}

/// Decodes payload after payload.
pub trait Decoder {
    /// Writes exactly one value, or says why the payload is none; what was written in vain is taken back by the caller.
    /// The reason is lowercase, names the place in the payload, and quotes at most a few bytes of it.
    fn decode(&mut self, payload: &[u8], value: &mut ValueWriter<'_>) -> Result<(), String>;
}
