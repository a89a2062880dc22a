//! Who changes what runs, and when: what concerns one pipeline waits for nobody but who changes that one, and what concerns all
//! waits for all.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use catchwater_engine::topology::Topology;
use catchwater_sdk::Error;
use tokio::sync::{Mutex as Turn, RwLock};

use super::Server;
use crate::wrong::Wrong;

/// What somebody does to pipelines: to all of a topology, or to the part that is lent.
pub(super) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Wrong>> + Send + 'a>>;

/// What runs, and whose turn it is to change it.
pub(super) struct Turns {
    /// Held by who changes all; shared by those that change one.
    all: RwLock<()>,
    /// Those that are being changed, or waited for.
    each: Mutex<BTreeMap<String, Arc<Turn<()>>>>,
    /// Held for as long as who changes all takes, and else just to lend a part.
    topology: Turn<Topology>,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(topology: Topology) -> Turns {
        Turns { all: RwLock::new(()), each: Mutex::default(), topology: Turn::new(topology) }
    }

    fn turn_of(&self, name: &str) -> Arc<Turn<()>> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(each.entry(name.to_owned()).or_default())
    }
}

impl Server {
    /// Does it to the end, also when nobody waits for it any more, and nothing else meanwhile.
    pub(super) async fn undisturbed<T, F>(&self, work: F) -> Result<T, Wrong>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a Server, &'a mut Topology) -> Doing<'a, T> + Send + 'static,
    {
        let server = self.clone();
        to_the_end(async move {
            let turns = &server.0.turns;
            let _all = turns.all.write().await;
            work(&server, &mut *turns.topology.lock().await).await
        })
        .await
    }

    /// The same of one pipeline, to which nothing else is done meanwhile.
    pub(super) async fn undisturbed_of<T, F>(&self, name: &str, work: F) -> Result<T, Wrong>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a Server, &'a mut Topology, &'a str) -> Doing<'a, T> + Send + 'static,
    {
        let (server, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            let turns = &server.0.turns;
            let turn = turns.turn_of(&name);
            let _turn = turn.lock().await;
            let _shared = turns.all.read().await;
            let mut part = turns.topology.lock().await.lend(&[&name]);
            let done = work(&server, &mut part, &name).await;
            turns.topology.lock().await.take_back(&[&name], part);
            done
        })
        .await
    }
}

/// Carries it to its end, whoever asked for it and has hung up since.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Wrong>> + Send + 'static,
) -> Result<T, Wrong> {
    let died = |panic| Err(Wrong::Failed(Error::bug("a change of what runs died").because(panic)));
    tokio::spawn(work).await.unwrap_or_else(died)
}
