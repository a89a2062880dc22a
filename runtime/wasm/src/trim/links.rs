//! By which names the modules of a component find each other.

use std::collections::HashMap;

use wasmparser::{ComponentAlias, Instance, Payload};

use super::Place;

/// Who exports and who imports by the same names, and which of those names something asks for.
#[derive(Default)]
pub(super) struct Links<'a> {
    modules: Vec<Module<'a>>,
    /// The vocabularies by which the core instances export.
    instances: Vec<Vocabulary>,
    /// Two that were found to be the same are one: each names another one that it is, or itself.
    vocabularies: Vec<Vocabulary>,
    asked: Vec<(Vocabulary, &'a str)>,
}

/// The names by which what somebody exports is asked for.
type Vocabulary = usize;

struct Module<'a> {
    exports: Vocabulary,
    /// By the names under which others are handed to it.
    imports: HashMap<&'a str, Vocabulary>,
}

/// The names that are asked for, with others in their stead: short ones, of which each vocabulary has the same.
pub(super) struct Names<'a> {
    links: Links<'a>,
    names: HashMap<(Vocabulary, &'a str), String>,
}

// === impl Links ===

impl<'a> Links<'a> {
    pub(super) fn note(&mut self, place: Place, payload: Payload<'a>) -> Option<()> {
        match (place, payload) {
            (Place::Component, Payload::ModuleSection { .. }) => {
                let exports = self.vocabulary();
                self.modules.push(Module { exports, imports: HashMap::new() });
            }
            (Place::Module(number), Payload::ImportSection(imports)) => {
                for import in imports.into_imports() {
                    let import = import.ok()?;
                    let from = self.imported(number, import.module)?;
                    self.asked.push((from, import.name));
                }
            }
            (Place::Component, Payload::InstanceSection(instances)) => {
                instances.into_iter().try_for_each(|instance| self.instantiate(&instance.ok()?))?;
            }
            (Place::Component, Payload::ComponentAliasSection(aliases)) => {
                aliases.into_iter().try_for_each(|alias| self.alias(&alias.ok()?))?;
            }
            _ => {}
        }
        Some(())
    }

    fn instantiate(&mut self, instance: &Instance<'a>) -> Option<()> {
        let exports = match instance {
            Instance::FromExports(_) => self.vocabulary(),
            Instance::Instantiate { module_index, args } => {
                let module = *module_index as usize;
                for arg in args {
                    let (from, given) = (self.imported(module, arg.name)?, *self.instances.get(arg.index as usize)?);
                    self.join(from, given);
                }
                self.modules.get(module)?.exports
            }
        };
        self.instances.push(exports);
        Some(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) -> Option<()> {
        if let ComponentAlias::CoreInstanceExport { instance_index, name, .. } = alias {
            self.asked.push((*self.instances.get(*instance_index as usize)?, name));
        }
        Some(())
    }

    /// The one by which a module asks for what is handed to it under that name.
    fn imported(&mut self, module: usize, from: &'a str) -> Option<Vocabulary> {
        let next = self.vocabularies.len();
        let found = *self.modules.get_mut(module)?.imports.entry(from).or_insert(next);
        if found == next {
            self.vocabulary();
        }
        Some(found)
    }

    fn vocabulary(&mut self) -> Vocabulary {
        self.vocabularies.push(self.vocabularies.len());
        self.vocabularies.len() - 1
    }

    fn join(&mut self, one: Vocabulary, other: Vocabulary) {
        let (one, other) = (self.same(one), self.same(other));
        self.vocabularies[one.max(other)] = one.min(other);
    }

    /// The one that stands for all that are the same.
    fn same(&self, mut vocabulary: Vocabulary) -> Vocabulary {
        while self.vocabularies[vocabulary] != vocabulary {
            vocabulary = self.vocabularies[vocabulary];
        }
        vocabulary
    }

    pub(super) fn names(mut self) -> Names<'a> {
        let (mut names, mut counts) = (HashMap::new(), HashMap::<_, usize>::new());
        for (vocabulary, name) in std::mem::take(&mut self.asked) {
            let vocabulary = self.same(vocabulary);
            names.entry((vocabulary, name)).or_insert_with(|| {
                let count = counts.entry(vocabulary).or_default();
                *count += 1;
                count.to_string()
            });
        }
        Names { links: self, names }
    }
}

// === impl Names ===

impl Names<'_> {
    /// What a module's export is called now; nothing where nobody asks for it.
    pub(super) fn of_export<'b>(&'b self, module: usize, name: &'b str) -> Option<&'b str> {
        self.of(self.links.modules.get(module)?.exports, name)
    }

    /// What a module's import is called now.
    pub(super) fn of_import<'b>(&'b self, module: usize, from: &'b str, name: &'b str) -> Option<&'b str> {
        self.of(*self.links.modules.get(module)?.imports.get(from)?, name)
    }

    /// What the export of a core instance is called now; nothing where nobody asks for it.
    pub(super) fn of_instance<'b>(&'b self, instance: usize, name: &'b str) -> Option<&'b str> {
        self.of(*self.links.instances.get(instance)?, name)
    }

    fn of<'b>(&'b self, vocabulary: Vocabulary, name: &'b str) -> Option<&'b str> {
        self.names.get(&(self.links.same(vocabulary), name)).map(String::as_str)
    }
}
