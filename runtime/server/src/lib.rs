//! The server: pipelines from a folder and from its API, kept running, changed while they run.
//!
//! [`Server`] is what it does, without a word of HTTP; [`http`] leads requests to it, by version. Whoever changes what runs,
//! a file, a signal or a request, goes through one door: what should run is planned, and the topology makes it so.
//!
//! Architecture Invariant: a change that cannot be planned changes nothing (Invariant 6), and one that was accepted does not
//! depend on whoever asked for it: a client that hangs up stops nothing half-way.

mod access;
mod connect;
pub mod http;
mod metrics;
mod server;
mod store;
mod time;
pub mod v1;
mod watch;
mod wrong;

pub use access::{Access, Token};
pub use connect::brokers::{Brokers, GroupOffset};
pub use connect::{on_level_change, on_logger};
pub use server::{
    Described, Differs, Expected, Origin, Outlook, PassedOver, Reload, Reloaded, Server, Settings, Wanted, Wish,
    WishedFile,
};
pub use watch::Watch;
pub use wrong::Wrong;

/// Looks for a mistake in the settings that are in the folder of a server, without one that runs.
pub fn check_settings(folder: &std::path::Path) -> Result<(), String> {
    connect::settings::kafka(folder).map(drop).map_err(|failure| failure.into_message())
}
