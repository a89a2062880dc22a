//! All files that lines wait for, a bounded number of them open.

use std::collections::HashMap;

use catchwater_sdk::Result;

use super::appender::Appender;

/// Open at the same time. Processes usually may have 1024.
const OPEN_MAX: usize = 128;

/// Files by path: those that are open, and those that lines wait for.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: HashMap<String, Used>,
    /// Counts uses, to know which file was used least recently.
    uses: u64,
}

#[derive(Debug)]
struct Used {
    appender: Appender,
    last: u64,
}

// === impl Files ===

impl Files {
    /// How many bytes wait in memory.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.files.values().map(|used| used.appender.waiting_bytes()).sum()
    }

    /// The lines that wait for that path; to be appended to.
    pub(super) fn waiting(&mut self, path: &str) -> &mut Vec<u8> {
        self.used(path).waiting()
    }

    /// Opens the file, or makes it.
    pub(super) fn open(&mut self, path: &str) -> Result<()> {
        self.used(path).open()
    }

    /// Writes all that waits.
    pub(super) fn flush(&mut self) -> Result<()> {
        let waits = |(path, used): (&String, &Used)| (used.appender.waiting_bytes() > 0).then(|| path.clone());
        let waiting: Vec<_> = self.files.iter().filter_map(waits).collect();
        for path in waiting {
            self.make_room()?;
            self.used(&path).flush()?;
        }
        self.files.retain(|_, used| used.appender.is_open());
        Ok(())
    }

    /// Writes all that waits and makes it survive a crash of the machine.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.files.values_mut().try_for_each(|used| used.appender.sync())
    }

    fn used(&mut self, path: &str) -> &mut Appender {
        self.uses += 1;
        if !self.files.contains_key(path) {
            self.files.insert(path.to_owned(), Used { appender: Appender::new(path), last: 0 });
        }
        let used = self.files.get_mut(path).expect("it is there now");
        used.last = self.uses;
        &mut used.appender
    }

    /// Closes the open file that was used least recently. It is synced first: the next barrier does not see it.
    fn make_room(&mut self) -> Result<()> {
        let mut open: Vec<_> = self.files.values_mut().filter(|used| used.appender.is_open()).collect();
        if open.len() < OPEN_MAX {
            return Ok(());
        }
        let oldest = open.iter_mut().min_by_key(|used| used.last).expect("there are some if there are too many");
        oldest.appender.sync()?;
        oldest.appender.close();
        Ok(())
    }
}
