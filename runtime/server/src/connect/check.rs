//! Whether a configuration can become a pipeline: what Kafka Connect's form says of it, and then what `check` would.

use std::collections::HashSet;
use std::path::Path;

use catchwater_engine::plan::{Plan, plan_texts};
use catchwater_engine::spec::{Located, Mistakes, SETTINGS};
use catchwater_sdk::Registry;
use catchwater_sdk::config::Role;
use serde::Serialize;
use serde_json::Value;

use super::class::Class;
use super::definitions::{self, Definition};
use super::document::{Made, World, make};
use super::flat::Flat;
use super::invalid::Invalid;
use super::kept;

/// The key that a mistake in the server's own settings is told of, for want of one that is the connector's.
const KAFKA: &str = "connector.class";

/// The document of a connector in which nothing is wrong.
pub(crate) struct Sound {
    pub(crate) text: String,
    /// The same with stars for secrets, as it is shown.
    pub(crate) shown: String,
}

/// The document of a connector, or all that is wrong.
pub(crate) fn check(name: &str, flat: &Flat, class: &Class, world: World<'_>) -> Result<Sound, Vec<Invalid>> {
    let mut made = make(name, flat, class, world);
    let mut wrong = std::mem::take(&mut made.wrong);
    if world.kafka.is_none() {
        return Err(wrong);
    }
    // A mistake that is known hides none, but what it concerns is not told again in the pipeline's own words.
    match plan(name, &made, class, world.registry) {
        Ok(sound) if wrong.is_empty() => Ok(sound),
        Ok(_) => Err(wrong),
        Err(mistakes) => {
            // Who was shown a secret as hidden is not told it with what is wrong about it.
            let flat = kept::hidden(flat, class, world.registry);
            let known: HashSet<_> = wrong.iter().map(|one| one.key.clone()).collect();
            let mut found: Vec<_> = mistakes.list().iter().map(|located| told(located, &made, &flat)).collect();
            // A mistake in the server's Kafka is one of the source and of the dead letters.
            let mut told = HashSet::new();
            found.retain(|one| !known.contains(&one.key) && told.insert((one.key.clone(), one.message.clone())));
            wrong.extend(found);
            Err(wrong)
        }
    }
}

fn plan(name: &str, made: &Made, class: &Class, registry: &Registry) -> Result<Sound, Mistakes> {
    let plan_of = |document: &Value| {
        let text = format!("{document:#}\n");
        plan_texts(&[(Path::new(name), &text)], registry).map(|plan| (plan, text))
    };
    // `tasks.max` is a maximum: a source that cannot be shared has one task.
    if class.role == Role::Source {
        let mut alone = made.document.clone();
        alone.as_object_mut().and_then(|keys| keys.remove("tasks"));
        let (plan, text) = plan_of(&alone)?;
        if plan.pipelines.iter().all(|planned| planned.tasks == 1) {
            return Ok(sound(&plan, text));
        }
    }
    plan_of(&made.document).map(|(plan, text)| sound(&plan, text))
}

fn sound(plan: &Plan, text: String) -> Sound {
    let shown = plan.pipelines.iter().map(|planned| planned.spec.place.file().text().to_owned()).collect();
    Sound { text, shown }
}

/// A mistake in the document, told of the key.
fn told(located: &Located, made: &Made, flat: &Flat) -> Invalid {
    let mistake = &located.mistake;
    let path = mistake.key.as_deref().unwrap_or_default();
    let help = mistake.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    if let Some(setting) = made.setting_of(path) {
        let message = &mistake.message;
        return Invalid::new(KAFKA, format!("`kafka.{setting}` in the server's {SETTINGS}: {message}{help}"));
    }
    let key = made.key_of(path);
    let text = flat.get(&key);
    if text.is_none() && mistake.message == "is missing" {
        return Invalid::missing(&key);
    }
    Invalid::value(&key, text.unwrap_or("null"), &format!("{}{help}", mistake.message))
}

/// The outcome as Kafka Connect shows it: each key with its definition, its value and what is wrong with it.
#[derive(Debug, Serialize)]
pub(crate) struct Validated {
    name: String,
    error_count: usize,
    groups: Vec<String>,
    configs: Vec<Validity>,
}

#[derive(Debug, Serialize)]
struct Validity {
    definition: Option<Definition>,
    value: Valued,
}

#[derive(Debug, Serialize)]
struct Valued {
    name: String,
    value: Option<String>,
    recommended_values: Vec<String>,
    errors: Vec<String>,
    visible: bool,
}

// === impl Validated ===

impl Validated {
    pub(crate) fn new(flat: &Flat, class: &Class, wrong: &[Invalid], registry: &Registry) -> Validated {
        let mut definitions = definitions::of_class(class, registry);
        for alias in flat.list("transforms") {
            let type_name = flat.get(&format!("transforms.{alias}.type")).unwrap_or_default();
            definitions.extend(definitions::of_transform(alias, type_name, registry));
        }
        let mut groups: Vec<String> = Vec::new();
        for group in definitions.iter().filter_map(|definition| definition.group.clone()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let mut told: HashSet<_> = definitions.iter().map(|definition| definition.name.clone()).collect();
        let of_definition = |definition: Definition| {
            let value = flat.get(&definition.name).map(str::to_owned).or_else(|| definition.default_value.clone());
            Validity { value: Valued::new(&definition.name, value, wrong), definition: Some(definition) }
        };
        let mut configs: Vec<_> = definitions.into_iter().map(of_definition).collect();
        for key in wrong.iter().map(|one| one.key.as_str()) {
            if told.insert(key.to_owned()) {
                let value = Valued::new(key, flat.get(key).map(str::to_owned), wrong);
                configs.push(Validity { definition: None, value });
            }
        }
        Validated { name: class.name(), error_count: wrong.len(), groups, configs }
    }
}

impl Valued {
    fn new(name: &str, value: Option<String>, wrong: &[Invalid]) -> Valued {
        let errors = wrong.iter().filter(|one| one.key == name).map(|one| one.message.clone()).collect();
        Valued { name: name.to_owned(), value, recommended_values: Vec::new(), errors, visible: true }
    }
}
