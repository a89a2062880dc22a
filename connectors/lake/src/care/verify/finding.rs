//! What a check finds.

use serde::Serialize;

/// More findings than anyone reads are only counted.
const FINDINGS_MAX: usize = 500;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something is missing or damaged.
    Damage,
    /// Worth knowing, and no harm.
    Note,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// A file below the table's folder, or a partition.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// All that was found, bounded.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    more: usize,
}

impl Finding {
    pub(crate) fn damage(place: impl Into<String>, what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { level: Level::Damage, place: place.into(), what: what.into(), advice: advice.into() }
    }

    pub(crate) fn note(place: impl Into<String>, what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { level: Level::Note, ..Finding::damage(place, what, advice) }
    }
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        match self.list.len() < FINDINGS_MAX {
            true => self.list.push(finding),
            false => self.more += 1,
        }
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The worst first, and how many there are besides.
    pub(crate) fn into_parts(mut self) -> (Vec<Finding>, usize) {
        self.list.sort_by_key(|finding| finding.level);
        (self.list, self.more)
    }
}
