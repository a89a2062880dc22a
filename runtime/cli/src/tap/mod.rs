//! `catchwater tap`: messages while they pass. How each system is tapped is in the connectors; here they are chosen and shown.

mod pipeline;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use catchwater_connectors::begin::Begin;
use catchwater_connectors::taps::{self, Tap, Way};
use catchwater_engine::steps::Steps;
use catchwater_query::Query;
use catchwater_query::time::Moment;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::config::Duration;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Batch, Limit, Registry, Result};
use tokio::time::sleep;

use crate::options::{finish, json};
use crate::output::{complain, is_heard, note};
use show::Show;

/// Look at messages while they pass through a topic or queue, without a trace: nothing is committed, nothing is taken away.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to tap: `kafka://host:9092[,host2]/topic?key=value`, `amqp://user:password@host/vhost?exchange=NAME&routing_key=KEY`,
    /// `amqp://.../vhost/queue` with --consume, or a pipeline: NAME for what its source reads, NAME/STEP for what comes out of
    /// a transform of it, or goes to a sink. A topic that begins with `^` is a regular expression for those that are there
    /// when it begins. Keys are those by which the source reaches its brokers, such as `tls.ca`; values may be `${env:NAME}`.
    /// An exchange gets one more queue while it is tapped: one that gives each message to a single queue
    /// (`x-consistent-hash`, `x-random`) gives it some, and one with an alternate exchange counts as routed what it takes; use
    /// --consume there.
    #[arg(value_name = "URL|NAME[/STEP]")]
    what: String,
    /// Where pipelines are looked for by name: files, or folders of them.
    #[arg(long, default_value = "./pipelines", value_name = "PATH", value_delimiter = ',')]
    pipelines: Vec<PathBuf>,
    /// Take messages out of the queue (RabbitMQ), where nothing else shows them. They are held, at most 1000, and go back when
    /// this ends: marked as redelivered, and counted as a delivery by a quorum queue.
    #[arg(long)]
    consume: bool,
    /// Where to begin: earliest, latest, a time (RFC 3339, a date, or an age such as 1h), or -N for the last N offsets of
    /// each partition.
    #[arg(long, default_value = "latest", value_parser = begin, value_name = "PLACE", allow_hyphen_values = true)]
    from: Begin,
    /// Only messages that match, in the query language.
    #[arg(long = "match", default_value = "*", value_parser = query, value_name = "QUERY")]
    query: Query,
    /// End after so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// End after so long, such as 10s.
    #[arg(long = "for", value_name = "TIME")]
    time: Option<Duration>,
    /// One JSON object per message, with all that it has.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  catchwater tap kafka://localhost:9092/orders
  catchwater tap kafka://localhost:9092/orders --from -5 --match 'status:failed amount:>100'
  catchwater tap 'kafka://broker:9093/orders?tls.ca=ca.pem&sasl.mechanism=PLAIN&sasl.username=me&sasl.password=${env:PASSWORD}'
  catchwater tap kafka://localhost:9092/orders --from earliest --limit 100 --json | jq .key
  catchwater tap 'amqp://guest:guest@localhost/%2F?exchange=events&routing_key=order.%23'
  catchwater tap 'kafka://localhost:9092/^payments\\..*' --json
  catchwater tap orders-archive/mask --pipelines ./pipelines

Exits 0 at --limit, at --for and at Ctrl-C; 1 when there is nothing to tap, 2 on a mistake in the command.";

/// Where to begin, as one writes it.
pub(crate) fn begin(text: &str) -> std::result::Result<Begin, String> {
    match (text, text.strip_prefix('-')) {
        ("earliest", _) => Ok(Begin::Earliest),
        ("latest", _) => Ok(Begin::Latest),
        (_, Some(count)) => match count.parse() {
            Ok(count) if count > 0 => Ok(Begin::Last(count)),
            _ => Err("write -N with a number, such as -10 for the last ten of each partition".to_owned()),
        },
        _ => match Moment::parse_relative(text, SystemClock.now_micros()) {
            Ok(moment) => Ok(Begin::Time(moment.start)),
            Err(problem) => Err(format!("{problem}; or write earliest, latest, or -10 for the last ten")),
        },
    }
}

/// What only a lake knows cannot be asked of a message.
fn query(text: &str) -> std::result::Result<Query, String> {
    let query = Query::parse(text).map_err(|error| error.to_string())?;
    query.check_for_records().map(|()| query).map_err(|problem| problem.message)
}

/// Exits 0 when it was looked, 1 when it could not be, 2 on a URL that says nothing.
pub(crate) fn tap(arguments: Arguments, registry: &Registry) -> ExitCode {
    let tapped = match tapped(&arguments, registry) {
        Ok(tapped) => tapped,
        Err(error) => {
            complain(&format!("error: {}", error.chain()));
            return ExitCode::from(2);
        }
    };
    finish(1, async {
        let show = Show::new(&arguments.query, arguments.json);
        let mut view = View {
            tapped,
            show,
            format: json(registry)?,
            left: arguments.limit.unwrap_or(u64::MAX),
            arguments: &arguments,
        };
        let time = async {
            match arguments.time {
                Some(time) => sleep(time.get()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = view.look() => done?,
            () = time => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A tap, and what happens to the messages before they are shown.
struct Tapped {
    tap: Box<dyn Tap>,
    steps: Option<Steps>,
}

fn tapped(arguments: &Arguments, registry: &Registry) -> Result<Tapped> {
    let way = Way { begin: arguments.from, consume: arguments.consume };
    match arguments.what.contains("://") {
        true => Ok(Tapped { tap: taps::build(&arguments.what, way)?, steps: None }),
        false => pipeline::tapped(&arguments.what, &arguments.pipelines, way, registry),
    }
}

/// A tap that somebody looks at.
struct View<'a> {
    tapped: Tapped,
    show: Show,
    format: Arc<dyn Format>,
    left: u64,
    arguments: &'a Arguments,
}

impl View<'_> {
    /// Shows messages until there were enough, or nobody reads on.
    async fn look(&mut self) -> Result<()> {
        self.tapped.tap.open().await?;
        note(match self.arguments.from {
            Begin::Latest => "waiting for messages; Ctrl-C ends it, --from shows older ones",
            _ => "showing messages; Ctrl-C ends it",
        });
        while self.left > 0 {
            let batch = self.tapped.tap.next(Limit::default()).await?;
            batch.set_format(&self.format);
            let batches = match &mut self.tapped.steps {
                Some(steps) => {
                    steps.apply(batch, |step, reason| note(&format!("{step} rejects a message: {reason}")))?
                }
                None => vec![batch],
            };
            if !batches.into_iter().all(|batch| self.show(&batch)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether somebody wants more.
    fn show(&mut self, batch: &Batch) -> bool {
        batch.set_format(&self.format);
        for record in batch.iter().filter(|record| self.arguments.query.matches(record)) {
            self.left -= 1;
            if !is_heard(&self.show.line(record)) || self.left == 0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_begin_is_a_word_a_number_of_messages_or_a_time() {
        assert_eq!(begin("earliest"), Ok(Begin::Earliest));
        assert_eq!(begin("-5"), Ok(Begin::Last(5)));
        assert_eq!(begin("2026-11-01"), Ok(Begin::Time(1_793_491_200_000_000)));
        for bad in ["-0", "-x", "latst"] {
            assert!(begin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_only_a_lake_knows_is_not_asked_of_messages() {
        assert!(query("_ingested_at:>2026-11-01").expect_err("refused").contains("in a lake only"));
        assert!(query("status:paid _key:a").is_ok());
    }
}
