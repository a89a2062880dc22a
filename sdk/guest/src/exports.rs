//! From the calls of the interface to the trait.

use std::sync::Once;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

use crate::arrivals::Arrivals;
use crate::bindings::catchwater::plugin::types;
use crate::bindings::exports::catchwater::plugin::lifecycle::{Description, Issue};
pub use crate::bindings::exports::catchwater::plugin::lifecycle::{Guest as Lifecycle, Opening as WireOpening};
pub use crate::bindings::sink::exports::catchwater::plugin::sink::Guest as Store;
use crate::bindings::source::exports::catchwater::plugin::source as wire;
pub use crate::bindings::source::exports::catchwater::plugin::source::Guest as Read;
pub use crate::bindings::transform::exports::catchwater::plugin::transform::Guest as Process;
use crate::host::{Level, log};
use crate::{Batch, Failure, Mistake, Next, Opening, Output, Partition, Rejects, Sink, Source, Transform, Want};

/// Makes a type with the [`Transform`] trait the plugin of this crate. Its name, version and summary are the crate's.
#[macro_export]
macro_rules! transform {
    ($plugin:ty) => {
        const _: () = {
            use $crate::bindings::catchwater::plugin::types;

            $crate::lifecycle!($crate::exports::OfTransform<$plugin>);

            impl $crate::exports::Process for Exports {
                fn process(input: types::Batch) -> Result<types::Outcome, types::Failure> {
                    with_plugin(|plugin| $crate::exports::process(&mut plugin.0, input))
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::transform::export_transform!(Exports with_types_in $crate::bindings::transform);
        };
    };
}

/// Makes a type with the [`Source`] trait the plugin of this crate. Its name, version and summary are the crate's.
#[macro_export]
macro_rules! source {
    ($plugin:ty) => {
        const _: () = {
            use $crate::bindings::catchwater::plugin::types;
            use $crate::bindings::source::exports::catchwater::plugin::source;

            $crate::lifecycle!($crate::exports::OfSource<$plugin>);

            impl $crate::exports::Read for Exports {
                fn partitions() -> Result<Vec<source::Beginning>, types::Failure> {
                    with_plugin(|plugin| $crate::exports::partitions(&mut plugin.0))
                }
                fn start(at: Vec<source::Place>) -> Result<(), types::Failure> {
                    with_plugin(|plugin| $crate::exports::start(&mut plugin.0, &at))
                }
                fn read(records_max: u32, bytes_max: u64) -> Result<source::Reading, types::Failure> {
                    with_plugin(|plugin| $crate::exports::read_records(&mut plugin.0, records_max, bytes_max))
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::source::export_source!(Exports with_types_in $crate::bindings::source);
        };
    };
}

/// Makes a type with the [`Sink`] trait the plugin of this crate. Its name, version and summary are the crate's.
#[macro_export]
macro_rules! sink {
    ($plugin:ty) => {
        const _: () = {
            use $crate::bindings::catchwater::plugin::types;

            $crate::lifecycle!($crate::exports::OfSink<$plugin>);

            impl $crate::exports::Store for Exports {
                fn write(input: types::Batch) -> Result<Vec<types::Rejection>, types::Failure> {
                    with_plugin(|plugin| $crate::exports::write(&mut plugin.0, input))
                }
                fn flush() -> Result<Vec<types::Rejection>, types::Failure> {
                    with_plugin(|plugin| $crate::exports::flush(&mut plugin.0))
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::sink::export_sink!(Exports with_types_in $crate::bindings::sink);
        };
    };
}

/// What plugins of all kinds export.
#[doc(hidden)]
#[macro_export]
macro_rules! lifecycle {
    ($plugin:ty) => {
        use $crate::bindings::exports::catchwater::plugin::lifecycle;

        // The interface's version, where the host looks for it before it compiles anything.
        #[cfg(target_family = "wasm")]
        #[unsafe(link_section = "catchwater:interface")]
        #[used]
        static INTERFACE: [u8; 5] = *b"0.1.0";

        ::std::thread_local! {
            static PLUGIN: ::std::cell::RefCell<Option<$plugin>> = const { ::std::cell::RefCell::new(None) };
        }

        fn with_plugin<R>(work: impl FnOnce(&mut $plugin) -> R) -> R {
            PLUGIN.with_borrow_mut(|plugin| work(plugin.as_mut().expect("the host opens a plugin first")))
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
                    plugin.as_ref().map(<$plugin as $crate::exports::Plugin>::snapshot).unwrap_or_default()
                }))
            }
            fn close() {
                if let Some(mut plugin) = PLUGIN.take() {
                    $crate::exports::Plugin::close(&mut plugin);
                }
            }
        }

        #[cfg(target_family = "wasm")]
        $crate::bindings::export_lifecycle!(Exports with_types_in $crate::bindings);
    };
}

/// What plugins of all kinds have.
#[doc(hidden)]
pub trait Plugin: Sized + 'static {
    type Config: DeserializeOwned + JsonSchema;
    const STATE_VERSION: u32;
    const WANTS: &'static [Want];

    fn check(config: &Self::Config) -> Result<(), Mistake>;
    fn open(config: Self::Config, opening: &Opening) -> Result<Self, Failure>;
    fn snapshot(&self) -> Vec<u8>;
    fn close(&mut self);
}

#[doc(hidden)]
pub struct OfTransform<T>(pub T);
#[doc(hidden)]
pub struct OfSource<T>(pub T);
#[doc(hidden)]
pub struct OfSink<T>(pub T);

macro_rules! plugin {
    ($holder:ident, $kind:ident, $version:expr, $snapshot:expr) => {
        impl<T: $kind> Plugin for $holder<T> {
            type Config = T::Config;
            const STATE_VERSION: u32 = $version;
            const WANTS: &'static [Want] = T::WANTS;

            fn check(config: &T::Config) -> Result<(), Mistake> {
                T::check(config)
            }
            fn open(config: T::Config, opening: &Opening) -> Result<Self, Failure> {
                T::open(config, opening).map($holder)
            }
            fn snapshot(&self) -> Vec<u8> {
                $snapshot(&self.0)
            }
            fn close(&mut self) {
                self.0.close();
            }
        }
    };
}

plugin!(OfTransform, Transform, T::STATE_VERSION, T::snapshot);
plugin!(OfSource, Source, 0, |_: &T| Vec::new());
plugin!(OfSink, Sink, 0, |_: &T| Vec::new());

#[doc(hidden)]
pub fn describe<T: Plugin>([name, version, summary]: [&str; 3]) -> Description {
    prepare();
    Description {
        name: name.into(),
        version: version.into(),
        summary: summary.into(),
        config_schema: schema::<T>(),
        state_version: T::STATE_VERSION,
        wants: T::WANTS.iter().map(|want| want.name().to_owned()).collect(),
        attributes: Vec::new(),
    }
}

/// As the host writes those of its own connectors: without references, each key in its place.
fn schema<T: Plugin>() -> String {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T::Config>();
    serde_json::to_string(&schema).expect("a schema is JSON")
}

#[doc(hidden)]
pub fn validate<T: Plugin>(config: &str) -> Vec<Issue> {
    prepare();
    let mistake = read::<T>(config).and_then(|config| T::check(&config)).err();
    mistake.into_iter().map(|mistake| Issue { key: mistake.key, message: mistake.message }).collect()
}

#[doc(hidden)]
pub fn open<T: Plugin>(opening: WireOpening) -> Result<T, types::Failure> {
    prepare();
    let WireOpening { pipeline, step, task, tasks, config, state, state_version, .. } = opening;
    let config = read::<T>(&config).map_err(|mistake| failure(mistake.into()))?;
    let opening = Opening { pipeline, step, task, tasks, state, state_version };
    T::open(config, &opening).and_then(with_version).map_err(failure)
}

/// Nobody asks for a snapshot that has no version: what is in it would be lost without a word.
fn with_version<T: Plugin>(plugin: T) -> Result<T, Failure> {
    if T::STATE_VERSION > 0 || plugin.snapshot().is_empty() {
        return Ok(plugin);
    }
    let text = "`snapshot` is never called without a version of what it gives: `const STATE_VERSION: u32 = 1;`";
    Err(Failure::Config(text.into()))
}

#[doc(hidden)]
pub fn process<T: Transform>(plugin: &mut T, input: types::Batch) -> Result<types::Outcome, types::Failure> {
    let batch = Batch::new(input);
    let mut output = Output::new(&batch);
    plugin.process(&batch, &mut output).map_err(failure)?;
    Ok(output.finish())
}

#[doc(hidden)]
pub fn partitions<T: Source>(plugin: &mut T) -> Result<Vec<wire::Beginning>, types::Failure> {
    let beginning = |partition: Partition| {
        let Partition { source, stream, incarnation, number, begins_at } = partition;
        wire::Beginning { partition: wire::Partition { source, stream, incarnation, number }, position: begins_at }
    };
    let partitions = plugin.partitions().map_err(failure)?;
    Ok(partitions.into_iter().map(beginning).collect())
}

#[doc(hidden)]
pub fn start<T: Source>(plugin: &mut T, at: &[wire::Place]) -> Result<(), types::Failure> {
    at.iter().try_for_each(|place| plugin.start(place.partition as usize, place.position)).map_err(failure)
}

#[doc(hidden)]
pub fn read_records<T: Source>(
    plugin: &mut T,
    records_max: u32,
    bytes_max: u64,
) -> Result<wire::Reading, types::Failure> {
    let mut arrivals = Arrivals::new(records_max as usize, usize::try_from(bytes_max).unwrap_or(usize::MAX));
    let next = match plugin.read(&mut arrivals).map_err(failure)? {
        Next::Now => wire::Next::Now,
        Next::Wait(time) => wire::Next::Wait(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
        Next::End => wire::Next::End,
    };
    Ok(wire::Reading { arrivals: arrivals.finish(), next })
}

#[doc(hidden)]
pub fn write<T: Sink>(plugin: &mut T, input: types::Batch) -> Result<Vec<types::Rejection>, types::Failure> {
    let mut rejects = Rejects::default();
    plugin.write(&Batch::new(input), &mut rejects).map_err(failure)?;
    Ok(rejects.finish())
}

#[doc(hidden)]
pub fn flush<T: Sink>(plugin: &mut T) -> Result<Vec<types::Rejection>, types::Failure> {
    let mut rejects = Rejects::default();
    plugin.flush(&mut rejects).map_err(failure)?;
    Ok(rejects.finish())
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

fn read<T: Plugin>(config: &str) -> Result<T::Config, Mistake> {
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
