//! Work that goes on beside other work, and ends when nobody waits for it any more.

use catchwater_sdk::{Result, ResultExt};
use tokio::task::JoinHandle;

/// Work that was begun.
#[derive(Debug)]
pub(crate) struct Task<T> {
    doing: &'static str,
    work: JoinHandle<Result<T>>,
}

impl<T: Send + 'static> Task<T> {
    /// Begins at once. `doing` is what an error says was being done, should it panic.
    pub(crate) fn begin(doing: &'static str, work: impl Future<Output = Result<T>> + Send + 'static) -> Task<T> {
        Task { doing, work: tokio::spawn(work) }
    }

    /// Waits for it.
    pub(crate) async fn done(mut self) -> Result<T> {
        (&mut self.work).await.or_bug(|| self.doing.to_owned())?
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.work.abort();
    }
}
