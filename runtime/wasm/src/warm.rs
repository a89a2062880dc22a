//! Instances that stood their trial, kept for a while for the step that will work with them: to make another one takes an
//! interpreter longer than all else at its start.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::journal::Journal;
use crate::keyed::Keyed;
use crate::plugin::Plugin;
use crate::trial::Opening;

/// So many wait at a time, the newest: no running step has asked for the memory that they take. (Invariant 9)
const WAITING_MAX: usize = 16;
/// One that nobody needed by then is dropped.
const WAITS_MAX: Duration = Duration::from_secs(10);

/// An instance that was asked about a configuration, and opened if it is a transform's.
pub(crate) struct Warm {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) instance: Instance,
    pub(crate) is_open: bool,
    /// What it logged and counted while it was opened: who takes it over tells it.
    pub(crate) told: Arc<Mutex<Journal>>,
    /// The values that it may have changed meanwhile, which nobody has settled.
    pub(crate) values: Option<Keyed>,
    /// What it was told, where a plan made it and not the step itself.
    pub(crate) planned: Option<Opening>,
}

/// Where one waits: it is taken once, and gone when it has waited too long. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Option<Warm>>>);

/// All that wait in a process, the oldest first.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<VecDeque<(Instant, WeakPlace)>>);

type WeakPlace = Weak<Mutex<Option<Warm>>>;

// === impl Warm ===

impl Warm {
    /// Whether a step that is told this, and has nothing to go on with, can work with one that a plan made.
    pub(crate) fn fits(&self, plugin: &Plugin, opening: &Opening) -> bool {
        let told = self.planned.as_ref().filter(|_| self.plugin.digest() == plugin.digest());
        told.is_some_and(|told| if self.is_open { told == opening } else { told.config == opening.config })
    }
}

// === impl Place ===

impl Place {
    pub(crate) fn take(&self) -> Option<Warm> {
        lock(&self.0).take()
    }
}

// === impl Shelf ===

impl Shelf {
    /// A place for it. Another one may have to go.
    pub(crate) fn put(&self, warm: Warm) -> Place {
        let place = Place(Arc::new(Mutex::new(Some(warm))));
        let mut places = lock(&self.0);
        places.retain(|(_, place)| place.upgrade().is_some_and(|place| lock(&place).is_some()));
        places.push_back((Instant::now(), Arc::downgrade(&place.0)));
        let surplus = places.len().saturating_sub(WAITING_MAX);
        let gone: Vec<_> = places.drain(..surplus).collect();
        drop(places);
        gone.iter().for_each(|(_, place)| empty(place));
        place
    }

    /// Drops those that have waited too long.
    pub(crate) fn sweep(&self, now: Instant) {
        let is_over = |since: Instant| now.duration_since(since) >= WAITS_MAX;
        while let Some((_, place)) = lock(&self.0).pop_front_if(|(since, _)| is_over(*since)) {
            empty(&place);
        }
    }
}

/// What it changed while it was opened has not happened then. All under its lock: a step that finds nothing here opens another
/// one at once, which changes the same.
fn empty(place: &WeakPlace) {
    let Some(place) = place.upgrade() else { return };
    let mut place = lock(&place);
    if let Some(values) = place.take().and_then(|warm| warm.values) {
        values.settle(false);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
