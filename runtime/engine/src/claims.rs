//! Two components that claim what bears one alone.

use std::collections::HashMap;

use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::config::Mistake;

use crate::spec::{Component, Located};

/// What was claimed so far, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Claimed(HashMap<(Option<String>, String), String>);

impl Claimed {
    /// Notes what a component of `pipeline` claims; a mistake for each claim that came too late.
    pub(crate) fn note(&mut self, pipeline: &str, component: &Component, claims: &[Claim]) -> Vec<Located> {
        claims.iter().filter_map(|claim| self.note_one(pipeline, component, claim)).collect()
    }

    fn note_one(&mut self, pipeline: &str, component: &Component, claim: &Claim) -> Option<Located> {
        let Claim { what, within, key } = claim;
        let owner = (*within == Within::Pipeline).then(|| pipeline.to_owned());
        let here = format!("`{}` of pipeline `{pipeline}` at {}", component.name, component.place.describe());
        let first = self.0.get(&(owner.clone(), what.clone())).cloned();
        let Some(first) = first else {
            self.0.insert((owner, what.clone()), here);
            return None;
        };
        let mistake = Mistake::new(component.node.span_of(key), format!("{what} is taken by {first}"));
        let help = "each would take it from the other: leave one out, or give one another";
        Some(component.place.located(mistake.help(help).key(*key)))
    }
}
