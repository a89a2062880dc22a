//! Which instances of a component become one.

use std::collections::HashSet;

use wasmparser::Instance;

use super::survey::{Item, Module, Origin, Step, Survey, needs};

/// Who has more of them is left as it is: each is looked at several times.
const INSTANCES_MAX: usize = 500;
/// How often those that cannot be among them are looked for.
const ROUNDS_MAX: usize = 20;

/// Those that become one, and what others have of them.
pub(super) struct Members {
    /// By the instances' numbers.
    pub(super) is_member: Vec<bool>,
    /// Instances that are made of others' exports and that somebody who stays needs.
    pub(super) is_kept: Vec<bool>,
    /// The functions, tables, memories and globals of members that others need, with their kinds, in order.
    pub(super) shared: Vec<(usize, usize)>,
    /// When the first of those is needed, or something runs: the instance that they become must be there by then.
    pub(super) turn: usize,
}

impl Members {
    /// Nothing where there are no two that can become one.
    pub(super) fn of(survey: &Survey<'_>) -> Option<Members> {
        (survey.instances.len() <= INSTANCES_MAX).then_some(())?;
        let running = survey.steps.iter().position(|step| survey.runs(step)).unwrap_or(survey.steps.len());
        let mut is_member = candidates(survey, running)?;
        for _ in 0..ROUNDS_MAX {
            let members = Members::with(survey, is_member, running)?;
            let may_be_one = |one: usize| members.is_member[one] && members.may_be_one(survey, one);
            is_member = (0..survey.instances.len()).map(may_be_one).collect();
            if is_member == members.is_member {
                return (members.modules(survey).count() > 1 && !members.shared.is_empty()).then_some(members);
            }
        }
        None
    }

    /// The modules of members.
    pub(super) fn modules<'m, 's, 'a>(
        &'m self,
        survey: &'s Survey<'a>,
    ) -> impl Iterator<Item = &'s Module<'a>> + use<'m, 's, 'a> {
        let members = self.is_member.iter().enumerate().filter(|(_, is_member)| **is_member);
        members.filter_map(|(instance, _)| survey.module_of(instance))
    }

    /// Whether a module is one of a member's.
    pub(super) fn has(&self, survey: &Survey<'_>, module: usize) -> bool {
        let is_of = |instance: &Instance<'_>| matches!(instance, Instance::Instantiate { module_index, .. } if *module_index as usize == module);
        survey.instances.iter().zip(&self.is_member).any(|(instance, is_member)| *is_member && is_of(instance))
    }

    /// What others have of these.
    fn with(survey: &Survey<'_>, is_member: Vec<bool>, running: usize) -> Option<Members> {
        let is_kept = kept(survey, &is_member)?;
        let mut members = Members { is_kept, is_member, shared: Vec::new(), turn: running };
        let mut found = HashSet::new();
        for (turn, step) in survey.steps.iter().enumerate() {
            for (kind, item) in members.needed(survey, step)? {
                let Item::ExportOf { instance, .. } = *survey.items.get(kind)?.get(item)? else { continue };
                if *members.is_member.get(instance)? && found.insert((kind, item)) {
                    members.turn = members.turn.min(turn);
                    members.shared.push((kind, item));
                }
            }
        }
        Some(members)
    }

    /// The functions, tables, memories and globals that are needed at a step which stays.
    fn needed(&self, survey: &Survey<'_>, step: &Step<'_>) -> Option<Vec<(usize, usize)>> {
        match step {
            Step::Canonical { function, .. } => needs(function),
            Step::Instance(instance) if self.is_kept[*instance] => match survey.instances.get(*instance)? {
                Instance::FromExports(exports) => exports
                    .iter()
                    .map(|export| Some((usize::from(crate::trim::code(export.kind)?), export.index as usize)))
                    .collect(),
                Instance::Instantiate { .. } => Some(Vec::new()),
            },
            _ => Some(Vec::new()),
        }
    }

    /// Whether it can be made together with the others, at their turn instead of its own, without anybody noticing.
    fn may_be_one(&self, survey: &Survey<'_>, one: usize) -> bool {
        let turn = survey.instance_turns[one];
        let stay = || (0..survey.instances.len()).filter(|&other| !self.is_member[other]);
        let is_handed_on = stay().any(|other| survey.all_handed(other).any(|handed| handed == one));
        let is_written_to =
            stay().filter(|&other| survey.instance_turns[other] < turn).any(|other| !write_apart(survey, other, one));
        !is_handed_on && !is_written_to && self.are_there(survey, one)
    }

    /// Whether what it imports is from other members, or there by the turn.
    fn are_there(&self, survey: &Survey<'_>, one: usize) -> bool {
        let Some(module) = survey.module_of(one) else { return false };
        let is_there = |kind: usize, index: usize| match survey.origin_of(one, kind, index) {
            Some(Origin::Instance { instance, .. }) => self.is_member[instance],
            Some(Origin::Component { item }) => {
                matches!(survey.items[kind].get(item), Some(Item::Made { turn }) if *turn < self.turn)
            }
            None => false,
        };
        module.imports.iter().enumerate().all(|(kind, imports)| (0..imports.len()).all(|index| is_there(kind, index)))
    }
}

/// Those whose modules are understood, and instantiated once, before anything runs.
fn candidates(survey: &Survey<'_>, running: usize) -> Option<Vec<bool>> {
    let mut times = vec![0; survey.modules.len()];
    for instance in &survey.instances {
        if let Instance::Instantiate { module_index, .. } = instance {
            *times.get_mut(*module_index as usize)? += 1;
        }
    }
    let is_one = |instance: usize| match survey.instances[instance] {
        Instance::Instantiate { module_index, .. } => {
            let module = module_index as usize;
            times[module] == 1 && !survey.modules[module].is_strange && survey.instance_turns[instance] < running
        }
        Instance::FromExports(_) => false,
    };
    Some((0..survey.instances.len()).map(is_one).collect())
}

/// Instances that are no members, and are handed to one that is none, or have an alias.
fn kept(survey: &Survey<'_>, is_member: &[bool]) -> Option<Vec<bool>> {
    let mut is_kept = vec![false; is_member.len()];
    for (instance, is_member) in is_member.iter().enumerate() {
        if !is_member && survey.module_of(instance).is_some() {
            is_kept[instance] = true;
            for handed in survey.all_handed(instance) {
                *is_kept.get_mut(handed)? = true;
            }
        }
    }
    for item in survey.items.iter().flatten() {
        if let Item::ExportOf { instance, .. } = item {
            *is_kept.get_mut(*instance)? = true;
        }
    }
    is_kept.iter_mut().zip(is_member).for_each(|(is_kept, is_member)| *is_kept &= !is_member);
    Some(is_kept)
}

/// Whether no table and no memory is written to by both as they are made; also not where that is not known.
fn write_apart(survey: &Survey<'_>, one: usize, other: usize) -> bool {
    let written = |instance: usize| -> Option<Vec<Origin>> {
        let Some(module) = survey.module_of(instance) else { return Some(Vec::new()) };
        module.written_to.iter().map(|(kind, index)| survey.origin_of(instance, *kind, *index)).collect()
    };
    match (written(one), written(other)) {
        (Some(one), Some(other)) => one.iter().all(|place| !other.contains(place)),
        _ => false,
    }
}
