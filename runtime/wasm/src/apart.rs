//! Work that may wait for another machine, in a thread of its own.

use catchwater_sdk::{Error, Result};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

/// A thing that is worked with elsewhere, while a task waits for it. A call that is dropped goes on: the next one waits for
/// its end.
pub(crate) struct Apart<T> {
    idle: Option<T>,
    busy: Option<JoinHandle<T>>,
}

// === impl Apart ===

impl<T: Send + 'static> Apart<T> {
    pub(crate) fn new(thing: T) -> Apart<T> {
        Apart { idle: Some(thing), busy: None }
    }

    /// Works with it, after what was begun before.
    pub(crate) async fn run<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R> {
        self.rest().await?;
        let mut thing = self.idle.take().ok_or_else(|| Error::bug("work with a plugin that was lost"))?;
        let (sender, receiver) = oneshot::channel();
        self.busy = Some(spawn_blocking(move || {
            let _ = sender.send(work(&mut thing)); // whoever asked may have gone
            thing
        }));
        self.rest().await?;
        receiver.await.map_err(|_| Error::bug("hear what a plugin answered"))
    }

    /// The thing, while nobody works with it.
    pub(crate) fn idle(&mut self) -> Option<&mut T> {
        self.idle.as_mut()
    }

    async fn rest(&mut self) -> Result<()> {
        if let Some(busy) = &mut self.busy {
            let ended = busy.await;
            self.busy = None;
            self.idle = Some(ended.map_err(|error| Error::bug("work with a plugin").because(error))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_call_that_is_dropped_goes_on_and_the_next_one_waits_for_it() {
        let mut apart = Apart::new(Vec::new());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let slow = apart.run(move |numbers| {
            let _ = receiver.recv();
            numbers.push(1);
        });
        timeout(Duration::from_millis(20), slow).await.expect_err("it waits");
        drop(sender);
        let numbers = apart.run(|numbers| {
            numbers.push(2);
            numbers.clone()
        });
        assert_eq!(numbers.await.expect("it ends"), [1, 2]);
    }
}
