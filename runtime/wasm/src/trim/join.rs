//! A component whose modules that are linked with each other are one.
//!
//! An interpreter comes as a library for each part of it. Whatever one of them has from another is looked up as an instance is
//! made, each function in a table that another one owns is put there then, and none of it can be left out, since somebody else
//! may ask for it. All of that is gone once it is one module, and so are the functions that nothing in it calls.

use wasmparser::{CanonicalFunction, CanonicalOption, Instance};
use wasmtime::{Engine, Module};

use self::members::Members;
use self::survey::{FUNCTION, KINDS, MEMORY, Step, Survey};
use self::union::Union;
use super::{ALIAS_SECTION, INSTANCE_SECTION, MODULE_SECTION, code, number, put, text};
use crate::footprint;

mod members;
mod survey;
mod union;

const CANONICAL_SECTION: u8 = 8;
/// What a component begins with, to tell that it is one.
const HEADER_BYTES: usize = 8;

/// Nothing where there is nothing to join, where somebody could notice, or where something is not understood. What it makes must
/// be checked as if it were what a stranger sent.
pub(super) fn join(engine: &Engine, component: &[u8]) -> Option<Vec<u8>> {
    let survey = Survey::of(component)?;
    let members = Members::of(&survey)?;
    // What goes must have been right too, to the last instruction, and the engine does not see it again.
    members.modules(&survey).try_for_each(|module| Module::validate(engine, module.written).ok())?;
    let union = Union::of(&survey, &members)?;
    let made = component.get(..HEADER_BYTES)?.to_vec();
    let mut writer = Writer { survey: &survey, members: &members, made, counts: Counts::default() };
    writer.write(&union)?;
    // What each of them took was bounded, and how many there are.
    footprint::check(&writer.made).ok()?;
    Some(writer.made)
}

struct Writer<'s, 'a> {
    survey: &'s Survey<'a>,
    members: &'s Members,
    made: Vec<u8>,
    counts: Counts,
}

/// What was written is counted anew.
#[derive(Default)]
struct Counts {
    /// What the modules, the instances, and the items of each kind are now.
    modules: Vec<Option<usize>>,
    instances: Vec<Option<usize>>,
    items: [Vec<Option<usize>>; KINDS],
    next_module: usize,
    next_instance: usize,
    next_items: [usize; KINDS],
}

// === impl Writer ===

impl Writer<'_, '_> {
    fn write(&mut self, union: &Union) -> Option<()> {
        let survey = self.survey;
        self.counts.modules = vec![None; survey.modules.len()];
        self.counts.instances = vec![None; survey.instances.len()];
        self.counts.items = survey.items.each_ref().map(|items| vec![None; items.len()]);
        put(&mut self.made, MODULE_SECTION, &union.module);
        self.counts.next_module = 1;
        for (turn, step) in survey.steps.iter().enumerate() {
            if turn == self.members.turn {
                self.instantiate(union)?;
            }
            self.step(step)?;
        }
        Some(())
    }

    fn step(&mut self, step: &Step<'_>) -> Option<()> {
        match step {
            Step::Module(module) => self.module(*module),
            Step::Instance(instance) => self.instance(*instance),
            Step::Alias { kind, item } => self.alias(*kind, *item),
            Step::Canonical { function, written, item } => self.canonical(function, written, *item),
            Step::OtherAlias { written } => {
                self.put_one(ALIAS_SECTION, written);
                Some(())
            }
            Step::Other { section, written, .. } => {
                put(&mut self.made, *section, written);
                Some(())
            }
        }
    }

    /// The instance that all members are now, and what others have of it.
    fn instantiate(&mut self, union: &Union) -> Option<()> {
        let mut exports = Vec::new();
        for (name, item) in union.imports.iter().enumerate() {
            exports.push([text(&name.to_string()), vec![FUNCTION as u8], number(self.item(FUNCTION, *item)?)].concat());
        }
        self.put_one(INSTANCE_SECTION, &[vec![1], number(exports.len()), exports.concat()].concat());
        let given = self.counts.instance();
        self.put_one(INSTANCE_SECTION, &[vec![0, 0, 1], text(""), vec![0x12], number(given)].concat());
        let joined = self.counts.instance();
        for (name, (kind, item)) in self.members.shared.iter().enumerate() {
            self.put_alias(*kind, joined, &name.to_string());
            self.counts.note(*kind, *item);
        }
        Some(())
    }

    fn module(&mut self, module: usize) -> Option<()> {
        if !self.members.has(self.survey, module) {
            put(&mut self.made, MODULE_SECTION, self.survey.modules.get(module)?.written);
            self.counts.modules[module] = Some(self.counts.next_module);
            self.counts.next_module += 1;
        }
        Some(())
    }

    fn instance(&mut self, instance: usize) -> Option<()> {
        if !self.members.is_kept[instance] {
            return Some(());
        }
        let made = match self.survey.instances.get(instance)? {
            Instance::Instantiate { module_index, args } => {
                let mut made = vec![0];
                made.extend(number((*self.counts.modules.get(*module_index as usize)?)?));
                made.extend(number(args.len()));
                for arg in args {
                    let given = (*self.counts.instances.get(arg.index as usize)?)?;
                    made.extend([text(arg.name), vec![0x12], number(given)].concat());
                }
                made
            }
            Instance::FromExports(exports) => {
                let mut made = [vec![1], number(exports.len())].concat();
                for export in exports {
                    let kind = code(export.kind)?;
                    let item = self.item(kind.into(), export.index as usize)?;
                    made.extend([text(export.name), vec![kind], number(item)].concat());
                }
                made
            }
        };
        self.put_one(INSTANCE_SECTION, &made);
        self.counts.instances[instance] = Some(self.counts.instance());
        Some(())
    }

    /// Those of members are there with the instance that they are now.
    fn alias(&mut self, kind: usize, item: usize) -> Option<()> {
        let survey::Item::ExportOf { instance, name } = *self.survey.items.get(kind)?.get(item)? else { return None };
        if !self.members.is_member[instance] {
            let instance = (*self.counts.instances.get(instance)?)?;
            self.put_alias(kind, instance, name);
            self.counts.note(kind, item);
        }
        Some(())
    }

    fn canonical(&mut self, function: &CanonicalFunction, written: &[u8], item: Option<usize>) -> Option<()> {
        let made = match function {
            CanonicalFunction::Lift { core_func_index, type_index, options } => {
                let core = self.item(FUNCTION, *core_func_index as usize)?;
                [vec![0, 0], number(core), self.options(options)?, number(*type_index as usize)].concat()
            }
            CanonicalFunction::Lower { func_index, options } => {
                [vec![1, 0], number(*func_index as usize), self.options(options)?].concat()
            }
            _ => written.to_vec(),
        };
        self.put_one(CANONICAL_SECTION, &made);
        if let Some(item) = item {
            self.counts.note(FUNCTION, item);
        }
        Some(())
    }

    fn options(&self, options: &[CanonicalOption]) -> Option<Vec<u8>> {
        let mut made = number(options.len());
        for option in options {
            made.extend(match *option {
                CanonicalOption::UTF8 => vec![0],
                CanonicalOption::UTF16 => vec![1],
                CanonicalOption::CompactUTF16 => vec![2],
                CanonicalOption::Memory(memory) => [vec![3], number(self.item(MEMORY, memory as usize)?)].concat(),
                CanonicalOption::Realloc(core) => [vec![4], number(self.item(FUNCTION, core as usize)?)].concat(),
                CanonicalOption::PostReturn(core) => [vec![5], number(self.item(FUNCTION, core as usize)?)].concat(),
                _ => return None,
            });
        }
        Some(made)
    }

    /// What a core function, table, memory or global is now.
    fn item(&self, kind: usize, item: usize) -> Option<usize> {
        *self.counts.items.get(kind)?.get(item)?
    }

    fn put_alias(&mut self, kind: usize, instance: usize, name: &str) {
        self.put_one(ALIAS_SECTION, &[vec![0, kind as u8, 1], number(instance), text(name)].concat());
    }

    /// A section with but one in it.
    fn put_one(&mut self, section: u8, item: &[u8]) {
        put(&mut self.made, section, &[&[1], item].concat());
    }
}

// === impl Counts ===

impl Counts {
    fn instance(&mut self) -> usize {
        self.next_instance += 1;
        self.next_instance - 1
    }

    fn note(&mut self, kind: usize, item: usize) {
        self.items[kind][item] = Some(self.next_items[kind]);
        self.next_items[kind] += 1;
    }
}
