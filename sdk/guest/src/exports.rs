//! From the calls of the interface to the trait.

use std::sync::Once;

use schemars::generate::SchemaSettings;

use crate::bindings::catchwater::plugin::types;
use crate::bindings::exports::catchwater::plugin::lifecycle::{Description, Issue};
pub use crate::bindings::exports::catchwater::plugin::lifecycle::{Guest as Lifecycle, Opening as WireOpening};
pub use crate::bindings::exports::catchwater::plugin::transform::Guest as Process;
use crate::host::{Level, log};
use crate::{Batch, Failure, Mistake, Opening, Output, Transform};

/// Makes a type with the [`Transform`] trait the plugin of this crate. Its name, version and summary are the crate's.
#[macro_export]
macro_rules! transform {
    ($plugin:ty) => {
        const _: () = {
            use $crate::bindings::catchwater::plugin::types;
            use $crate::bindings::exports::catchwater::plugin::lifecycle;

            ::std::thread_local! {
                static PLUGIN: ::std::cell::RefCell<Option<$plugin>> = const { ::std::cell::RefCell::new(None) };
            }

            // Nobody calls it on the author's own machine, where tests call the plugin itself.
            #[allow(dead_code)]
            struct Exports;

            impl $crate::exports::Lifecycle for Exports {
                fn describe() -> lifecycle::Description {
                    let names = [env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION")];
                    $crate::exports::describe::<$plugin>(names)
                }
                fn validate(config: String) -> Vec<lifecycle::Issue> {
                    $crate::exports::validate::<$plugin>(&config)
                }
                fn open(opening: lifecycle::Opening) -> Result<(), types::Failure> {
                    let plugin = $crate::exports::open::<$plugin>(opening)?;
                    PLUGIN.set(Some(plugin));
                    Ok(())
                }
                fn snapshot() -> Result<Vec<u8>, types::Failure> {
                    Ok(PLUGIN.with_borrow(|plugin| {
                        plugin.as_ref().map(<$plugin as $crate::Transform>::snapshot).unwrap_or_default()
                    }))
                }
                fn close() {
                    if let Some(mut plugin) = PLUGIN.take() {
                        $crate::Transform::close(&mut plugin);
                    }
                }
            }

            impl $crate::exports::Process for Exports {
                fn process(input: types::Batch) -> Result<types::Outcome, types::Failure> {
                    PLUGIN.with_borrow_mut(|plugin| {
                        $crate::exports::process(plugin.as_mut().expect("the host opens a plugin first"), input)
                    })
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::export_transform!(Exports with_types_in $crate::bindings);
        };
    };
}

#[doc(hidden)]
pub fn describe<T: Transform>([name, version, summary]: [&str; 3]) -> Description {
    prepare();
    Description {
        name: name.into(),
        version: version.into(),
        summary: summary.into(),
        config_schema: schema::<T>(),
        state_version: T::STATE_VERSION,
        wants: Vec::new(),
        attributes: Vec::new(),
    }
}

/// As the host writes those of its own connectors: without references, each key in its place.
fn schema<T: Transform>() -> String {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T::Config>();
    serde_json::to_string(&schema).expect("a schema is JSON")
}

#[doc(hidden)]
pub fn validate<T: Transform>(config: &str) -> Vec<Issue> {
    prepare();
    let mistake = read::<T>(config).and_then(|config| T::check(&config)).err();
    mistake.into_iter().map(|mistake| Issue { key: mistake.key, message: mistake.message }).collect()
}

#[doc(hidden)]
pub fn open<T: Transform>(opening: WireOpening) -> Result<T, types::Failure> {
    prepare();
    let WireOpening { pipeline, step, task, tasks, config, state, state_version, .. } = opening;
    let config = read::<T>(&config).map_err(|Mistake { key, message }| {
        failure(Failure::Config(if key.is_empty() { message } else { format!("{key}: {message}") }))
    })?;
    T::open(config, &Opening { pipeline, step, task, tasks, state, state_version }).map_err(failure)
}

#[doc(hidden)]
pub fn process<T: Transform>(plugin: &mut T, input: types::Batch) -> Result<types::Outcome, types::Failure> {
    let batch = Batch::new(input);
    let mut output = Output::new(&batch);
    plugin.process(&batch, &mut output).map_err(failure)?;
    Ok(output.finish())
}

/// A panic's message would be lost: what the host sees of it is that the plugin trapped.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if cfg!(target_family = "wasm") {
            std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string().replace('\n', " "))));
        }
    });
}

fn read<T: Transform>(config: &str) -> Result<T::Config, Mistake> {
    let mut json = serde_json::Deserializer::from_str(config);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // The place in the JSON is none of the user's file.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Mistake::new(if path == "." { "" } else { &path }, message)
    })
}

fn failure(failure: Failure) -> types::Failure {
    use types::FailureKind;
    let (kind, message) = match failure {
        Failure::Config(message) => (FailureKind::Config, message),
        Failure::Unavailable(message) => (FailureKind::Unavailable, message),
        Failure::Refused(message) => (FailureKind::Refused, message),
        Failure::Data(message) => (FailureKind::Data, message),
    };
    types::Failure { kind, message }
}
