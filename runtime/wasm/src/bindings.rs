//! The interface of plugins as Rust types, made from `sdk/wit`. A plugin exports the lifecycle and one of the others; here
//! stand all of them in one world, so that there is one type for each thing.

#![allow(missing_docs, unreachable_pub, clippy::all)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    inline: "
        package catchwater:every;

        world every {
            import catchwater:plugin/host@0.1.0;
            import catchwater:plugin/clock@0.1.0;
            import catchwater:plugin/random@0.1.0;
            import catchwater:plugin/state@0.1.0;
            import catchwater:plugin/egress@0.1.0;
            export catchwater:plugin/lifecycle@0.1.0;
            export catchwater:plugin/transform@0.1.0;
            export catchwater:plugin/source@0.1.0;
            export catchwater:plugin/sink@0.1.0;
        }
    ",
    world: "catchwater:every/every",
    imports: { default: trappable },
    // What a plugin is handed is lent to it; what it answers is taken.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use self::catchwater::plugin::{clock, egress, host, random, state, types};
pub(crate) use self::exports::catchwater::plugin::{lifecycle, sink, source, transform};
