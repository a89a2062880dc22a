//! Which sink of a pipeline fills a table.
//!
//! Two sinks of one pipeline in one table would find each other's positions for their own. Names that are written alike
//! are refused before the start; names with placeholders may still turn out to be one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use catchwater_sdk::{Context, Error, Result};

/// The sinks by table and pipeline.
#[derive(Debug, Default)]
pub(super) struct Takers(Mutex<HashMap<(String, Arc<str>), Taker>>);

#[derive(Debug)]
struct Taker {
    sink: Arc<str>,
    /// One of each task; gone with it.
    alive: Vec<Weak<()>>,
}

impl Takers {
    /// Notes that this sink fills the table, as long as `alive` lives; refused while another sink of its pipeline does.
    pub(super) fn take(&self, url: &str, context: &Context, alive: &Arc<()>) -> Result<()> {
        let mut takers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        takers.retain(|_, taker| {
            taker.alive.retain(|alive| alive.strong_count() > 0);
            !taker.alive.is_empty()
        });
        let key = (url.to_owned(), Arc::clone(&context.pipeline));
        let sink = Arc::clone(&context.component);
        let taker = takers.entry(key).or_insert_with(|| Taker { sink: Arc::clone(&sink), alive: Vec::new() });
        match taker.sink == sink {
            false => Err(Error::refused(format!(
                "sinks `{}` and `{sink}` of pipeline `{}` both store in {url}, where a pipeline has one position of each \
                 partition: give one of them another `collection`",
                taker.sink, context.pipeline
            ))),
            true => {
                taker.alive.push(Arc::downgrade(alive));
                Ok(())
            }
        }
    }
}
