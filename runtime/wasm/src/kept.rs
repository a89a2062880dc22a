//! What outlives a transform: the engine keeps it, and gives it to the one that goes on in its place.

/// What is kept of a plugin: its state with the version of who wrote it, 0 for none, and its values by key. The plugin's own
/// name is in it: another that comes to stand in this place has nothing to do with them.
pub(crate) struct Kept<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: u32,
    pub(crate) state: &'a [u8],
    pub(crate) keyed: &'a [u8],
}

// === impl Kept ===

impl Kept<'_> {
    pub(crate) fn pack(&self) -> Vec<u8> {
        let head = format!("{} {} {}\n", self.name, self.version, self.state.len());
        [head.as_bytes(), self.state, self.keyed].concat()
    }

    pub(crate) fn unpack(kept: &[u8]) -> Option<Kept<'_>> {
        let end = kept.iter().position(|byte| *byte == b'\n')?;
        let mut words = std::str::from_utf8(&kept[..end]).ok()?.rsplitn(3, ' ');
        let (bytes, version, name) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
        let (state, keyed) = kept[end + 1..].split_at_checked(bytes)?;
        Some(Kept { name, version, state, keyed })
    }
}
