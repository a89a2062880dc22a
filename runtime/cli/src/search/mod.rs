//! `catchwater search`: the newest events of a collection that match a query, or how many do and when.

mod chart;
mod effort;
mod show;

use std::process::ExitCode;

use catchwater_lake::read::Snapshot;
use catchwater_lake::search::{Effort, Filter, count, histogram, newest, unknown_fields};
use catchwater_query::Query;
use catchwater_query::time::Moment;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::{Registry, Result};

use crate::options::{LakeOption, finish};
use crate::output::{note, say};
use show::{Show, Wanted};

/// Find events of a collection: the newest that match, the newest first.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The collection.
    collection: String,
    /// What to look for, in the query language.
    #[arg(default_value = "*", value_parser = Query::parse)]
    query: Query,
    #[command(flatten)]
    lake: LakeOption,
    /// Not those before this time: RFC 3339, a date, or an age such as 1h or 7d.
    #[arg(long, value_parser = time, value_name = "TIME")]
    since: Option<i64>,
    /// Only those before this time.
    #[arg(long, value_parser = time, value_name = "TIME")]
    until: Option<i64>,
    /// So many events at most.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
    /// One JSON object per event, with all that it has.
    #[arg(long)]
    json: bool,
    /// Say only how many match.
    #[arg(long, conflicts_with_all = ["limit", "fields", "histogram"])]
    count: bool,
    /// Draw how many match over time.
    #[arg(long, conflicts_with_all = ["limit", "fields"])]
    histogram: bool,
    /// Only these fields, in this order, named as in a query: `id,customer.country,_key,_headers.trace`.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = Wanted::parse)]
    fields: Option<Vec<Wanted>>,
}

const EXAMPLES: &str = "\
Examples:
  catchwater search orders 'account_created amount:>100' --since 1h
  catchwater search orders 'status:failed' --fields _timestamp,id,reason,_headers.trace
  catchwater search orders 'NOT country:DE' --since 7d --histogram

Exits 0, also when nothing matches; 1 when the lake cannot be read, 2 on a mistake in the command.";

/// A limit bounds what is kept in memory.
const LIMIT_MAX: u64 = 1_000_000;

fn limit(text: &str) -> std::result::Result<usize, String> {
    let limit: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    let in_range = (1..=LIMIT_MAX).contains(&limit).then_some(limit as usize);
    in_range
        .ok_or_else(|| format!("1 to {LIMIT_MAX} can be asked for; `catchwater replay ... --to file:PATH` takes all"))
}

fn time(text: &str) -> std::result::Result<i64, String> {
    let moment = Moment::parse_relative(text, SystemClock.now_micros());
    moment.map(|moment| moment.start).map_err(|problem| problem.to_string())
}

/// Exits 0 when it was looked for, 1 when it could not be.
pub(crate) fn search(arguments: Arguments, registry: &Registry) -> ExitCode {
    finish(1, async {
        let collection = arguments.lake.open(registry)?.collection(&arguments.collection).await?;
        let snapshot = collection.snapshot().await?;
        tell_unknown_fields(&arguments.query, &snapshot);
        note(&effort::told(&look(&arguments, &snapshot).await?));
        Ok(ExitCode::SUCCESS)
    })
}

async fn look(arguments: &Arguments, snapshot: &Snapshot) -> Result<Effort> {
    let filter = Filter { query: arguments.query.clone(), since: arguments.since, until: arguments.until };
    if arguments.count {
        let (hits, effort) = count(snapshot, filter).await?;
        say(&if arguments.json { format!("{{\"hits\":{hits}}}\n") } else { format!("{hits}\n") });
        return Ok(effort);
    }
    if arguments.histogram {
        let (found, effort) = histogram(snapshot, filter).await?;
        say(&if arguments.json { chart::json(&found) } else { chart::drawn(&found) });
        return Ok(effort);
    }
    let show = Show::new(&arguments.query, arguments.json, arguments.fields.as_deref());
    let mut found = newest(snapshot, filter, arguments.limit).await?;
    let none = found.is_empty();
    while let Some(events) = found.next().await? {
        say(&events.iter().map(|event| show.line(event)).collect::<String>());
    }
    if none {
        note("nothing matches");
    }
    Ok(found.effort())
}

/// A name that is mistyped finds nothing, and nobody would know why.
fn tell_unknown_fields(query: &Query, snapshot: &Snapshot) {
    for (name, near) in unknown_fields(query, snapshot) {
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        note(&format!("note: no event has a field `{name}`{near}"));
    }
}
