//! What a component is made of, as far as its own modules go: in which order, and who is linked with whom.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentInstance, ComponentType, Data, DataKind, Element,
    ElementKind, FuncType, FunctionBody, Global, Import, Instance, MemoryType, Payload, Table, TypeRef, ValType,
};

use crate::trim::{Place, any, code, each_checked, pieces};

/// The kinds of what modules export that is known here, as the format numbers them.
pub(super) const FUNCTION: usize = 0;
pub(super) const TABLE: usize = 1;
pub(super) const MEMORY: usize = 2;
pub(super) const GLOBAL: usize = 3;
pub(super) const KINDS: usize = 4;

/// Core functions, tables, memories and globals have one count each over the whole component, and so have its instances.
#[derive(Default)]
pub(super) struct Survey<'a> {
    pub(super) modules: Vec<Module<'a>>,
    pub(super) instances: Vec<Instance<'a>>,
    pub(super) items: [Vec<Item<'a>>; KINDS],
    /// All of it in its order. What has a turn comes at that place in here.
    pub(super) steps: Vec<Step<'a>>,
    pub(super) instance_turns: Vec<usize>,
    /// By the names that each instance has for them: the instances that are handed to it, or the places of those exports of
    /// others that it is made of.
    names: Vec<HashMap<&'a str, usize>>,
}

/// A core function, table, memory or global of the component.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    ExportOf {
        instance: usize,
        name: &'a str,
    },
    /// A function that the component makes itself, at this turn.
    Made {
        turn: usize,
    },
}

pub(super) enum Step<'a> {
    Module(usize),
    Instance(usize),
    Alias {
        kind: usize,
        item: usize,
    },
    /// What the component makes by the rules of its interface, which may be a core function.
    Canonical {
        function: CanonicalFunction,
        written: &'a [u8],
        item: Option<usize>,
    },
    /// A section that has nothing to do with core modules, and whether what is made in it may call what it is given at once.
    Other {
        section: u8,
        written: &'a [u8],
        runs: bool,
    },
    OtherAlias {
        written: &'a [u8],
    },
}

#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) written: &'a [u8],
    pub(super) types: Vec<FuncType>,
    pub(super) imports: [Vec<Import<'a>>; KINDS],
    pub(super) functions: Vec<u32>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (usize, usize)>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    /// The tables and memories that its instances write to as they are made, with their kinds.
    pub(super) written_to: BTreeSet<(usize, usize)>,
    pub(super) has_start: bool,
    /// It has something that is not understood here.
    pub(super) is_strange: bool,
}

/// Where something that a module imports is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The module of this instance has it, as one of its own of the kind.
    Instance { instance: usize, kind: usize, own: usize },
    /// A function that the component makes itself.
    Component { item: usize },
}

// === impl Survey ===

impl<'a> Survey<'a> {
    /// Nothing where something in it is wrong, or not understood. Functions are not looked into.
    pub(super) fn of(component: &'a [u8]) -> Option<Survey<'a>> {
        let mut survey = Survey::default();
        each_checked(component, |place, payload| match place {
            Place::Component => survey.note(component, payload),
            Place::Module(number) => survey.modules.get_mut(number)?.note(payload),
            Place::Elsewhere => Some(()),
        })?;
        Some(survey)
    }

    fn note(&mut self, component: &'a [u8], payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                self.steps.push(Step::Module(self.modules.len()));
                self.modules.push(Module { written: component.get(unchecked_range)?, ..Module::default() });
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.instance_turns.push(self.steps.len());
                    self.steps.push(Step::Instance(self.instances.len()));
                    let instance = instance.ok()?;
                    self.names.push(names(&instance));
                    self.instances.push(instance);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for (written, alias) in pieces(component, section)? {
                    self.alias(written, &alias)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for (written, function) in pieces(component, section)? {
                    let next = self.items[FUNCTION].len();
                    let item = (!matches!(function, CanonicalFunction::Lift { .. })).then_some(next);
                    if item.is_some() {
                        self.items[FUNCTION].push(Item::Made { turn: self.steps.len() });
                    }
                    self.steps.push(Step::Canonical { function, written, item });
                }
            }
            Payload::ComponentStartSection { .. } => return None,
            Payload::ComponentTypeSection(ref types) if any(types, names_function)? => return None,
            payload => {
                if let Some((section, range)) = payload.as_section() {
                    self.steps.push(Step::Other { section, written: component.get(range)?, runs: runs(&payload)? });
                }
            }
        }
        Some(())
    }

    fn alias(&mut self, written: &'a [u8], alias: &ComponentAlias<'a>) -> Option<()> {
        let step = match *alias {
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                let (kind, instance) = (usize::from(code(kind)?), instance_index as usize);
                let items = self.items.get_mut(kind)?;
                items.push(Item::ExportOf { instance, name });
                Step::Alias { kind, item: items.len() - 1 }
            }
            _ => Step::OtherAlias { written },
        };
        self.steps.push(step);
        Some(())
    }

    /// Where what an instance exports by a name is from. Who is made of others' exports comes after them, so this ends.
    pub(super) fn origin(&self, mut instance: usize, mut name: &'a str) -> Option<Origin> {
        loop {
            match self.instances.get(instance)? {
                Instance::FromExports(exports) => {
                    let export = exports.get(*self.names.get(instance)?.get(name)?)?;
                    let (kind, item) = (usize::from(code(export.kind)?), export.index as usize);
                    match *self.items.get(kind)?.get(item)? {
                        Item::ExportOf { instance: of, name: by } => (instance, name) = (of, by),
                        Item::Made { .. } => return Some(Origin::Component { item }),
                    }
                }
                Instance::Instantiate { module_index, .. } => {
                    let module = self.modules.get(*module_index as usize)?;
                    let (kind, index) = *module.exports.get(name)?;
                    match module.imports[kind].get(index) {
                        Some(import) => (instance, name) = (self.handed(instance, import.module)?, import.name),
                        None => {
                            let own = index - module.imports[kind].len();
                            return Some(Origin::Instance { instance, kind, own });
                        }
                    }
                }
            }
        }
    }

    /// Where what the instance of a module has by a number of its own is from.
    pub(super) fn origin_of(&self, instance: usize, kind: usize, index: usize) -> Option<Origin> {
        let imports = &self.module_of(instance)?.imports[kind];
        match imports.get(index) {
            Some(import) => self.origin(self.handed(instance, import.module)?, import.name),
            None => Some(Origin::Instance { instance, kind, own: index - imports.len() }),
        }
    }

    /// The module that an instance is of; nothing where it is made of others' exports.
    pub(super) fn module_of(&self, instance: usize) -> Option<&Module<'a>> {
        match self.instances.get(instance)? {
            Instance::Instantiate { module_index, .. } => self.modules.get(*module_index as usize),
            Instance::FromExports(_) => None,
        }
    }

    /// Whether something of the component's may work at a step.
    pub(super) fn runs(&self, step: &Step<'_>) -> bool {
        match step {
            Step::Other { runs, .. } => *runs,
            Step::Instance(instance) => self.module_of(*instance).is_some_and(|module| module.has_start),
            _ => false,
        }
    }

    /// The instances that are handed to one as a whole.
    pub(super) fn all_handed(&self, instance: usize) -> impl Iterator<Item = usize> {
        let handed = match self.instances.get(instance) {
            Some(Instance::Instantiate { args, .. }) => &args[..],
            _ => &[],
        };
        handed.iter().map(|arg| arg.index as usize)
    }

    fn handed(&self, instance: usize, by: &str) -> Option<usize> {
        self.module_of(instance)?;
        self.names.get(instance)?.get(by).copied()
    }
}

fn names<'a>(instance: &Instance<'a>) -> HashMap<&'a str, usize> {
    match instance {
        Instance::Instantiate { args, .. } => args.iter().map(|arg| (arg.name, arg.index as usize)).collect(),
        Instance::FromExports(exports) => {
            exports.iter().enumerate().map(|(place, export)| (export.name, place)).collect()
        }
    }
}

/// Whether something is instantiated here that may work at once.
fn runs(payload: &Payload<'_>) -> Option<bool> {
    let Payload::ComponentInstanceSection(instances) = payload else { return Some(false) };
    any(instances, |instance| matches!(instance, ComponentInstance::Instantiate { .. }))
}

/// Whether a type has the number of a core function in it: the one that is called when a resource goes.
fn names_function(ty: &ComponentType<'_>) -> bool {
    matches!(ty, ComponentType::Resource { dtor: Some(_), .. })
}

/// The core functions, tables and memories that a function of the component's own is made with; nothing where it is of a kind
/// that is not known here.
pub(super) fn needs(function: &CanonicalFunction) -> Option<Vec<(usize, usize)>> {
    let (core, options) = match function {
        CanonicalFunction::Lift { core_func_index, options, .. } => (Some(*core_func_index), options),
        CanonicalFunction::Lower { options, .. } => (None, options),
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => return Some(Vec::new()),
        _ => return None,
    };
    let mut needed: Vec<_> = core.map(|index| (FUNCTION, index as usize)).into_iter().collect();
    for option in options {
        match *option {
            CanonicalOption::UTF8 | CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {}
            CanonicalOption::Memory(index) => needed.push((MEMORY, index as usize)),
            CanonicalOption::Realloc(index) | CanonicalOption::PostReturn(index) => {
                needed.push((FUNCTION, index as usize));
            }
            _ => return None,
        }
    }
    Some(needed)
}

// === impl Module ===

impl<'a> Module<'a> {
    fn note(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::TypeSection(section) => match section.into_iter_err_on_gc_types().collect::<Result<Vec<_>, _>>() {
                Ok(types) => {
                    self.is_strange |= types.iter().any(names_types);
                    self.types = types;
                }
                Err(_) => self.is_strange = true,
            },
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import.ok()?);
                }
            }
            Payload::FunctionSection(section) => self.functions = all(section)?,
            Payload::TableSection(section) => self.tables = all(section)?,
            Payload::MemorySection(section) => self.memories = all(section)?,
            Payload::GlobalSection(section) => self.globals = all(section)?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    match usize::from(code(export.kind)?) {
                        kind if kind < KINDS => _ = self.exports.insert(export.name, (kind, export.index as usize)),
                        _ => self.is_strange = true,
                    }
                }
            }
            Payload::StartSection { .. } => self.has_start = true,
            Payload::ElementSection(section) => {
                self.elements = all(section)?;
                self.written_to.extend(tables_of(&self.elements));
            }
            Payload::DataSection(section) => {
                self.data = all(section)?;
                self.written_to.extend(memories_of(&self.data));
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::DataCountSection { .. }
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => self.is_strange = true,
        }
        Some(())
    }

    fn import(&mut self, import: Import<'a>) {
        let kind = match import.ty {
            TypeRef::Func(_) => FUNCTION,
            TypeRef::Table(_) => TABLE,
            TypeRef::Memory(_) => MEMORY,
            TypeRef::Global(_) => GLOBAL,
            TypeRef::FuncExact(_) => {
                self.is_strange = true;
                FUNCTION
            }
            TypeRef::Tag(_) => {
                self.is_strange = true;
                return;
            }
        };
        self.imports[kind].push(import);
    }

    /// How many of each kind are its own.
    pub(super) fn counts(&self) -> [usize; KINDS] {
        [self.functions.len(), self.tables.len(), self.memories.len(), self.globals.len()]
    }
}

fn tables_of(elements: &[Element<'_>]) -> impl Iterator<Item = (usize, usize)> {
    elements.iter().filter_map(|element| match element.kind {
        ElementKind::Active { table_index, .. } => Some((TABLE, table_index.unwrap_or(0) as usize)),
        ElementKind::Passive | ElementKind::Declared => None,
    })
}

fn memories_of(data: &[Data<'_>]) -> impl Iterator<Item = (usize, usize)> {
    data.iter().filter_map(|data| match data.kind {
        DataKind::Active { memory_index, .. } => Some((MEMORY, memory_index as usize)),
        DataKind::Passive => None,
    })
}

/// Whether a type has the number of another one in it.
fn names_types(ty: &FuncType) -> bool {
    let names_one = |ty: &ValType| matches!(ty, ValType::Ref(ty) if ty.type_index().is_some());
    ty.params().iter().chain(ty.results()).any(names_one)
}

fn all<'a, T: wasmparser::FromReader<'a>>(section: wasmparser::SectionLimited<'a, T>) -> Option<Vec<T>> {
    section.into_iter().collect::<Result<_, _>>().ok()
}
