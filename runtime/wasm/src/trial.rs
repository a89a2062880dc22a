//! What a plugin must stand before it gets a place in a pipeline: it is found, granted what it wants, asked about its
//! configuration, and a transform is opened.

use std::sync::{Arc, Mutex};

use catchwater_sdk::config::Role;
use catchwater_sdk::{Context, Error, Result};
use tracing::warn;

use crate::bindings::lifecycle;
use crate::config::Bounds;
use crate::grants::Grants;
use crate::instance::Instance;
use crate::journal::{Journal, plain};
use crate::kept::Kept;
use crate::outside::Outside;
use crate::plugin::Plugin;
use crate::plugins::Plugins;
use crate::warm::{Place, Warm};

/// So many of a plugin's complaints are shown, and so much of each.
const ISSUES_MAX: usize = 8;
const ISSUE_CHARACTERS_MAX: usize = 500;

/// A place in a pipeline that wants a plugin.
pub(crate) struct Trial<'a> {
    pub(crate) role: Role,
    pub(crate) bounds: Bounds,
    pub(crate) config: &'a str,
    pub(crate) grants: &'a Grants,
    pub(crate) context: &'a Context,
}

/// What stood it.
pub(crate) struct Passed {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) opening: Opening,
    pub(crate) outside: Outside,
    /// Where the instance waits that stood it.
    pub(crate) place: Place,
}

/// What a plugin is told when it is opened.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pipeline: String,
    step: String,
    task: u32,
    tasks: u32,
    pub(crate) config: String,
    /// The last snapshot of the instance before, and the version of who wrote it.
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) state_version: u32,
}

// === impl Trial ===

impl Trial<'_> {
    /// The plugin, if this configuration opens it, and what it may do. A pipeline that runs already and builds its steps anew
    /// goes on with the plugin that it had when the file has become a bad one meanwhile: whoever put it there was told so by
    /// the reload.
    pub(crate) fn find(&self, plugins: &Plugins, name: &str) -> Result<Passed> {
        let found = plugins.load(name).map_err(|error| error.at_key("plugin"));
        let found = found.and_then(|plugin| self.passes(plugins, plugin));
        let Err(error) = &found else { return found };
        let is_built_anew = !self.is_planned() && !self.context.takes_over;
        let before = plugins.before(name).into_iter().filter(|_| is_built_anew);
        match before.into_iter().find_map(|plugin| self.passes(plugins, plugin).ok()) {
            Some(before) => {
                warn!(plugin = name, error = %error.chain(), "the plugin's file is no good; the one before goes on");
                Ok(before)
            }
            None => found,
        }
    }

    fn passes(&self, plugins: &Plugins, plugin: Arc<Plugin>) -> Result<Passed> {
        let (name, is, role) = (plugin.name(), plugin.role(), self.role);
        if is != role {
            return Err(Error::config(format!("{name} is a {is}, and this is the place of a {role}")).at_key("plugin"));
        }
        let outside = self.grant(&plugin)?;
        let left = self.context.state.as_deref().and_then(Kept::unpack);
        // What another plugin in this place was left with is none of its.
        let kept = left.as_ref().filter(|kept| kept.name == plugin.title().0);
        let opening = Opening::new(&plugin, self.config, self.context, kept);
        if let (Some(keyed), Some(kept)) = (outside.keyed(), kept) {
            keyed.read(kept.keyed);
        }
        let planned = self.context.take_ready::<Place>().and_then(|place| place.take());
        let warm = match planned.filter(|warm| kept.is_none() && warm.fits(&plugin, &opening)) {
            Some(warm) => warm,
            None => self.check(&plugin, &opening, &outside)?,
        };
        let outside = outside.with_values(warm.values.as_ref());
        let place = plugins.shelf()?.put(warm);
        if self.is_planned() {
            self.context.leave_ready(place.clone());
        }
        if let Some(left) = left {
            self.tell_left_behind(&plugin, &outside, &left);
        }
        Ok(Passed { plugin, opening, outside, place })
    }

    /// Nothing runs yet: it is seen whether it can.
    fn is_planned(&self) -> bool {
        self.context.format.is_none()
    }

    /// It may be meant so, when another plugin takes this place; it may as well be a mistake in a new version.
    fn tell_left_behind(&self, plugin: &Plugin, outside: &Outside, left: &Kept<'_>) {
        let is_other = left.name != plugin.title().0;
        let is_state_lost = !left.state.is_empty() && (is_other || plugin.state_version() == 0);
        let are_values_lost = !left.keyed.is_empty() && (is_other || outside.keyed().is_none());
        if !is_state_lost && !are_values_lost {
            return;
        }
        let why = match (is_other, is_state_lost) {
            (true, _) => "the plugin calls itself by another name",
            (false, true) => "the plugin has no version of a state any more",
            (false, false) => "the plugin does not want `state` any more",
        };
        let state_bytes = if is_state_lost { left.state.len() } else { 0 };
        let values_bytes = if are_values_lost { left.keyed.len() } else { 0 };
        let (plugin, before, step) = (plugin.name(), plain(left.name), &self.context.component);
        warn!(plugin, %step, before, state_bytes, values_bytes, why, "what was remembered in this step is left behind");
    }

    fn grant(&self, plugin: &Plugin) -> Result<Outside> {
        if self.role == Role::Transform && !self.grants.egress.is_empty() {
            return Err(Error::config("is for sources and sinks: a transform waits for nobody").at_key("grants.egress"));
        }
        if self.role != Role::Transform && self.grants.state {
            return Err(Error::config("is for transforms").at_key("grants.state"));
        }
        match plugin.needs().beyond(self.grants.all()) {
            Some(want) => {
                let grant = if want == "egress" { "egress: [{to: https://HOST}]" } else { &format!("{want}: true") };
                let text = format!("{} wants `{want}`, which is not granted: `grants: {{{grant}}}`", plugin.name());
                Err(Error::config(text).at_key("grants"))
            }
            None => Outside::new(plugin.needs(), self.grants, self.context),
        }
    }

    /// Asks the plugin what is wrong with its configuration; an error is its own complaint. A transform without one
    /// is opened, for trial and with the state that it will go on with: it has nothing that it could touch. What stood that need
    /// not do so once more.
    fn check(&self, plugin: &Arc<Plugin>, opening: &Opening, outside: &Outside) -> Result<Warm> {
        let broken = |fault| {
            let text = format!("plugin {} breaks off while it checks its configuration: {fault}", plugin.name());
            Error::config(text).at_key("plugin")
        };
        let output_bytes = self.bounds.output_bytes.min(Bounds::default().output_bytes);
        let bounds = Bounds { output_bytes, ..self.bounds };
        let silent = Arc::new(Mutex::new(Journal::silent()));
        let mut instance = Instance::new(plugin, bounds, silent, Outside::default()).map_err(broken)?;
        complaint(&instance.validate(self.config).map_err(broken)?)?;
        let told = Arc::new(Mutex::new(Journal::held(self.bounds.log_lines)));
        let is_open = self.role == Role::Transform;
        if is_open {
            instance.hand_to(self.bounds, Arc::clone(&told), outside.clone());
            instance.open(opening.lent()).map_err(broken)?.map_err(|failure| plugin.failure(&failure))?;
        }
        let planned = self.is_planned().then(|| opening.clone());
        Ok(Warm { plugin: Arc::clone(plugin), instance, is_open, told, values: outside.keyed().cloned(), planned })
    }
}

/// The first of a plugin's own complaints at its key, and the others behind it.
fn complaint(issues: &[lifecycle::Issue]) -> Result<()> {
    let Some(first) = issues.first() else { return Ok(()) };
    let (dot, key) = (if first.key.is_empty() || first.key.starts_with('[') { "" } else { "." }, short(&first.key));
    let mut messages: Vec<_> = issues.iter().take(ISSUES_MAX).map(|issue| short(&issue.message)).collect();
    if issues.len() > ISSUES_MAX {
        messages.push(format!("and {} more", issues.len() - ISSUES_MAX));
    }
    Err(Error::config(messages.join("; ")).at_key(format!("config{dot}{key}")))
}

fn short(text: &str) -> String {
    plain(&text.chars().take(ISSUE_CHARACTERS_MAX).collect::<String>())
}

// === impl Opening ===

impl Opening {
    /// With the state that the plugin was left with.
    fn new(plugin: &Plugin, config: &str, context: &Context, kept: Option<&Kept<'_>>) -> Opening {
        let kept = kept.filter(|kept| plugin.state_version() > 0 && kept.version > 0);
        Opening {
            pipeline: context.pipeline.to_string(),
            step: context.component.to_string(),
            task: u32::from(context.task),
            tasks: u32::from(context.tasks),
            config: config.to_owned(),
            state: kept.map(|kept| kept.state.to_vec()),
            state_version: kept.map_or(0, |kept| kept.version),
        }
    }

    pub(crate) fn lent(&self) -> lifecycle::Opening<'_> {
        lifecycle::Opening {
            pipeline: &self.pipeline,
            step: &self.step,
            task: self.task,
            tasks: self.tasks,
            config: &self.config,
            state: self.state.as_deref(),
            state_version: self.state_version,
            attributes: &[],
        }
    }
}
