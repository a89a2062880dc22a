//! Work that may take a second, in a thread that others wait for.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Does it here, and lets another thread go on meanwhile with what this one would have done next: else a few plugins that run
/// to their limits could keep all threads of the process. (Invariant 10)
pub(crate) fn aside<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_it_is_done() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let working = tokio::spawn(async move {
            tokio::spawn(async move { sender.send(()) });
            aside(|| receiver.recv_timeout(Duration::from_secs(60)))
        });
        let started = Instant::now();
        working.await.expect("it does not panic").expect("the other task came to its turn");
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_waits() {
        assert_eq!(aside(|| 1), 1);
    }

    #[test]
    fn no_runtime_is_needed() {
        assert_eq!(aside(|| 1), 1);
    }
}
