//! A component without what nothing in it asks for.
//!
//! The engine keeps the names of all functions, exports and imports of each module, and reads them all again at each start. An
//! interpreter, whose libraries are linked with each other by name, exports thousands that nobody imports. So its modules become
//! one; what is left of its names need not be longer than it takes to tell them apart.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef,
    Export, ExternalKind, FromReader, Imports, Instance, Parser, Payload, SectionLimited, Validator, WasmFeatures,
};
use wasmtime::Engine;

use self::links::{Links, Names};

mod join;
mod links;

/// Another one where something else is made of a component: what was compiled before is compiled anew then.
pub(crate) const VERSION: u32 = 2;

/// The numbers of sections, as the format has them: the first is one of a component, the others are of a module.
const MODULE_SECTION: u8 = 1;
const IMPORT_SECTION: u8 = 2;
const EXPORT_SECTION: u8 = 7;
/// Those of a component in which core instances are made, and in which their exports are named.
const INSTANCE_SECTION: u8 = 2;
const ALIAS_SECTION: u8 = 6;

/// The component, its own modules joined where that can be done, without the names of their functions and without the exports that
/// nothing asks for, and linked by short names. Components in it are left as they are. Nothing where somebody else could see its
/// modules, or where it is written in a way that is not known here.
///
/// What it makes must be checked as if it were what a stranger sent: functions that stay are not looked into here.
pub(crate) fn trim(engine: &Engine, component: &[u8]) -> Option<Vec<u8>> {
    let joined = join::join(engine, component);
    shorten(joined.as_deref().unwrap_or(component))
}

fn shorten(component: &[u8]) -> Option<Vec<u8>> {
    let mut links = Links::default();
    each_checked(component, |place, payload| links.note(place, payload))?;
    rewrite(component, &links.names())
}

/// Notes each part of a component: what goes must have been right too. Nothing where something is wrong, but for functions,
/// which are not looked into, or where modules as such are handed on.
fn each_checked<'a>(component: &'a [u8], mut note: impl FnMut(Place, Payload<'a>) -> Option<()>) -> Option<()> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for part in parts(component) {
        let (place, payload) = part?;
        validator.payload(&payload).ok()?;
        (!shows_modules(&payload)?).then_some(())?;
        note(place, payload)?;
    }
    Some(())
}

/// Where in a component something stands.
#[derive(Clone, Copy)]
enum Place {
    Component,
    /// In the module of this number.
    Module(usize),
    /// In a component in the component, or before all.
    Elsewhere,
}

/// What a component is made of, and where it stands; nothing where it cannot be read.
fn parts(component: &[u8]) -> impl Iterator<Item = Option<(Place, Payload<'_>)>> {
    let (mut depth, mut modules, mut is_module) = (0_usize, 0_usize, false);
    Parser::new(0).parse_all(component).map(move |payload| {
        let payload = payload.ok()?;
        let place = match depth {
            1 => Place::Component,
            2 if is_module => Place::Module(modules - 1),
            _ => Place::Elsewhere,
        };
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection { .. } if depth == 1 => (modules, is_module) = (modules + 1, true),
            Payload::ComponentSection { .. } if depth == 1 => is_module = false,
            _ => {}
        }
        Some((place, payload))
    })
}

/// Whether modules as such are handed on here, so that somebody else may instantiate them; nothing where it cannot be read.
fn shows_modules(payload: &Payload<'_>) -> Option<bool> {
    let is_module = |kind: ComponentExternalKind| kind == ComponentExternalKind::Module;
    match payload {
        Payload::ComponentImportSection(imports) => {
            any(imports, |import| matches!(import.ty, ComponentTypeRef::Module(_)))
        }
        Payload::ComponentExportSection(exports) => any(exports, |export| is_module(export.kind)),
        Payload::ComponentInstanceSection(instances) => any(instances, |instance| match instance {
            ComponentInstance::Instantiate { args, .. } => args.iter().any(|arg| is_module(arg.kind)),
            ComponentInstance::FromExports(exports) => exports.iter().any(|export| is_module(export.kind)),
        }),
        Payload::ComponentAliasSection(aliases) => any(aliases, |alias| match alias {
            ComponentAlias::InstanceExport { kind, .. } => is_module(*kind),
            ComponentAlias::Outer { kind, .. } => *kind == ComponentOuterAliasKind::CoreModule,
            ComponentAlias::CoreInstanceExport { .. } => false,
        }),
        _ => Some(false),
    }
}

fn any<'a, T: FromReader<'a>>(items: &SectionLimited<'a, T>, is_one: impl Fn(&T) -> bool) -> Option<bool> {
    let mut found = false;
    for item in items.clone() {
        found |= is_one(&item.ok()?);
    }
    Some(found)
}

fn rewrite(component: &[u8], names: &Names<'_>) -> Option<Vec<u8>> {
    let (mut made, mut module, mut instances) = (Vec::with_capacity(component.len()), Vec::new(), 0);
    for part in parts(component) {
        match part? {
            (Place::Elsewhere, Payload::Version { range, .. }) if made.is_empty() => made.extend(&component[range]),
            (Place::Elsewhere, _) => {}
            (Place::Component, Payload::Version { range, .. }) => module = component[range].to_vec(),
            (Place::Component, Payload::ModuleSection { .. }) => {} // it is there when its end is
            (Place::Module(_), Payload::End(_)) => put(&mut made, MODULE_SECTION, &module),
            (Place::Component, Payload::InstanceSection(section)) => {
                put(&mut made, INSTANCE_SECTION, &bundles(component, section, names, &mut instances)?);
            }
            (Place::Component, Payload::ComponentAliasSection(section)) => {
                put(&mut made, ALIAS_SECTION, &aliases(component, section, names)?);
            }
            (Place::Module(_), Payload::CustomSection(custom)) if custom.name() == "name" => {}
            (Place::Module(number), Payload::ExportSection(section)) => {
                put(&mut module, EXPORT_SECTION, &exports(component, section, names, number)?);
            }
            (Place::Module(number), Payload::ImportSection(section)) => {
                put(&mut module, IMPORT_SECTION, &imports(component, section, names, number)?);
            }
            (Place::Component, payload) => copy(&mut made, component, &payload)?,
            (Place::Module(_), payload) => copy(&mut module, component, &payload)?,
        }
    }
    Some(made)
}

fn exports(from: &[u8], section: SectionLimited<'_, Export<'_>>, names: &Names<'_>, module: usize) -> Option<Vec<u8>> {
    items(from, section, |item, export| match names.of_export(module, export.name) {
        Some(name) => Some(Some([&text(name)[..], after_texts(item, 1)?].concat())),
        None => Some(None),
    })
}

fn imports(from: &[u8], section: SectionLimited<'_, Imports<'_>>, names: &Names<'_>, module: usize) -> Option<Vec<u8>> {
    items(from, section, |item, imports| {
        let Imports::Single(_, import) = imports else { return None };
        let name = names.of_import(module, import.module, import.name)?;
        Some(Some([&text(import.module)[..], &text(name), after_texts(item, 2)?].concat()))
    })
}

fn aliases(from: &[u8], section: SectionLimited<'_, ComponentAlias<'_>>, names: &Names<'_>) -> Option<Vec<u8>> {
    items(from, section, |item, alias| match alias {
        ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
            let (instance, name) = (instance_index as usize, names.of_instance(instance_index as usize, name)?);
            Some(Some([vec![0, code(kind)?, 1], number(instance), text(name)].concat()))
        }
        _ => Some(Some(item.to_vec())),
    })
}

/// Core instances, of which those that are made of others' exports name them.
fn bundles(
    from: &[u8],
    section: SectionLimited<'_, Instance<'_>>,
    names: &Names<'_>,
    instances: &mut usize,
) -> Option<Vec<u8>> {
    items(from, section, |item, instance| {
        *instances += 1;
        match instance {
            Instance::Instantiate { .. } => Some(Some(item.to_vec())),
            Instance::FromExports(exports) => Some(Some(bundle(&exports, names, *instances - 1)?)),
        }
    })
}

/// A section of what is made of each item, or left of them where some go; nothing where one of them is not understood.
fn items<'a, T: FromReader<'a>>(
    component: &[u8],
    section: SectionLimited<'a, T>,
    mut made_of: impl FnMut(&[u8], T) -> Option<Option<Vec<u8>>>,
) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    for (written, item) in pieces(component, section)? {
        made.extend(made_of(written, item)?);
    }
    Some([number(made.len()), made.concat()].concat())
}

/// The items of a section, as they are written and what they mean.
fn pieces<'c, 'a, T: FromReader<'a>>(
    component: &'c [u8],
    section: SectionLimited<'a, T>,
) -> Option<Vec<(&'c [u8], T)>> {
    let end = section.range().end;
    let items: Vec<_> = section.into_iter_with_offsets().collect::<Result<_, _>>().ok()?;
    let ends: Vec<_> = items.iter().map(|(begin, _)| *begin).skip(1).chain([end]).collect();
    items.into_iter().zip(ends).map(|((begin, item), end)| Some((component.get(begin..end)?, item))).collect()
}

/// A core instance that is made of others' exports.
fn bundle(exports: &[Export<'_>], names: &Names<'_>, instance: usize) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    for export in exports {
        if let Some(name) = names.of_instance(instance, export.name) {
            made.push([text(name), vec![code(export.kind)?], number(export.index as usize)].concat());
        }
    }
    Some([vec![1], number(made.len()), made.concat()].concat())
}

/// What comes after so many texts.
fn after_texts(item: &[u8], texts: usize) -> Option<&[u8]> {
    let mut reader = BinaryReader::new(item, 0);
    (0..texts).try_for_each(|_| reader.skip_string()).ok()?;
    item.get(reader.original_position()..)
}

fn code(kind: ExternalKind) -> Option<u8> {
    match kind {
        ExternalKind::Func => Some(0),
        ExternalKind::Table => Some(1),
        ExternalKind::Memory => Some(2),
        ExternalKind::Global => Some(3),
        ExternalKind::Tag => Some(4),
        ExternalKind::FuncExact => None,
    }
}

/// Nothing where less of it is there than it says.
fn copy(to: &mut Vec<u8>, component: &[u8], payload: &Payload<'_>) -> Option<()> {
    if let Some((id, range)) = payload.as_section() {
        put(to, id, component.get(range)?);
    }
    Some(())
}

fn put(to: &mut Vec<u8>, id: u8, contents: &[u8]) {
    to.push(id);
    to.extend(number(contents.len()));
    to.extend(contents);
}

fn text(text: &str) -> Vec<u8> {
    [&number(text.len()), text.as_bytes()].concat()
}

/// Seven bits a byte, the lowest first; all bytes but the last have their highest bit set.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests;
