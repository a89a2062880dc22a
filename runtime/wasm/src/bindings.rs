//! The interface of plugins as Rust types, made from `sdk/wit`.

#![allow(missing_docs, unreachable_pub, clippy::all)]

wasmtime::component::bindgen!({ path: "../../sdk/wit", world: "transform-plugin" });

pub(crate) use self::catchwater::plugin::{host, types};
pub(crate) use self::exports::catchwater::plugin::lifecycle;
