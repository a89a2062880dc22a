//! What a plugin wants beyond log and counters.

use crate::journal::plain;

/// What a pipeline may grant. A plugin without any of them is a function of its configuration and its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) clock: bool,
    pub(crate) random: bool,
    pub(crate) egress: bool,
    pub(crate) state: bool,
}

const NOTHING: Wants = Wants { clock: false, random: false, egress: false, state: false };

/// Each want and what is imported for it.
const WANTS: [(&str, &str, Wants); 4] = [
    ("clock", "catchwater:plugin/clock@0.1.0", Wants { clock: true, ..NOTHING }),
    ("random", "catchwater:plugin/random@0.1.0", Wants { random: true, ..NOTHING }),
    ("state", "catchwater:plugin/state@0.1.0", Wants { state: true, ..NOTHING }),
    ("egress", "catchwater:plugin/egress@0.1.0", Wants { egress: true, ..NOTHING }),
];

// === impl Wants ===

impl Wants {
    /// What a plugin says that it wants. What it imports it must say as well, so that `plugin inspect` tells all.
    pub(crate) fn read(said: &[String], imports: &[String]) -> Result<Wants, String> {
        let mut wants = Wants::default();
        for want in said {
            match WANTS.iter().find(|(name, _, _)| name == want) {
                Some((_, _, known)) => wants = wants.and(*known),
                None => return Err(format!("wants `{}`, which this Catchwater does not have", plain(want))),
            }
        }
        let hidden = imports.iter().filter_map(|import| Wants::of_import(import));
        match hidden.into_iter().find(|name| !said.iter().any(|want| want == name)) {
            Some(name) => Err(format!("imports `{name}` and does not say that it wants it")),
            None => Ok(wants),
        }
    }

    /// The name of the want that this import stands for.
    pub(crate) fn of_import(import: &str) -> Option<&'static str> {
        WANTS.iter().find(|(_, known, _)| *known == import).map(|(name, _, _)| *name)
    }

    /// What there is to be wanted, as imports.
    pub(crate) fn imports() -> [&'static str; 4] {
        WANTS.map(|(_, import, _)| import)
    }

    /// The first of these that `granted` lacks.
    pub(crate) fn beyond(self, granted: Wants) -> Option<&'static str> {
        let lacks = |known: Wants| {
            self.clock && known.clock && !granted.clock
                || self.random && known.random && !granted.random
                || self.egress && known.egress && !granted.egress
                || self.state && known.state && !granted.state
        };
        WANTS.iter().find(|(_, _, known)| lacks(*known)).map(|(name, _, _)| *name)
    }

    fn and(self, other: Wants) -> Wants {
        Wants {
            clock: self.clock || other.clock,
            random: self.random || other.random,
            egress: self.egress || other.egress,
            state: self.state || other.state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &[&str], imports: &[&str]) -> Result<Wants, String> {
        let texts = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
        Wants::read(&texts(said), &texts(imports))
    }

    #[test]
    fn what_is_imported_must_be_wanted() {
        let clock = "catchwater:plugin/clock@0.1.0";
        assert!(read(&["clock"], &[clock]).expect("it says so").clock);
        assert_eq!(read(&[], &[clock]), Err("imports `clock` and does not say that it wants it".into()));
        assert_eq!(read(&["files"], &[]), Err("wants `files`, which this Catchwater does not have".into()));
    }

    #[test]
    fn what_is_not_granted_is_named() {
        let wants = read(&["clock", "egress"], &[]).expect("they are known");
        assert_eq!(wants.beyond(Wants::default()), Some("clock"));
        assert_eq!(wants.beyond(Wants { clock: true, ..Wants::default() }), Some("egress"));
        assert_eq!(wants.beyond(wants), None);
    }
}
