//! Values by key that outlive the instances of a transform, and take no more than they are granted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Bytes = Vec<u8>;

/// What an entry costs beside the bytes of its key and value.
const ENTRY_BYTES: usize = 64;

/// The values of a step, shared by the instances that come one after the other.
#[derive(Clone)]
pub(crate) struct Keyed(Arc<Mutex<Values>>);

#[derive(Clone, Default)]
struct Values {
    entries: BTreeMap<Bytes, Bytes>,
    bytes: usize,
    bytes_max: usize,
    /// What those keys had that the attempt at hand changed.
    before: BTreeMap<Bytes, Option<Bytes>>,
    before_bytes: usize,
}

/// The values as they were at a time.
pub(crate) struct Copy(Values);

// === impl Keyed ===

impl Keyed {
    /// None yet.
    pub(crate) fn new(bytes_max: usize) -> Keyed {
        Keyed(Arc::new(Mutex::new(Values { bytes_max, ..Values::default() })))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.values().entries.get(key).cloned()
    }

    /// Whether there was room for it; else nothing has changed.
    pub(crate) fn set(&self, key: Bytes, value: Bytes) -> bool {
        self.values().put(key, Some(value))
    }

    pub(crate) fn remove(&self, key: Bytes) {
        self.values().put(key, None);
    }

    /// An attempt has ended: what it changed is kept, or is as it was before.
    pub(crate) fn settle(&self, is_kept: bool) {
        self.values().settle(is_kept);
    }

    pub(crate) fn copy(&self) -> Copy {
        Copy(self.values().clone())
    }

    pub(crate) fn go_back_to(&self, copy: Copy) {
        *self.values() = copy.0;
    }

    /// All of them, to be [read](Keyed::read) again, without what an attempt changed that has not ended.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let values = self.values();
        if values.before.is_empty() {
            return values.to_bytes();
        }
        let mut settled = values.clone();
        drop(values);
        settled.settle(false);
        settled.to_bytes()
    }

    /// Goes on with what another was left with, also where it would not be granted so much.
    pub(crate) fn read(&self, mut bytes: &[u8]) {
        let mut values = self.values();
        while let Some((key, rest)) = part(bytes)
            && let Some((value, rest)) = part(rest)
        {
            values.replace(key.to_vec(), Some(value.to_vec()));
            bytes = rest;
        }
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Values ===

impl Values {
    fn settle(&mut self, is_kept: bool) {
        let before = std::mem::take(&mut self.before);
        self.before_bytes = 0;
        if !is_kept {
            before.into_iter().for_each(|(key, value)| self.replace(key, value));
        }
    }

    fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.bytes);
        for part in self.entries.iter().flat_map(|(key, value)| [key, value]) {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        bytes
    }

    fn put(&mut self, key: Bytes, value: Option<Bytes>) -> bool {
        let old = self.entries.get(&key);
        let (old_size, new_size) = (size(&key, old), size(&key, value.as_ref()));
        let is_changed_first = !self.before.contains_key(&key);
        // Keys that come and go within one batch would take memory without an end.
        let is_full = self.bytes - old_size + new_size > self.bytes_max || self.before_bytes > 2 * self.bytes_max;
        if new_size > old_size && is_full {
            return false;
        }
        if is_changed_first && (old_size > 0 || new_size > 0) {
            self.before_bytes += ENTRY_BYTES + key.len() + old_size;
            self.before.insert(key.clone(), old.cloned());
        }
        self.replace(key, value);
        true
    }

    fn replace(&mut self, key: Bytes, value: Option<Bytes>) {
        self.bytes += size(&key, value.as_ref());
        self.bytes -= size(&key, self.entries.get(&key));
        match value {
            Some(value) => drop(self.entries.insert(key, value)),
            None => drop(self.entries.remove(&key)),
        }
    }
}

fn size(key: &[u8], value: Option<&Bytes>) -> usize {
    value.map_or(0, |value| ENTRY_BYTES + key.len() + value.len())
}

/// The part that these bytes begin with, and what is behind it.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(entries: &[(&str, &str)]) -> Keyed {
        let keyed = Keyed::new(1000);
        entries.iter().for_each(|(key, value)| assert!(keyed.set(key.as_bytes().into(), value.as_bytes().into())));
        keyed.settle(true);
        keyed
    }

    fn check(keyed: &Keyed, expected: &[(&str, &str)]) {
        let text = |bytes: &Bytes| String::from_utf8(bytes.clone()).expect("text");
        let values = keyed.values();
        let found: Vec<_> = values.entries.iter().map(|(key, value)| (text(key), text(value))).collect();
        let expected: Vec<_> = expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, expected);
        assert_eq!(values.bytes, values.entries.iter().map(|(key, value)| size(key, Some(value))).sum::<usize>());
    }

    #[test]
    fn what_an_attempt_changed_is_taken_back_when_it_fails() {
        let keyed = keyed(&[("a", "1"), ("b", "2")]);
        assert!(keyed.set(b"a".into(), b"other".into()) && keyed.set(b"a".into(), b"once more".into()));
        assert!(keyed.set(b"c".into(), b"new".into()));
        keyed.remove(b"b".into());
        check(&keyed, &[("a", "once more"), ("c", "new")]);
        keyed.settle(false);
        check(&keyed, &[("a", "1"), ("b", "2")]);
        keyed.remove(b"a".into());
        keyed.settle(true);
        keyed.settle(false);
        check(&keyed, &[("b", "2")]);
    }

    #[test]
    fn what_there_is_no_room_for_changes_nothing() {
        let keyed = keyed(&[("a", "1")]);
        assert!(!keyed.set(b"b".into(), vec![0; 1000]));
        check(&keyed, &[("a", "1")]);
        assert!(keyed.set(b"a".into(), vec![b'x'; 900]) && !keyed.set(b"b".into(), b"2".into()));
        assert!(keyed.set(b"a".into(), b"1".into()) && keyed.set(b"b".into(), b"2".into()));
    }

    #[test]
    fn keys_that_come_and_go_within_a_batch_take_no_memory_without_an_end() {
        let keyed = Keyed::new(1000);
        let taken = (0..1000u32).take_while(|number| {
            let is_taken = keyed.set(number.to_le_bytes().into(), b"x".into());
            keyed.remove(number.to_le_bytes().into());
            is_taken
        });
        assert!((10..100).contains(&taken.count()));
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_is_cut_off_is_left_out() {
        let kept = keyed(&[("a", "1"), ("b", "")]).to_bytes();
        let other = Keyed::new(0);
        other.read(&kept);
        check(&other, &[("a", "1"), ("b", "")]);
        let other = Keyed::new(0);
        other.read(&kept[..kept.len() - 1]);
        check(&other, &[("a", "1")]);
    }
}
