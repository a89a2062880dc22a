//! Values that may have one of several forms.

use catchwater_sdk::config::{Key, Kind, Node, Problem};
use catchwater_sdk::nearest;
use serde_json::Value;

use super::super::traps;
use super::{Found, Walker, scalar, types};

/// The alternatives of a schema, without `null`, which a configuration says by leaving the key out.
pub(super) fn of(schema: &Value) -> Option<Vec<&Value>> {
    let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    if scalar::choices(schema).is_some() {
        return None;
    }
    Some(branches.iter().filter(|branch| branch["type"] != "null").collect())
}

impl<'a> Walker<'a> {
    pub(super) fn alternatives(&mut self, node: &Node, schema: &'a Value, branches: &[&'a Value]) {
        let branches: Vec<_> = branches.iter().map(|branch| self.resolve(branch)).collect();
        let maps: Vec<_> = branches.iter().copied().filter(|branch| accepts(branch, "object")).collect();
        if let Some(key) =
            discriminator(&maps).filter(|_| maps.len() == branches.len() || matches!(node.kind, Kind::Map(..)))
        {
            return self.told_apart(node, schema, &maps, key);
        }
        let fitting: Vec<_> = branches.iter().copied().filter(|branch| fits(branch, node)).collect();
        match fitting.as_slice() {
            [] => self.wrong(node, &expected(&branches), None),
            [only] => self.value(node, only),
            several => self.best_of(node, several),
        }
    }

    /// Keeps the mistakes of the alternative that has the fewest.
    fn best_of(&mut self, node: &Node, branches: &[&'a Value]) {
        let attempt = |branch: &&'a Value| {
            let found = Found { mistakes: Vec::new(), secrets: Vec::new() };
            let (root, text, path) = (self.root, self.text, self.path.clone());
            let mut walker = Walker { root, text, incomplete: self.incomplete, path, found };
            walker.value(node, branch);
            walker.found
        };
        if let Some(best) = branches.iter().map(attempt).min_by_key(|found| found.mistakes.len()) {
            self.found.mistakes.extend(best.mistakes);
            self.found.secrets.extend(best.secrets);
        }
    }

    /// A map of which one key, such as `type`, tells which other keys there are.
    fn told_apart(&mut self, node: &Node, schema: &'a Value, branches: &[&'a Value], discriminator: &'a str) {
        let Kind::Map(entries, _) = &node.kind else {
            return self.wrong(node, "a map of keys and values", traps::to_component(node, discriminator));
        };
        let what = format!("{} {discriminator}", schema["title"].as_str().unwrap_or_default());
        let what = what.trim_start();
        let Some(value) = discriminating(entries, branches, discriminator) else {
            return self.untold(node, branches, discriminator, what);
        };
        let Some(name) = value.as_text() else {
            if !matches!(value.kind, Kind::Bad) {
                self.within_key(discriminator, |walker| walker.wrong(value, "text", None));
            }
            return;
        };
        let branch = |name: &str| branches.iter().copied().find(|branch| constant(branch, discriminator) == Some(name));
        if let Some(branch) = branch(name) {
            return self.value(node, branch);
        }
        // What is unknown is read as what it was likely meant to be, so that its other keys are checked too.
        let names: Vec<_> = branches.iter().filter_map(|branch| constant(branch, discriminator)).collect();
        let near = nearest(name, names.iter().copied());
        let help =
            near.map_or_else(|| format!("there are: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        let problem = Problem::new(format!("unknown {what} {}", super::shown(value))).help(help);
        self.within_key(discriminator, |walker| walker.report(value.span.clone(), problem));
        if let Some(branch) = near.and_then(branch) {
            self.value(node, branch);
        }
    }

    fn untold(&mut self, node: &Node, branches: &[&'a Value], discriminator: &str, what: &str) {
        if self.incomplete {
            return;
        }
        let names: Vec<_> = branches.iter().filter_map(|branch| constant(branch, discriminator)).collect();
        let place = node.entries().first().map_or(node.span.clone(), |(key, _)| key.span.clone());
        let problem = Problem::new("is missing").help(format!("the {what} is one of: {}", names.join(", ")));
        self.within_key(discriminator, |walker| walker.report(place, problem));
    }
}

/// The value of the key that tells branches apart, also where the key was misspelt; the walk of the branch reports that.
fn discriminating<'n>(entries: &'n [(Key, Node)], branches: &[&Value], discriminator: &str) -> Option<&'n Node> {
    let exact = entries.iter().find(|(key, _)| key.text == discriminator);
    let property = branches.first().map(|branch| &branch["properties"][discriminator]);
    let foreign = |key: &str| {
        property.is_some_and(|property| {
            property["x-names"].as_array().is_some_and(|names| names.iter().any(|name| name == key))
        })
    };
    let meant = |key: &str| foreign(key) || nearest(key, [discriminator]).is_some();
    exact.or_else(|| entries.iter().find(|(key, _)| meant(&key.text))).map(|(_, value)| value)
}

/// The property that has a different constant in each branch.
fn discriminator<'a>(branches: &[&'a Value]) -> Option<&'a str> {
    let first = branches.first()?["properties"].as_object()?;
    let names = first.keys().map(String::as_str);
    names.into_iter().find(|name| branches.iter().all(|branch| constant(branch, name).is_some()))
}

fn constant<'a>(branch: &'a Value, name: &str) -> Option<&'a str> {
    branch["properties"][name]["const"].as_str()
}

fn accepts(branch: &Value, type_name: &str) -> bool {
    types(branch).contains(&type_name)
}

/// Whether a branch is for nodes of this kind.
fn fits(branch: &Value, node: &Node) -> bool {
    let of_types = |names: &[&str]| types(branch).is_empty() || names.iter().any(|name| accepts(branch, name));
    match &node.kind {
        Kind::Map(..) => of_types(&["object"]) && scalar::choices(branch).is_none(),
        Kind::Seq(..) => of_types(&["array"]) && scalar::choices(branch).is_none(),
        _ => of_types(&["string", "integer", "number", "boolean"]),
    }
}

fn expected(branches: &[&Value]) -> String {
    let word = |name: &str| match name {
        "object" => "a map of keys and values",
        "array" => "a list",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        _ => "text",
    };
    let mut words: Vec<_> = branches.iter().flat_map(|branch| types(branch)).map(word).collect();
    words.dedup();
    words.join(" or ")
}
