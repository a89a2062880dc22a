//! Made from the interface; authors use what stands around it.
//!
//! Each export has a world of its own here, and a plugin gets those whose macros it calls: their types are made once, and the
//! linker unites the worlds.

#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "../wit",
    inline: "
        package catchwater:guest;

        world lifecycle {
            import catchwater:plugin/host@0.1.0;
            import catchwater:plugin/clock@0.1.0;
            import catchwater:plugin/random@0.1.0;
            import catchwater:plugin/state@0.1.0;
            import catchwater:plugin/egress@0.1.0;
            export catchwater:plugin/lifecycle@0.1.0;
        }
    ",
    world: "catchwater:guest/lifecycle",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_lifecycle",
});

pub mod transform {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package catchwater:guest;

            world transform {
                export catchwater:plugin/transform@0.1.0;
            }
        ",
        world: "catchwater:guest/transform",
        with: { "catchwater:plugin/types@0.1.0": crate::bindings::catchwater::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_transform",
    });
}

pub mod source {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package catchwater:guest;

            world source {
                export catchwater:plugin/source@0.1.0;
            }
        ",
        world: "catchwater:guest/source",
        with: { "catchwater:plugin/types@0.1.0": crate::bindings::catchwater::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_source",
    });
}

pub mod sink {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package catchwater:guest;

            world sink {
                export catchwater:plugin/sink@0.1.0;
            }
        ",
        world: "catchwater:guest/sink",
        with: { "catchwater:plugin/types@0.1.0": crate::bindings::catchwater::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_sink",
    });
}
