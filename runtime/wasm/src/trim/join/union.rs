//! One module that does what several do that are linked with each other.
//!
//! What one of them imports from another is the other's own then. Functions and globals that nothing asks for are left out. So
//! are custom sections: they speak of what is no longer there.

use std::collections::{BTreeSet, HashMap};

use wasm_encoder::reencode::{self, Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, Encode, ExportKind, ExportSection,
    FunctionSection, GlobalSection, ImportSection, Instruction, MemorySection, Module, TableSection, TypeSection,
};
use wasmparser::{FuncType, Global, Operator};

use super::members::Members;
use super::survey::{FUNCTION, GLOBAL, Item, KINDS, MEMORY, Origin, Survey, TABLE};

/// Through so many modules a constant is followed.
const CONSTANTS_MAX: usize = 100;

pub(super) struct Union {
    pub(super) module: Vec<u8>,
    /// The core functions of the component that it imports, from one instance and by their places in here.
    pub(super) imports: Vec<usize>,
}

/// The module as it comes about. A function or a global has a number in it once something asks for it.
struct Plan<'s, 'a> {
    survey: &'s Survey<'a>,
    /// The instances that become one, in order.
    members: Vec<usize>,
    /// Of types that are the same, one will do.
    types: HashMap<&'s FuncType, u32>,
    type_section: TypeSection,
    /// The functions that are imported, with the type that the first importer says; and where each is among them.
    imports: Vec<(usize, u32)>,
    import_places: HashMap<usize, u32>,
    spaces: [Space; KINDS],
    /// How many segments those before have, of elements and of data.
    elements_before: Vec<u32>,
    data_before: Vec<u32>,
    /// The functions of which a function makes references, which a module has to say apart from that.
    referred: BTreeSet<u32>,
}

/// All that the members have of one kind.
#[derive(Default)]
struct Space {
    /// What each member means by its numbers.
    places: Vec<Vec<Place>>,
    /// Of which member each is one, and its own number of this kind there.
    owners: Vec<(usize, usize)>,
    numbers: Vec<Option<u32>>,
    /// Those that were asked for, in the order of their numbers, which begin behind the imports.
    asked: Vec<usize>,
    imports: u32,
}

#[derive(Clone, Copy)]
enum Place {
    Import(u32),
    Own(usize),
}

/// It writes what stands in a member.
struct Writer<'p, 's, 'a> {
    plan: &'p mut Plan<'s, 'a>,
    member: usize,
}

/// Something is not as it should be.
struct Unknown;

type Written<T> = Result<T, Error<Unknown>>;

// === impl Union ===

impl Union {
    pub(super) fn of(survey: &Survey<'_>, members: &Members) -> Option<Union> {
        // Functions stay in the order that their compiler had a reason for, so which ones stay has to be known before.
        let mut first = Plan::new(survey, members)?;
        first.write(members)?;
        let mut plan = Plan::new(survey, members)?;
        for kind in [FUNCTION, GLOBAL] {
            let mut asked = std::mem::take(&mut first.spaces[kind].asked);
            asked.sort_unstable();
            asked.into_iter().for_each(|own| _ = plan.spaces[kind].number_of(own));
        }
        let module = plan.write(members)?;
        Some(Union { module, imports: plan.imports.into_iter().map(|(item, _)| item).collect() })
    }
}

// === impl Plan ===

impl<'s, 'a> Plan<'s, 'a> {
    fn new(survey: &'s Survey<'a>, members: &Members) -> Option<Plan<'s, 'a>> {
        let members: Vec<_> = (0..survey.instances.len()).filter(|&one| members.is_member[one]).collect();
        let (type_section, spaces) = (TypeSection::new(), Default::default());
        let (types, imports, import_places, elements_before, data_before, referred) = Default::default();
        let mut plan = Plan {
            survey,
            members,
            types,
            type_section,
            imports,
            import_places,
            spaces,
            elements_before,
            data_before,
            referred,
        };
        plan.add_owners()?;
        plan.add_places()?;
        for kind in [TABLE, MEMORY] {
            (0..plan.spaces[kind].owners.len()).for_each(|own| _ = plan.spaces[kind].number_of(own));
        }
        Some(plan)
    }

    fn module(&self, member: usize) -> Option<&'s super::survey::Module<'a>> {
        self.survey.module_of(*self.members.get(member)?)
    }

    fn add_owners(&mut self) -> Option<()> {
        let (mut elements, mut data) = (0, 0);
        for member in 0..self.members.len() {
            let module = self.module(member)?;
            for (space, count) in self.spaces.iter_mut().zip(module.counts()) {
                space.owners.extend((0..count).map(|own| (member, own)));
                space.numbers.resize(space.owners.len(), None);
            }
            self.elements_before.push(elements);
            self.data_before.push(data);
            elements += module.elements.len() as u32;
            data += module.data.len() as u32;
        }
        Some(())
    }

    fn add_places(&mut self) -> Option<()> {
        for kind in 0..KINDS {
            let begins: HashMap<_, _> = (self.spaces[kind].owners.iter().enumerate())
                .filter(|(_, (_, own))| *own == 0)
                .map(|(begin, (member, _))| (self.members[*member], begin))
                .collect();
            for member in 0..self.members.len() {
                let (instance, module) = (self.members[member], self.module(member)?);
                let mut places = Vec::new();
                for index in 0..module.imports[kind].len() + module.counts()[kind] {
                    places.push(match self.survey.origin_of(instance, kind, index)? {
                        Origin::Instance { instance, kind: is, own } if is == kind => {
                            Place::Own(begins.get(&instance)? + own)
                        }
                        Origin::Component { item } if kind == FUNCTION => self.import(member, index, item)?,
                        _ => return None,
                    });
                }
                self.spaces[kind].places.push(places);
            }
        }
        self.spaces[FUNCTION].imports = self.imports.len() as u32;
        Some(())
    }

    fn import(&mut self, member: usize, index: usize, item: usize) -> Option<Place> {
        let wasmparser::TypeRef::Func(ty) = self.module(member)?.imports[FUNCTION].get(index)?.ty else { return None };
        let ty = self.type_number(member, ty)?;
        let next = self.imports.len() as u32;
        let place = *self.import_places.entry(item).or_insert(next);
        if place == next {
            self.imports.push((item, ty));
        }
        Some(Place::Import(place))
    }

    fn type_number(&mut self, member: usize, ty: u32) -> Option<u32> {
        let ty = self.module(member)?.types.get(ty as usize)?;
        let next = self.types.len() as u32;
        let number = *self.types.entry(ty).or_insert(next);
        if number == next {
            let ty = self.writer(member).func_type(ty.clone()).ok()?;
            self.type_section.ty().func_type(&ty);
        }
        Some(number)
    }

    fn writer(&mut self, member: usize) -> Writer<'_, 's, 'a> {
        Writer { plan: self, member }
    }

    /// The module, of what was asked for.
    fn write(&mut self, members: &Members) -> Option<Vec<u8>> {
        let (exports, mut elements, data) = (self.exports(members)?, self.elements()?, self.data()?);
        let (tables, memories) = (self.tables()?, self.memories()?);
        // One asks for others, of either kind.
        let (mut functions, mut codes, mut globals) = Default::default();
        while self.write_functions(&mut functions, &mut codes)? | self.write_globals(&mut globals)? {}
        if !self.referred.is_empty() {
            elements.declared(Elements::Functions(self.referred.iter().copied().collect()));
        }
        let mut imports = ImportSection::new();
        for (place, (_, ty)) in self.imports.iter().enumerate() {
            imports.import("", &place.to_string(), wasm_encoder::EntityType::Function(*ty));
        }
        let mut module = Module::new();
        module.section(&self.type_section).section(&imports).section(&functions).section(&tables).section(&memories);
        module.section(&globals).section(&exports).section(&elements).section(&DataCountSection { count: data.len() });
        Some(module.section(&codes).section(&data).as_slice().to_vec())
    }

    /// By their places among what is shared.
    fn exports(&mut self, members: &Members) -> Option<ExportSection> {
        let mut section = ExportSection::new();
        for (name, (kind, item)) in members.shared.iter().enumerate() {
            let Item::ExportOf { instance, name: old } = *self.survey.items.get(*kind)?.get(*item)? else {
                return None;
            };
            let number = match self.survey.origin(instance, old)? {
                Origin::Instance { instance, kind: is, own } if is == *kind => {
                    let member = self.members.binary_search(&instance).ok()?;
                    let imported = self.module(member)?.imports[is].len();
                    self.spaces[is].number(member, imported + own)?
                }
                Origin::Component { item } => *self.import_places.get(&item)?,
                Origin::Instance { .. } => return None,
            };
            let kinds = [ExportKind::Func, ExportKind::Table, ExportKind::Memory, ExportKind::Global];
            section.export(&name.to_string(), kinds[*kind], number);
        }
        Some(section)
    }

    /// Writes what each member has of something.
    fn write_each<T: 's>(
        &mut self,
        of: impl Fn(&'s super::survey::Module<'a>) -> &'s [T],
        mut write: impl FnMut(&mut Writer<'_, 's, 'a>, &'s T) -> Written<()>,
    ) -> Option<()> {
        for member in 0..self.members.len() {
            for item in of(self.module(member)?) {
                write(&mut self.writer(member), item).ok()?;
            }
        }
        Some(())
    }

    fn elements(&mut self) -> Option<ElementSection> {
        let mut section = ElementSection::new();
        self.write_each(|module| &module.elements, |to, element| to.parse_element(&mut section, element.clone()))?;
        Some(section)
    }

    fn data(&mut self) -> Option<DataSection> {
        let mut section = DataSection::new();
        self.write_each(|module| &module.data, |to, data| to.parse_data(&mut section, data.clone()))?;
        Some(section)
    }

    fn tables(&mut self) -> Option<TableSection> {
        let mut section = TableSection::new();
        self.write_each(|module| &module.tables, |to, table| to.parse_table(&mut section, table.clone()))?;
        Some(section)
    }

    fn memories(&mut self) -> Option<MemorySection> {
        let mut section = MemorySection::new();
        self.write_each(
            |module| &module.memories,
            |to, memory| {
                section.memory(to.memory_type(*memory)?);
                Ok(())
            },
        )?;
        Some(section)
    }

    /// Whether there were more that had been asked for.
    fn write_functions(&mut self, functions: &mut FunctionSection, codes: &mut CodeSection) -> Option<bool> {
        let before = codes.len();
        while let Some(&function) = self.spaces[FUNCTION].asked.get(codes.len() as usize) {
            let (member, own) = self.spaces[FUNCTION].owners[function];
            let module = self.module(member)?;
            functions.function(self.type_number(member, *module.functions.get(own)?)?);
            self.writer(member).parse_function_body(codes, module.bodies.get(own)?.clone()).ok()?;
        }
        Some(codes.len() > before)
    }

    fn write_globals(&mut self, globals: &mut GlobalSection) -> Option<bool> {
        let before = globals.len();
        while let Some(&global) = self.spaces[GLOBAL].asked.get(globals.len() as usize) {
            let (member, own) = self.spaces[GLOBAL].owners[global];
            let global = self.module(member)?.globals.get(own)?.clone();
            self.writer(member).parse_global(globals, global).ok()?;
        }
        Some(globals.len() > before)
    }

    /// Where a constant is that of a global of a member, it is said anew: nothing in a module may be made of its own globals.
    /// Nothing where that takes more than one instruction, or is handed on too often.
    fn constant(&self, mut member: usize, mut operator: Operator<'a>) -> Option<(usize, Operator<'a>)> {
        for _ in 0..CONSTANTS_MAX {
            let Operator::GlobalGet { global_index } = operator else { return Some((member, operator)) };
            let space = &self.spaces[GLOBAL];
            let Place::Own(global) = space.place(member, global_index as usize)? else { return None };
            let own;
            (member, own) = *space.owners.get(global)?;
            let Global { ty, init_expr } = self.module(member)?.globals.get(own)?;
            let mut operators = init_expr.get_operators_reader();
            operator = operators.read().ok()?;
            (!ty.mutable && operators.is_end_then_eof()).then_some(())?;
        }
        None
    }
}

// === impl Space ===

impl Space {
    fn place(&self, member: usize, index: usize) -> Option<Place> {
        self.places.get(member)?.get(index).copied()
    }

    /// Asks for what a member has by a number.
    fn number(&mut self, member: usize, index: usize) -> Option<u32> {
        match self.place(member, index)? {
            Place::Import(number) => Some(number),
            Place::Own(own) => Some(self.number_of(own)),
        }
    }

    fn number_of(&mut self, own: usize) -> u32 {
        *self.numbers[own].get_or_insert_with(|| {
            self.asked.push(own);
            self.imports + self.asked.len() as u32 - 1
        })
    }
}

// === impl Writer ===

impl Writer<'_, '_, '_> {
    fn number(&mut self, kind: usize, index: u32) -> Written<u32> {
        known(self.plan.spaces[kind].number(self.member, index as usize))
    }
}

impl Reencode for Writer<'_, '_, '_> {
    type Error = Unknown;

    fn function_index(&mut self, function: u32) -> Written<u32> {
        self.number(FUNCTION, function)
    }

    fn table_index(&mut self, table: u32) -> Written<u32> {
        self.number(TABLE, table)
    }

    fn memory_index(&mut self, memory: u32) -> Written<u32> {
        self.number(MEMORY, memory)
    }

    fn global_index(&mut self, global: u32) -> Written<u32> {
        self.number(GLOBAL, global)
    }

    fn tag_index(&mut self, _: u32) -> Written<u32> {
        known(None)
    }

    fn type_index(&mut self, ty: u32) -> Written<u32> {
        known(self.plan.type_number(self.member, ty))
    }

    fn element_index(&mut self, element: u32) -> Written<u32> {
        known(self.plan.elements_before[self.member].checked_add(element))
    }

    fn data_index(&mut self, data: u32) -> Written<u32> {
        known(self.plan.data_before[self.member].checked_add(data))
    }

    fn instruction<'i>(&mut self, operator: Operator<'i>) -> Written<Instruction<'i>> {
        if let Operator::RefFunc { function_index } = operator {
            let number = self.function_index(function_index)?;
            self.plan.referred.insert(number);
        }
        reencode::utils::instruction(self, operator)
    }

    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Written<ConstExpr> {
        let (mut operators, mut bytes) = (expression.get_operators_reader(), Vec::new());
        while !operators.is_end_then_eof() {
            let (member, operator) = known(self.plan.constant(self.member, operators.read()?))?;
            self.plan.writer(member).instruction(operator)?.encode(&mut bytes);
        }
        Ok(ConstExpr::raw(bytes))
    }
}

fn known<T>(found: Option<T>) -> Written<T> {
    found.ok_or(Error::UserError(Unknown))
}
