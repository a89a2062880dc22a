//! One file, read ahead by a block while the lines of the block before are taken.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use catchwater_sdk::config::Size;
use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Batch, BatchBuilder, Error, Field, Limit, Partition, Result, ResultExt};
use tokio::task::JoinHandle;

use super::identity::Identity;
use super::look::Found;
use crate::sources::lines::Lines;

const BLOCK_BYTES: usize = 1 << 20;

/// A file that is read, and how far.
pub(super) struct Reader {
    pub(super) partition: Arc<Partition>,
    pub(super) identity: Identity,
    /// How often it began again with the same first line.
    pub(super) life: u32,
    pub(super) stage: Stage,
    /// The file was truncated: what is in it now is another life's.
    pub(super) is_cut: bool,
    /// As long as it was when it was looked at last.
    pub(super) len: u64,
    /// Everything before is stored.
    pub(super) committed: u64,
    path: PathBuf,
    /// The name that records carry, where the pattern does not say it.
    named: bool,
    line_max: Size,
    lines: Lines,
    file: Option<Arc<File>>,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    spare: Vec<u8>,
    /// The block at hand was the last when it was read.
    short: bool,
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Found; nobody was told yet.
    New,
    /// Assigned; nobody said where to start.
    Assigned,
    /// There may be more to read.
    Reading,
    /// All is read for now.
    AtEnd,
    /// It is nowhere any more since then; who had it open may still write to it.
    Leaving(Instant),
    /// Nothing will ever follow but what is in the block.
    Last,
    /// All is read for ever.
    Done,
    /// All is read for ever, and the engine was told to let go.
    Released,
}

impl Reader {
    pub(super) fn new(found: Found, stream: &Arc<str>, life: u32, named: bool, line_max: Size) -> Reader {
        let incarnation = found.identity.incarnation(life).into();
        let partition = Partition { source: "file".into(), stream: Arc::clone(stream), incarnation, number: 0 };
        Reader {
            partition: Arc::new(partition),
            identity: found.identity,
            life,
            stage: Stage::New,
            is_cut: false,
            len: found.len,
            committed: 0,
            path: found.path,
            named,
            line_max,
            lines: Lines::new(line_max, 0),
            file: found.file,
            reading: None,
            spare: Vec::new(),
            short: false,
        }
    }

    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// To be read from its beginning, unless the engine knows better.
    pub(super) fn assignment(&self) -> Assignment {
        let name = self.named.then(|| self.path.to_string_lossy().into());
        Assignment { partition: Arc::clone(&self.partition), at: 0, committed: false, name }
    }

    /// The file to find it under another life.
    pub(super) fn found_again(&self) -> Found {
        Found { path: self.path.clone(), identity: self.identity, len: self.len, file: self.file.clone() }
    }

    /// Reading goes on at this byte, forward or back.
    pub(super) fn seek(&mut self, at: u64) {
        self.lines = Lines::new(self.line_max, at);
        self.reading = None;
        self.committed = at;
        match self.stage {
            _ if self.is_cut => self.stage = Stage::Done,
            Stage::Leaving(_) => {}
            _ => self.read_on(),
        }
    }

    /// There may be more in the file.
    pub(super) fn read_on(&mut self) {
        (self.stage, self.short) = (Stage::Reading, false);
    }

    /// Whether the file's end was seen. What a followed file has behind it is read after the next look, which tells
    /// whether the file was truncated meanwhile and has another life's lines there.
    pub(super) fn saw_end(&self) -> bool {
        self.stage == Stage::Reading && self.short
    }

    /// How far it is read: where the line begins that is not yet taken.
    pub(super) fn read_to(&self) -> u64 {
        self.lines.start()
    }

    /// Whether the file is shorter than what was read of it.
    pub(super) fn is_cut(&self, len: u64) -> bool {
        len < self.lines.fed_to()
    }

    /// Whether there is more in the file than was read of it.
    pub(super) fn has_more(&self) -> bool {
        self.len > self.lines.fed_to()
    }

    /// The lines of the block at hand, as many as may be in a batch.
    pub(super) fn take(&mut self, limit: Limit) -> Option<Batch> {
        self.batch(limit, Lines::push_all)
    }

    /// What follows the last newline of a file that has ended.
    pub(super) fn take_last(&mut self, limit: Limit) -> Option<Batch> {
        self.batch(limit, Lines::push_last)
    }

    fn batch(
        &mut self,
        limit: Limit,
        push: impl FnOnce(&mut Lines, &mut BatchBuilder, u32, &str, &[Field<'_>]),
    ) -> Option<Batch> {
        let mut batch = BatchBuilder::new(limit);
        let origin = batch.origin(&self.partition);
        let name = self.path.to_string_lossy();
        let properties = [Field::text("path", &name)];
        let properties = if self.named { &properties[..] } else { &[] };
        push(&mut self.lines, &mut batch, origin, &name, properties);
        (!batch.is_empty()).then(|| batch.finish())
    }

    /// Waits for the next block, and has the one after it read meanwhile. `false` at the end of the file.
    /// Cancel safe: a read that was begun is awaited by the next call.
    pub(super) async fn fill(&mut self) -> Result<bool> {
        if self.reading.is_none() {
            self.read_ahead(self.lines.fed_to())?;
        }
        let read = self.reading.as_mut().expect("it was just begun").await;
        self.reading = None;
        let block = read.or_bug(|| format!("read {}", self.path()))?;
        let block = block.or_unavailable(|| format!("read {}", self.path()))?;
        if block.is_empty() {
            self.spare = block;
            return Ok(false);
        }
        self.short = block.len() < BLOCK_BYTES;
        self.spare = self.lines.feed(block);
        if !self.short {
            self.read_ahead(self.lines.fed_to())?;
        }
        Ok(true)
    }

    fn read_ahead(&mut self, at: u64) -> Result<()> {
        let file = self.opened()?;
        let mut block = std::mem::take(&mut self.spare);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            block.resize(BLOCK_BYTES, 0);
            let len = read_at(&file, &mut block, at)?;
            block.truncate(len);
            Ok(block)
        }));
        Ok(())
    }

    /// A file that does not grow is opened when its turn comes: it must still be the one that was found.
    fn opened(&mut self) -> Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let open = || {
            let file = File::open(&self.path)?;
            let identity = Identity::of(&file, &file.metadata()?, true)?;
            Ok::<_, io::Error>((file, identity))
        };
        let (file, identity) = open().or_refused(|| format!("open {}", self.path()))?;
        if identity != Some(self.identity) {
            return Err(Error::refused(format!(
                "{} is another file than at the start; run the pipeline again to read it",
                self.path()
            )));
        }
        Ok(Arc::clone(self.file.insert(Arc::new(file))))
    }

    /// Lets go of what only reading needs; it is opened again if it is to be read again.
    pub(super) fn rest(&mut self, keep_open: bool) {
        self.spare = Vec::new();
        if !keep_open {
            self.file = None;
        }
    }
}

fn read_at(file: &File, block: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(block, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
