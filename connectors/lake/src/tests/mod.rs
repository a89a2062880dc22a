//! The lake sink as the engine drives it, its tables as outsiders read them.

mod care;
mod delivery;
mod files;
mod hot_log;
mod reading;
mod replay;
mod replay_rows;
mod schema;
mod searching;
mod support;
