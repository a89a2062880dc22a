//! One source, transform or sink of a pipeline, as its file describes it.

use std::ops::Range;
use std::sync::Arc;

use catchwater_query::Query;
use catchwater_sdk::config::{Mistake, Node, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Located, SourceFile};

/// A component as it was asked for. Two are equal when they would run the same, wherever they stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// What it does in its pipeline.
    pub role: Role,
    /// The connector, such as `kafka`.
    pub type_name: String,
    /// Its name, unique in its pipeline: the key of its state and its metrics.
    pub name: String,
    /// What becomes of a record that it cannot process or store.
    pub on_error: OnError,
    /// Which records concern it.
    pub when: When,
    /// The keys that belong to the connector.
    pub node: Node,
    /// Where it stands.
    pub place: Place,
}

/// What becomes of a record that a component cannot process or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It goes to the pipeline's `dead_letters`, with the reason. The default where there are any.
    DeadLetter,
    /// The pipeline stops. The default where there are no `dead_letters`.
    Fail,
    /// It is dropped and counted.
    Drop,
}

/// Which records concern a component.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// All of them.
    Always,
    /// Those that a query asks for.
    Matching(Query),
    /// Of a sink: those that no other sink's query asks for.
    Otherwise,
}

/// Where something stands in the files. All places are equal, so that moving a pipeline within its file changes nothing.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) file: Arc<SourceFile>,
    pub(super) span: Range<usize>,
    /// The key that leads there, such as `sinks[0]`.
    pub(super) path: String,
}

/// The keys that any component may have.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CommonKeys {
    /// The connector.
    #[serde(rename = "type")]
    #[schemars(extend("x-names" = ["kind", "connector", "connector.class", "plugin"]))]
    pub(super) type_name: String,

    /// Names its state and its metrics; unique in the pipeline. Without it the type, then `type-2`.
    #[schemars(extend("format" = "name", "x-names" = ["id", "label"]))]
    pub(super) name: Option<String>,

    /// What becomes of a record that cannot be processed or stored here.
    pub(super) on_error: Option<OnError>,
}

/// What stands for the records that no query asks for.
pub(super) const OTHERWISE: &str = "otherwise";

impl When {
    /// Takes it out of a component's keys; the walker has read the query already.
    pub(super) fn take(node: &mut Node, role: Role) -> Result<When, Mistake> {
        let Some(when) = node.take("when") else { return Ok(When::Always) };
        match (when.as_text(), role) {
            (Some(OTHERWISE), Role::Sink) => return Ok(When::Otherwise),
            (Some(OTHERWISE), _) => {
                let message = "`otherwise` is for sinks: it takes what no other sink asks for";
                let help = "a transform is passed by what it is not for; to look for the word, write '\"otherwise\"'";
                return Err(Mistake::new(when.span.clone(), message).help(help).key("when"));
            }
            _ => {}
        }
        let query: Query = when.read()?;
        match query.check_for_records() {
            Ok(()) => Ok(When::Matching(query)),
            Err(problem) => Err(problem.at(when.span.clone()).key("when")),
        }
    }
}

impl CommonKeys {
    /// Takes them out of a component's keys; what is left belongs to the connector.
    pub(super) fn take(node: &mut Node) -> Result<CommonKeys, Mistake> {
        node.take_keys(&["type", "name", "on_error"]).read()
    }
}

impl Place {
    /// A mistake in this file, whose key is one within what stands here.
    pub fn located(&self, mut mistake: Mistake) -> Located {
        mistake.key =
            mistake.key.map(|key| format!("{}{}{key}", self.path, if self.path.is_empty() { "" } else { "." }));
        Located { file: Arc::clone(&self.file), mistake }
    }

    /// The file.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// `file:line:column`.
    pub fn describe(&self) -> String {
        self.file.describe(self.span.start)
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}
