//! What the one who runs a task wants of it.

use std::time::Instant;

use catchwater_sdk::Error;
use tokio::sync::watch;
use tokio::time::sleep_until;

/// What the one who runs a task wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Go on until the source ends.
    Run,
    /// Drain, commit, stop.
    Stop {
        /// No copy comes back soon: others may take over at once.
        leave: bool,
        /// What is not durable by then is abandoned.
        deadline: Instant,
    },
}

/// Waits for a stop to be wished; answers its deadline.
pub(crate) async fn stop_wished(wish: &mut watch::Receiver<Wish>) -> Instant {
    loop {
        if let Wish::Stop { deadline, .. } = *wish.borrow_and_update() {
            return deadline;
        }
        if wish.changed().await.is_err() {
            // Nobody is left to wish anything.
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until a wished stop has taken too long.
pub(super) async fn overdue(wish: &mut watch::Receiver<Wish>) -> Error {
    let deadline = stop_wished(wish).await;
    sleep_until(deadline.into()).await;
    Error::refused("the sinks were not done before `drain_timeout`; nothing is lost, what is not stored is read again")
}
