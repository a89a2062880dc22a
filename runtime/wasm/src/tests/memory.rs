//! What stands in the memory of a plugin before its first call: answers, as the canonical ABI lays them out.

/// Where the answer of `process` stands; what it points to follows.
pub(super) const ANSWER: u32 = 4096;
/// An answer's own bytes: a result of an outcome, which is an edit and rejections.
const ANSWER_BYTES: usize = 252;
const EDIT: usize = 4;
const READING: usize = 4;
/// Where the places of a reading stand.
pub(super) const PLACES: u32 = 4352;
const REJECTED: usize = 244;

/// An answer under construction.
pub(super) struct Memory {
    bytes: Vec<u8>,
    state_version: u32,
    issues: Vec<(&'static str, &'static str)>,
    /// So many bytes each of them is claimed to have.
    issue_bytes: Option<u32>,
    opens: bool,
    wants: Vec<&'static str>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            bytes: vec![0; ANSWER_BYTES],
            state_version: 0,
            issues: Vec::new(),
            issue_bytes: None,
            opens: true,
            wants: Vec::new(),
        }
    }
}

impl Memory {
    /// Some go on, the others are dropped.
    pub(super) fn keep(bitmap: &[u8]) -> Memory {
        let mut memory = Memory::default();
        memory.bytes[EDIT] = 1;
        memory.list(EDIT + 4, bitmap, bitmap.len());
        memory
    }

    /// New payloads out of these inputs.
    pub(super) fn replace(inputs: &[u32], offsets: &[u32], data: &[u8], kept: &[u8], dropped: &[u8]) -> Memory {
        let mut memory = Memory::default();
        memory.bytes[EDIT] = 2;
        memory.words(EDIT + 4, inputs);
        memory.bytes[EDIT + 12] = 1; // there is a payload column
        memory.words(EDIT + 16, offsets);
        memory.list(EDIT + 24, data, data.len());
        memory.list(EDIT + 224, kept, kept.len());
        memory.list(EDIT + 232, dropped, dropped.len());
        memory
    }

    /// So many records that are all as the first one, and the others are dropped.
    pub(super) fn copies(count: usize, dropped: &[u8]) -> Memory {
        let mut memory = Memory::default();
        memory.bytes[EDIT] = 2;
        memory.words(EDIT + 4, &vec![0; count]);
        memory.list(EDIT + 224, &vec![0; dropped.len()], dropped.len());
        memory.list(EDIT + 232, dropped, dropped.len());
        memory
    }

    pub(super) fn rejecting(mut self, rejected: &[(u32, &str)]) -> Memory {
        let mut entries = Vec::new();
        for (record, reason) in rejected {
            let at = self.put(reason.as_bytes());
            entries.extend([*record, at, reason.len() as u32].map(u32::to_le_bytes).concat());
        }
        self.list(REJECTED, &entries, rejected.len());
        self
    }

    /// The length of the bitmap or of the inputs is claimed to be this.
    pub(super) fn claiming(mut self, length: u32) -> Memory {
        self.word(EDIT + 8, length);
        self
    }

    /// It fails, with this kind of a failure.
    pub(super) fn failing(kind: u8, message: &str) -> Memory {
        let mut memory = Memory::default();
        memory.bytes[0] = 1;
        memory.bytes[EDIT] = kind;
        memory.list(EDIT + 4, message.as_bytes(), message.len());
        memory
    }

    pub(super) fn with_state(mut self) -> Memory {
        self.state_version = 1;
        self
    }

    /// It fails to open, with its own name for a reason.
    pub(super) fn refusing_to_open(mut self) -> Memory {
        self.opens = false;
        self
    }

    pub(super) fn complaining(mut self, key: &'static str, message: &'static str) -> Memory {
        self.issues.push((key, message));
        self
    }

    /// One complaint, of so many bytes.
    pub(super) fn complaining_at_length(self, bytes: u32) -> Memory {
        Memory { issue_bytes: Some(bytes), ..self.complaining("text", "") }
    }

    pub(super) fn wanting(mut self, want: &'static str) -> Memory {
        self.wants.push(want);
        self
    }

    /// What a source reads: records with these payloads at these places of partition 0, of which so many are claimed to be
    /// there. The places stand at [`PLACES`].
    pub(super) fn reading(payloads: &[&str], places: &[i64], count: u32) -> Memory {
        let mut memory = Memory::default();
        let rows = payloads.len();
        let bytes: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
        memory.list(READING + 204, &bytes, places.len());
        memory.word(READING, count);
        let data = payloads.concat();
        let ends = payloads.iter().scan(0, |end, payload| {
            *end += payload.len() as u32;
            Some(*end)
        });
        let offsets: Vec<u32> = [0].into_iter().chain(ends).collect();
        memory.words(READING + 4, &offsets);
        memory.list(READING + 12, data.as_bytes(), data.len());
        memory.words(READING + 28, &vec![0; rows + 1]);
        memory.list(READING + 180, &vec![0; rows * 8], rows);
        memory.list(READING + 188, &vec![0; rows], rows);
        memory.words(READING + 196, &vec![0; rows]);
        memory
    }

    /// What comes next after it: 0 at once, 1 after a while, 2 nothing.
    pub(super) fn then(mut self, next: u8) -> Memory {
        self.bytes[READING + 228] = next;
        self
    }

    /// A word of the reading is another one.
    pub(super) fn lying(mut self, at: usize, word: u32) -> Memory {
        self.word(READING + at, word);
        self
    }

    /// A sink rejects these.
    pub(super) fn refusing(record: u32, reason: &str) -> Memory {
        let mut memory = Memory::default();
        let at = memory.put(reason.as_bytes());
        let entry = [record, at, reason.len() as u32].map(u32::to_le_bytes).concat();
        memory.list(4, &entry, 1);
        memory
    }

    fn words(&mut self, at: usize, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.list(at, &bytes, words.len());
    }

    fn list(&mut self, at: usize, bytes: &[u8], length: usize) {
        let address = self.put(bytes);
        self.word(at, address);
        self.word(at + 4, length as u32);
    }

    fn word(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let address = ANSWER + self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        address
    }

    /// All of it as data segments.
    pub(super) fn data(&self) -> String {
        // describe: name, version, summary, schema, version of the state, wants, attributes
        let describe = [1200, 4, 1208, 5, 1200, 4, 1216, 2, self.state_version, 3584, self.wants.len() as u32, 0, 0];
        // snapshot: there is one, of four bytes
        let snapshot = [0, 1160, 4];
        let mut segments = segment(1024, &bytes(&describe)) + &segment(1136, &bytes(&snapshot));
        segments += &segment(1200, b"hand\0\0\0\x000.1.0\0\0\0{}");
        segments += &segment(ANSWER, &self.bytes);
        // open: went well, or failed because of the configuration
        segments += &segment(1104, &bytes(&if self.opens { [0, 0, 0, 0] } else { [1, 0, 1200, 4] }));
        let (mut entries, mut texts) = (Vec::new(), Vec::new());
        for (key, message) in &self.issues {
            for text in [key, message] {
                let claimed = self.issue_bytes.filter(|_| text == message).unwrap_or(text.len() as u32);
                entries.extend([2048 + texts.len() as u32, claimed]);
                texts.extend_from_slice(text.as_bytes());
            }
        }
        let wants: Vec<_> = (0..).zip(&self.wants).flat_map(|(i, want)| [3616 + 16 * i, want.len() as u32]).collect();
        segments += &segment(3584, &bytes(&wants));
        for (i, want) in (0..).zip(&self.wants) {
            segments += &segment(3616 + 16 * i, want.as_bytes());
        }
        // partitions: one, called as the plugin is, that begins at 0
        segments += &segment(3072, &bytes(&[0, 3088, 1]));
        segments += &segment(3088, &bytes(&[1200, 4, 1200, 4, 1200, 4, 0, 0, 0, 0]));
        segments += &segment(1088, &bytes(&[1792, self.issues.len() as u32]));
        segments + &segment(1792, &bytes(&entries)) + &segment(2048, &texts)
    }
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn segment(at: u32, bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {at}) \"{text}\")\n")
}
