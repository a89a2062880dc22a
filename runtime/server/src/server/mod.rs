//! The pipelines of a server, and everything that can be done to them.

mod apply;
mod change;
mod documents;
mod offsets;
mod plan;
mod reload;
mod shapes;
mod turns;
mod view;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catchwater_engine::topology::Topology;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::{Registry, Result};

pub use self::apply::{Differs, Expected, Outlook, PassedOver, Wish, WishedFile};
pub use self::reload::{Reload, Reloaded};
pub use self::shapes::{Described, Origin, Wanted};
use self::turns::Turns;
pub(crate) use self::view::View;
use crate::connect::brokers::Brokers;
use crate::store::Store;
use crate::wrong::Wrong;

/// What a server works on.
pub struct Settings {
    /// Pipelines in files.
    pub folder: PathBuf,
    /// What the server keeps is under here.
    pub data_dir: PathBuf,
    /// Who speaks to Kafka itself, where the binary can.
    pub brokers: Option<Arc<dyn Brokers>>,
}

/// A running server without its HTTP; clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    folder: PathBuf,
    brokers: Option<Arc<dyn Brokers>>,
    store: Store,
    /// Where pipelines keep offsets that have no other place.
    data_dir: Arc<Path>,
    /// Tells one run of the server from another.
    started_micros: i64,
    /// What runs.
    turns: Turns,
    /// Whoever plans a change beside what there is holds it until that is shown: of two that want the same, one gets it. Planning
    /// contacts nobody.
    planning: tokio::sync::Mutex<()>,
    /// Whoever changes in the store what is wanted of a pipeline holds it.
    wishing: Mutex<()>,
    /// What is shown; never held while anything is waited for.
    view: Mutex<View>,
}

impl Server {
    /// Takes the data folder. Nothing runs before the first [`Server::reload`].
    pub fn open(settings: Settings, registry: Arc<Registry>, topology: Topology) -> Result<Server> {
        let store = Store::open(&settings.data_dir)?;
        let inner = Inner {
            registry,
            folder: settings.folder,
            brokers: settings.brokers,
            store,
            data_dir: topology.data_dir(),
            started_micros: SystemClock.now_micros(),
            turns: Turns::new(topology),
            planning: tokio::sync::Mutex::default(),
            wishing: Mutex::default(),
            view: Mutex::new(View::default()),
        };
        Ok(Server(Arc::new(inner)))
    }

    /// Every pipeline, by name.
    pub fn list(&self) -> Vec<Described> {
        self.view().pipelines.values().map(shapes::described).collect()
    }

    /// One pipeline.
    pub fn get(&self, name: &str) -> Result<Described, Wrong> {
        let view = self.view();
        view.pipelines.get(name).map(shapes::described).ok_or_else(|| Wrong::Unknown(name.to_owned()))
    }

    /// How the last reloads went.
    pub fn reloads(&self) -> Reloaded {
        self.view().last.clone()
    }

    /// The connectors that pipelines are made of.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// Who speaks to Kafka itself, where the binary can.
    pub(crate) fn brokers(&self) -> Option<Arc<dyn Brokers>> {
        self.0.brokers.clone()
    }

    /// The text of a pipeline that the server keeps, as it was given.
    pub(crate) fn kept(&self, name: &str) -> Result<Option<String>> {
        Ok(self.0.store.texts()?.remove(&self.0.store.path(name)))
    }

    /// The folder that is watched.
    pub fn folder(&self) -> &std::path::Path {
        &self.0.folder
    }

    fn wishing(&self) -> MutexGuard<'_, ()> {
        self.0.wishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.0.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
