//! Made from the interface; authors use what stands around it.

#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "../wit",
    world: "transform-plugin",
    pub_export_macro: true,
    export_macro_name: "export_transform",
});
