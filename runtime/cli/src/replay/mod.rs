//! `catchwater replay`: a part of a collection sent somewhere, as a pipeline that is made of flags.

mod destination;
mod document;
mod dry_run;
mod progress;
mod report;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use catchwater_lake::replay::{Board, Rate, Rounds, Speed};
use catchwater_query::Query;
use catchwater_query::time::Moment;
use catchwater_sdk::Registry;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::config::Duration;

use crate::run::Means;

/// Send a part of a collection back: exactly the originals, to Kafka, HTTP, a file, standard output or a destination.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The collection.
    #[arg(required_unless_present = "files")]
    collection: Option<String>,
    /// Read the Parquet files below this folder alone, a path or `s3://bucket/prefix`: for when the table's log is lost. Rows
    /// that are there more than once are sent once; what the files cannot prove is told. The folder is that of a collection,
    /// or a lake's if COLLECTION is given too.
    #[arg(long, value_name = "FOLDER", conflicts_with = "follow")]
    files: Option<String>,
    /// The lake: the folder that its collections are in, a path or `s3://bucket/prefix`.
    #[arg(long, env = "CATCHWATER_LAKE", default_value = "./lake", value_name = "PATH")]
    lake: String,
    /// Where to: `kafka://host:9092[,host2]/topic?key=value`, `amqp://user:password@host/vhost/exchange-or-queue?key=value`,
    /// `http://...`, `file:PATH`, `stdout` or the name of a destination. Without a topic or an exchange each event goes to the
    /// one it came from. Keys are those of the sink. Others on the machine see a password here; a destination keeps it.
    #[arg(long, required_unless_present = "dry_run", value_name = "URL")]
    to: Option<String>,

    /// Which events, in the query language. Default: all.
    #[arg(long, value_parser = Query::parse, help_heading = "Which events")]
    query: Option<Query>,
    /// Not those before this time: RFC 3339, a date, or an age such as 1h or 7d.
    #[arg(long, value_parser = time, value_name = "TIME", help_heading = "Which events")]
    since: Option<String>,
    /// Only those before this time.
    #[arg(long, value_parser = time, value_name = "TIME", help_heading = "Which events")]
    until: Option<String>,
    /// Only the newest N of them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = "Which events")]
    last: Option<u64>,
    /// Only the first N of them, in the order in which they are sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Which events")]
    limit: Option<u64>,
    /// Only these partitions.
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = "Which events")]
    partitions: Option<Vec<i32>>,
    /// Only these positions of a partition, such as `0:100..200`, `orders/0:100..` or `0:..200`.
    #[arg(long, value_name = "RANGE", value_parser = document::position_range, help_heading = "Which events")]
    positions: Vec<document::Range>,
    /// Also those that a replay had sent, and that were captured again.
    #[arg(long, help_heading = "Which events")]
    replayed: bool,

    /// How fast: records (500/s) or payload (10MiB/s) by time.
    #[arg(long, conflicts_with = "speed", help_heading = "How")]
    rate: Option<Rate>,
    /// How fast, as a multiple of the original cadence: 1x, 2x, 0.5x.
    #[arg(long, help_heading = "How")]
    speed: Option<Speed>,
    /// With --speed: no gap takes longer, before it is sped up.
    #[arg(long, requires = "speed", value_name = "TIME", help_heading = "How")]
    gap_max: Option<Duration>,
    /// Send it all so many times, or `forever`.
    #[arg(long = "loop", value_name = "N", conflicts_with = "follow", help_heading = "How")]
    rounds: Option<Rounds>,
    /// Go on with what is captured from now on.
    #[arg(long, help_heading = "How")]
    follow: bool,
    /// Keep the number of the partition (Kafka); as `?partition=keep` in the URL.
    #[arg(long, help_heading = "How")]
    partition_keep: bool,
    /// Add headers that say which replay it is and where each original stood.
    #[arg(long, help_heading = "How")]
    provenance: bool,
    /// Let events go to the very topic that they came from; forces --provenance.
    #[arg(long, help_heading = "How")]
    allow_loop: bool,

    /// Count, show samples, and send nothing; the destination is not contacted.
    #[arg(long, help_heading = "The job")]
    dry_run: bool,
    /// With --dry-run: so many samples.
    #[arg(long, default_value_t = 5, value_name = "N", help_heading = "The job")]
    samples: usize,
    /// Files, or folders of them, with documents `destination: NAME`.
    #[arg(long, env = "CATCHWATER_DESTINATIONS", value_name = "PATH", value_delimiter = ',', help_heading = "The job")]
    destinations: Vec<PathBuf>,
    /// Names the job. By default a name follows from what is sent and where to: the same command goes on with an
    /// interrupted one.
    #[arg(long, help_heading = "The job")]
    name: Option<String>,
    /// Begin anew, whatever an interrupted run had sent.
    #[arg(long, help_heading = "The job")]
    restart: bool,
    /// Give up on a destination that is away after so many attempts in a row.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "The job")]
    attempts: u32,
    #[command(flatten)]
    means: Means,
}

const EXAMPLES: &str = "\
Examples:
  catchwater replay orders --query 'event:order_paid AND amount:>100' --since 2026-11-01 --to kafka://localhost:9092/test-orders
  catchwater replay orders --last 500 --to file:fixtures/orders.ndjson
  catchwater replay orders --since 1d --speed 10x --gap-max 5s --to http://localhost:8080/events
  catchwater replay orders --query status:failed --dry-run
  catchwater replay --files s3://acme-events/orders --since 2026-11-01 --to kafka://localhost:9092

Exits 0 when all was sent, 1 when it failed, was interrupted, or --files left open whether that was all, 2 on a mistake in
the command.";

/// As it was written, once it is known to be a time.
fn time(text: &str) -> Result<String, String> {
    match Moment::parse_relative(text, SystemClock.now_micros()) {
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}

/// Exits 0 when all was sent, 1 when it failed or is not done, 2 on a mistake in the command.
pub(crate) fn replay(arguments: Arguments, registry: Registry, board: &Board) -> ExitCode {
    let job = match document::job(&arguments, &registry) {
        Ok(job) => job,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| crate::output::complain(&format!("error: {mistake}")));
            return ExitCode::from(2);
        }
    };
    match arguments.dry_run {
        true => dry_run::dry_run(&job, arguments.samples, &registry),
        false => work::work(job, &arguments, registry, board),
    }
}
