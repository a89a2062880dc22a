//! What components have ready when they are planned, for those that run in their places.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What takes long to make and was made only to see that it can be: the component that is built to run takes it, with
/// [`Context::take_ready`](crate::Context::take_ready), if it fits still. It goes with the plan. Clones share it.
#[derive(Clone, Default)]
pub struct Ready(Arc<Mutex<BTreeMap<Arc<str>, Thing>>>);

type Thing = Box<dyn Any + Send>;

impl Ready {
    /// Leaves what this component has; what it left before is dropped.
    pub fn leave(&self, component: &Arc<str>, thing: Thing) {
        let before = self.things().insert(Arc::clone(component), thing);
        drop(before); // not under the lock
    }

    /// What this component left, once.
    pub fn take(&self, component: &str) -> Option<Thing> {
        self.things().remove(component)
    }

    fn things(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Thing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.things().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_taken_once_and_by_the_component_of_that_name() {
        let (ready, names): (_, [Arc<str>; 2]) = (Ready::default(), ["one".into(), "two".into()]);
        ready.leave(&names[0], Box::new(1));
        ready.clone().leave(&names[1], Box::new(2));
        let take = |name: &str| ready.take(name).and_then(|thing| thing.downcast::<i32>().ok()).map(|thing| *thing);
        assert_eq!([take("one"), take("one"), take("two"), take("three")], [Some(1), None, Some(2), None]);
    }
}
