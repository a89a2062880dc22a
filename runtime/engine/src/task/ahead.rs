//! Sinks that are new connect ahead of what changes: those before them store on, and stay where one of the new ones cannot.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Error, ErrorKind, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::wish::Order;
use crate::backoff::Backoff;
use crate::blueprint::{Blueprint, Parts};

/// An order whose new sinks connect. It is obeyed once they have.
pub(super) struct Ahead {
    pub(super) order: Arc<Order>,
    /// The sinks in order; none for one that stays, and for one that is about to connect.
    pub(super) sinks: Vec<Option<Parts>>,
    connecting: JoinSet<(usize, Result<Parts>)>,
}

// === impl Ahead ===

impl Ahead {
    /// Has those connect that may be open beside others, with the source of these traits.
    pub(super) fn new(order: Arc<Order>, mut sinks: Vec<Option<Parts>>, source: &SourceTraits) -> Ahead {
        let mut connecting = JoinSet::new();
        for (place, sink) in sinks.iter_mut().enumerate() {
            if let Some(part) = sink.take_if(|part| part.sink.traits().may_be_beside(source)) {
                let connect = connect(part, &order.blueprint, source, order.patience);
                connecting.spawn(async move { (place, connect.await) });
            }
        }
        Ahead { order, sinks, connecting }
    }
}

/// Waits until all that could connect has, or one cannot.
pub(super) async fn connected(ahead: &mut Option<Ahead>) -> Result<()> {
    let Some(Ahead { sinks, connecting, .. }) = ahead else { return pending().await };
    while let Some(joined) = connecting.join_next().await {
        let (place, part) = joined.map_err(|panic| Error::bug("a sink died while it connected").because(panic))?;
        sinks[place] = Some(part?);
    }
    Ok(())
}

/// Opens a sink, again and again while the other system is away.
fn connect(
    mut part: Parts,
    after: &Blueprint,
    source: &SourceTraits,
    patience: Duration,
) -> impl Future<Output = Result<Parts>> + Send + use<> {
    let (source, mut backoff) = (after.named(source), Backoff::new(after.retry(), after.random()));
    let until = Instant::now() + patience;
    async move {
        let mut waits = format!("; {} has no answer", part.step);
        let connecting = async {
            loop {
                match part.sink.open(&source).await {
                    Err(error) if error.kind() == ErrorKind::Unavailable => {
                        let Some(delay) = backoff.failed() else { return Err(error) };
                        let (sink, delay_ms, error) = (&part.step, delay.as_millis() as u64, error.chain());
                        warn!(%sink, delay_ms, error, "a sink is unavailable that is to come, will retry");
                        waits = format!("; {sink} waits: {error}");
                        sleep(delay).await;
                    }
                    opened => return opened,
                }
            }
        };
        match timeout_at(until, connecting).await {
            Ok(opened) => opened.map(|()| Parts { is_open: true, ..part }),
            Err(_) => Err(Error::refused(format!("it had not connected after {} s{waits}", patience.as_secs()))),
        }
    }
}
