//! What would change, and making it so if it still would.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use catchwater_engine::diff::{Difference, Effect, Kind, differences};
use catchwater_engine::plan::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::documents::Documents;
use super::plan::{Edit, Intended};
use super::view::Shown;
use super::{Origin, Reloaded, Server, Wanted};
use crate::wrong::Wrong;

/// Pipelines that somebody wants a server to have.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Their files.
    pub files: Vec<WishedFile>,
    /// Whether pipelines that were made through the API and are not in these files go.
    #[serde(default)]
    pub prune: bool,
}

/// A file of pipelines.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WishedFile {
    /// How messages call it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// What a wish would change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outlook {
    /// Stands for the wish and for what runs: `apply` takes no other.
    pub hash: String,
    /// Pipelines that would change, by name.
    pub changes: Vec<Expected>,
    /// How many would not.
    pub unchanged: usize,
    /// What the files hold besides pipelines: it changes nothing.
    pub passed_over: Vec<PassedOver>,
}

/// A destination: replays of whoever has its file can be sent to it, and a server has no use for it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PassedOver {
    /// Its name.
    pub destination: String,
    /// Where it stands: file, line and column.
    pub place: String,
}

/// What would become of a pipeline.
#[derive(Clone, Debug, Hash, Serialize, JsonSchema)]
pub struct Expected {
    /// Its name.
    pub pipeline: String,
    /// `create`, `adapt` (its source reads on), `replace` (it is stopped for that) or `delete`. One that waits for another
    /// system is always replaced.
    pub change: &'static str,
    /// In what it would differ.
    pub differences: Vec<Differs>,
}

/// In what a pipeline would differ.
#[derive(Clone, Debug, Hash, Serialize, JsonSchema)]
pub struct Differs {
    /// The component; none for what is the pipeline's own, such as its settings.
    pub component: Option<String>,
    /// `added`, `changed` or `removed`.
    pub kind: &'static str,
    /// What that does while it runs: nothing stops (`in_place`), it takes effect between two batches (`swap`), everything that
    /// was read is stored first (`flush`), or the pipeline drains and starts again (`restart`).
    pub effect: &'static str,
}

/// A wish that was understood.
struct Weighed {
    edit: Edit,
    intended: Intended,
    outlook: Outlook,
}

impl Server {
    /// Says what a wish would change, and changes nothing.
    pub fn plan(&self, wish: &Wish) -> Result<Outlook, Wrong> {
        self.weigh(wish).map(|weighed| weighed.outlook)
    }

    /// Makes it so, if that still is what was planned.
    pub async fn apply(&self, wish: Wish, hash: String) -> Result<Reloaded, Wrong> {
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let Weighed { edit, intended, outlook } = server.weigh(&wish)?;
                if outlook.hash != hash {
                    let text = "what runs, or what is wanted, is no longer what the plan was made of: plan again";
                    return Err(Wrong::Conflict(text.into()));
                }
                edit.documents.keys().try_for_each(|name| server.wish_at_first(name, Wanted::Running))?;
                let mut part = topology.lend(&edit.names());
                let done = match server.promise(&mut part, &edit, &intended) {
                    Ok(()) => server.fulfil(&mut part, &edit, intended).await,
                    Err(wrong) => Err(wrong),
                };
                topology.take_back(&edit.names(), part);
                let done = done?;
                server.try_again(topology).await?;
                Ok(done)
            })
        })
        .await
    }

    fn weigh(&self, wish: &Wish) -> Result<Weighed, Wrong> {
        let Documents { pipelines: documents, passed_over } = Documents::read(&wish.files, &self.0.registry)?;
        documents.keys().try_for_each(|name| self.own_or_new(name))?;
        let gone = if wish.prune { self.not_among(&documents) } else { Vec::new() };
        let edit = Edit { documents, gone };
        let intended = self.intend_edit(&edit)?;
        let changes = self.expect(&edit, &intended.plan);
        let others = intended.plan.pipelines.len() + intended.unsound.len() + edit.gone.len();
        let unchanged = others - changes.len();
        let hash = self.hash(wish, &changes)?;
        Ok(Weighed { edit, intended, outlook: Outlook { hash, changes, unchanged, passed_over } })
    }

    fn not_among(&self, documents: &BTreeMap<String, String>) -> Vec<String> {
        let view = self.view();
        let own = view.pipelines.iter().filter(|(_, shown)| shown.origin == Origin::Api);
        own.map(|(name, _)| name.clone()).filter(|name| !documents.contains_key(name)).collect()
    }

    /// Compared is what runs: where a change was put back, the same files change it again.
    fn expect(&self, edit: &Edit, plan: &Plan) -> Vec<Expected> {
        let view = self.view();
        let gone = edit.gone.iter().map(|name| Expected::new(name.clone(), "delete", Vec::new()));
        let mut changes: Vec<_> = gone.collect();
        for planned in plan.pipelines.iter().filter(|planned| edit.concerns(&planned.spec.name)) {
            let name = planned.spec.name.clone();
            match view.pipelines.get(&name).and_then(Shown::runs) {
                None => changes.push(Expected::new(name, "create", Vec::new())),
                Some(runs) if runs.same_as(planned) => {}
                Some(runs) => changes.push(Expected::of(name, differences(runs, planned))),
            }
        }
        changes.sort_by(|one, other| one.pipeline.cmp(&other.pipeline));
        changes
    }

    /// Another one after every change of what runs, of what is to run or of what would be done, and after a restart of the server.
    fn hash(&self, wish: &Wish, changes: &[Expected]) -> Result<String, Wrong> {
        let mut hasher = DefaultHasher::new();
        let (texts, wishes) = (self.0.store.texts()?, self.0.store.wishes()?);
        (wish, changes, texts, wishes, self.0.started_micros, self.view().last.generation).hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }
}

impl Expected {
    fn new(pipeline: String, change: &'static str, differences: Vec<Differs>) -> Expected {
        Expected { pipeline, change, differences }
    }

    fn of(pipeline: String, differences: Vec<Difference>) -> Expected {
        let is_restarted = differences.iter().any(|difference| difference.effect == Effect::Restart);
        let change = if is_restarted { "replace" } else { "adapt" };
        Expected::new(pipeline, change, differences.into_iter().map(Differs::from).collect())
    }
}

impl From<Difference> for Differs {
    fn from(Difference { component, kind, effect }: Difference) -> Differs {
        let kind = match kind {
            Kind::Added => "added",
            Kind::Changed => "changed",
            Kind::Removed => "removed",
        };
        let effect = match effect {
            Effect::InPlace => "in_place",
            Effect::Swap => "swap",
            Effect::Flush => "flush",
            Effect::Restart => "restart",
        };
        Differs { component, kind, effect }
    }
}
