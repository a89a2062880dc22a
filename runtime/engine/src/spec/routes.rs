//! Which records go to which sinks, and whether each record goes somewhere.

use std::ops::Range;

use catchwater_sdk::config::{Mistake, Node};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Pipeline;
use super::component::When;

/// The step that a dead letter names which no sink's `when` asked for.
pub(crate) const ROUTER: &str = "sinks";

/// What becomes of a record that no sink's `when` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// It is dropped on purpose, and counted.
    Drop,
    /// It goes to the pipeline's `dead_letters`.
    DeadLetter,
}

/// Where the keys stand that this is about.
pub(super) struct RouteSpans {
    unmatched: Option<Range<usize>>,
    /// Of each sink its `when`, or the sink itself.
    when: Vec<Range<usize>>,
}

impl RouteSpans {
    pub(super) fn of(root: &Node) -> RouteSpans {
        let sinks = root.get("sinks").map(Node::items).unwrap_or_default();
        RouteSpans {
            unmatched: root.get("unmatched").map(|node| node.span.clone()),
            when: sinks.iter().map(|sink| sink.span_of("when")).collect(),
        }
    }
}

impl Pipeline {
    /// A record that goes nowhere must be meant to. (Invariant 3)
    pub(super) fn check_routes(&self, spans: &RouteSpans) -> Result<(), Mistake> {
        let at = |sink: usize, message: &str, help: &str| {
            let key = format!("sinks[{sink}].when");
            Mistake::new(spans.when[sink].clone(), message).help(help).key(key)
        };
        let mut rest = (0..).zip(&self.sinks).filter(|(_, sink)| sink.component.when == When::Otherwise);
        let (rest, second) = (rest.next(), rest.next());
        if let Some((second, _)) = second {
            return Err(at(second, "two sinks take what is left", "only one can have `when: otherwise`"));
        }
        let queries = self.sinks.iter().filter(|sink| matches!(sink.component.when, When::Matching(_))).count();
        if let (Some((rest, _)), 0) = (rest, queries) {
            let help = "leave `when` out, or give another sink a query";
            return Err(at(rest, "nothing is left over: no other sink has a `when`", help));
        }
        let all_matched = rest.is_some() || self.sinks.iter().any(|sink| sink.component.when == When::Always);
        match (all_matched, self.unmatched, spans.unmatched.clone()) {
            (true, Some(_), Some(span)) => {
                let help = "leave it out: it is for pipelines whose every sink has a query as its `when`";
                Err(Mistake::new(span, "there are no such records: a sink takes all, or the rest")
                    .help(help)
                    .key("unmatched"))
            }
            (false, None, _) => {
                let message = "every sink has a `when`, and nothing says what becomes of a record that none asks for";
                let help = "add `unmatched: drop` or `unmatched: dead_letter` to the pipeline, or give one sink `when: otherwise`";
                Err(at(0, message, help))
            }
            (false, Some(Unmatched::DeadLetter), Some(span)) if self.dead_letters.is_none() => {
                let message = "`dead_letter` is asked for, and the pipeline has no `dead_letters`";
                Err(Mistake::new(span, message).help("add them, or choose `drop`").key("unmatched"))
            }
            _ => Ok(()),
        }
    }
}
