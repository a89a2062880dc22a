//! SQL over the collections of a lake, by DataFusion.
//!
//! ```text
//!  Sql::open(lake) ─ query("select ...") ─▶ Answer: schema, then batches ─ write ─▶ table, JSON, CSV or Parquet
//!        │ a name in the query
//!        ▼
//!  collections ─▶ snapshot ─▶ table: the files that the snapshot has, read by DataFusion's Parquet scan
//! ```
//!
//! A collection is a table of its name. Its snapshot is taken when a query first names it, so that all of a query sees one
//! version; a file that the log does not list, or no longer, is never read. Names are taken as they are written, so that
//! `orderId` is the payload's `orderId`.
//!
//! Architecture Invariant: nothing in here changes a lake. Statements that would are refused before they run.

mod answer;
mod collections;
mod error;
mod output;
mod table;
mod text;

use std::path::PathBuf;
use std::sync::Arc;

use catchwater_lake::read::Lake;
use catchwater_sdk::{Result, ResultExt};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};

pub use self::answer::Answer;
use self::collections::Seen;
pub use self::output::{Form, Written};

/// The name that a query may put before a collection's.
const LAKE: &str = "lake";

/// What a query may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For sorting, grouping and joining. What does not fit is spilled.
    pub memory_bytes: usize,
    /// The folder that is spilled to; none for the system's own for temporary files.
    pub spill: Option<PathBuf>,
    /// How much may be spilled.
    pub spill_bytes_max: u64,
}

/// Answers queries over one lake.
pub struct Sql {
    session: SessionContext,
    collections: Vec<String>,
    seen: Seen,
    limits: Limits,
}

// === impl Sql ===

impl Sql {
    /// Lists the lake's collections; reads none of them. `Refused` when there is no lake.
    pub async fn open(lake: Lake, limits: Limits) -> Result<Sql> {
        let collections = lake.collections().await?;
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(LAKE, LAKE)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(true)
            .with_batch_size(batch_rows(&limits))
            .with_sort_spill_reservation_bytes(merge_bytes(&limits))
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false);
        let session = SessionContext::new_with_config_rt(config, Arc::new(runtime(&limits)?));
        let seen = Seen::default();
        session.register_catalog(LAKE, collections::catalog(LAKE, lake, collections.clone(), seen.clone()));
        Ok(Sql { session, collections, seen, limits })
    }

    /// Begins to answer a query. `Refused` when it is no query, or names what is not there.
    pub async fn query(&self, sql: &str) -> Result<Answer> {
        let only_queries = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let planned = self.session.sql_with_options(sql, only_queries).await;
        let frame = planned.map_err(|error| error::not_planned(error, &self.collections))?;
        let stream = frame.execute_stream().await.map_err(|error| error::failed(error, &self.limits))?;
        Ok(Answer::new(stream, self.seen.clone(), self.limits.clone()))
    }
}

/// What each sorting thread keeps for merging what it spilled. DataFusion's own choice is 10 MiB, whatever the budget.
fn merge_bytes(limits: &Limits) -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    (limits.memory_bytes / (8 * threads)).min(10 << 20)
}

/// DataFusion's 8192 with the default budget; a smaller budget holds fewer rows, a larger one gains nothing from more.
fn batch_rows(limits: &Limits) -> usize {
    (limits.memory_bytes / (32 << 10)).clamp(64, 8192)
}

fn runtime(limits: &Limits) -> Result<RuntimeEnv> {
    let pool = Arc::new(FairSpillPool::new(limits.memory_bytes));
    let builder = RuntimeEnvBuilder::new().with_memory_pool(pool).with_max_temp_directory_size(limits.spill_bytes_max);
    let builder = match &limits.spill {
        Some(folder) => builder.with_temp_file_path(folder),
        None => builder,
    };
    builder.build().or_refused(|| match &limits.spill {
        Some(folder) => format!("use {} to spill to", folder.display()),
        None => "use the system's folder for temporary files to spill to".to_owned(),
    })
}

#[cfg(test)]
mod tests;
