//! The Kafka connector against a real broker, which `CATCHWATER_TEST_KAFKA` names (`tests/run` starts one).
#![cfg(feature = "kafka")]

mod broker;
mod conformance;
mod groups;
mod moves;
mod sink;
mod source;
