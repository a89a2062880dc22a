//! What the process says of itself, on standard error. A server's can be changed while it runs.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use crate::output;

/// Of each object that was uploaded in parts the SDK of S3 warns that its checksum is none of the whole.
const UNASKED: &str = "aws_sdk_s3::http_response_checksum=error";

/// Starts it with directives such as `info,catchwater_engine=debug`.
pub(crate) fn start(directives: &str, as_json: bool) -> Result<(), String> {
    let begun_with = format!("{UNASKED},{directives}");
    let filter = EnvFilter::try_new(&begun_with).map_err(|error| format!("--log {directives}: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_target(false).with_ansi(output::complaints_have_colours());
    match as_json {
        true => {
            let log = log.json().with_filter_reloading();
            let_levels_change(log.reload_handle(), begun_with);
            log.finish().with(Modules).init();
        }
        false => {
            let log = log.with_filter_reloading();
            let_levels_change(log.reload_handle(), begun_with);
            log.finish().with(Modules).init();
        }
    }
    Ok(())
}

/// What is asked for comes on top of what the log began with.
#[cfg_attr(not(feature = "server"), allow(unused_variables))]
fn let_levels_change<S: 'static>(handle: reload::Handle<EnvFilter, S>, begun_with: String) {
    #[cfg(feature = "server")]
    catchwater_server::on_level_change(&begun_with.clone(), move |directives| {
        let filter = EnvFilter::try_new(format!("{begun_with},{directives}")).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    });
}

/// Sees which modules have something to say, whether or not it is wanted.
struct Modules;

impl<S: tracing::Subscriber> Layer<S> for Modules {
    #[cfg(feature = "server")]
    fn register_callsite(&self, metadata: &'static tracing::Metadata<'static>) -> tracing::subscriber::Interest {
        catchwater_server::on_logger(metadata.target());
        tracing::subscriber::Interest::always()
    }
}
