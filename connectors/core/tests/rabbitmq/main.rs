//! The RabbitMQ connector against a real broker, which `CATCHWATER_TEST_RABBITMQ` names (`tests/run` starts one).
#![cfg(feature = "rabbitmq")]

mod broker;
mod conformance;
mod sink;
mod source;
