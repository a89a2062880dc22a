//! The collections as DataFusion finds tables: by name, when a query names one.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use catchwater_lake::care::first_damage;
use catchwater_lake::read::Lake;
use catchwater_sdk::Error;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use tokio::sync::Mutex;

use crate::error::damaged;
use crate::table::Table;

/// Tables by the name of their collection.
#[derive(Debug)]
struct Collections {
    lake: Lake,
    names: Vec<String>,
    seen: Seen,
}

/// The tables that were named so far: each stays at the version it was first seen at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<String, Arc<Table>>>>);

impl Seen {
    /// The first file that is damaged, as an error with what to do; none where all that can be read is whole.
    pub(crate) async fn damage(&self) -> Option<Error> {
        let tables: Vec<_> =
            self.0.lock().await.iter().map(|(name, table)| (name.clone(), Arc::clone(table))).collect();
        for (name, table) in tables {
            match first_damage(table.snapshot()).await {
                Ok(None) => {}
                Ok(Some(damage)) => return Some(damaged(&name, &damage)),
                Err(error) => return Some(error),
            }
        }
        None
    }
}

/// A catalog with the collections in one schema; what a query names is noted as seen.
pub(crate) fn catalog(schema: &str, lake: Lake, names: Vec<String>, seen: Seen) -> Arc<dyn CatalogProvider> {
    let catalog = MemoryCatalogProvider::new();
    let collections = Collections { lake, names, seen };
    catalog.register_schema(schema, Arc::new(collections)).expect("the catalog takes schemas");
    Arc::new(catalog)
}

#[async_trait]
impl SchemaProvider for Collections {
    fn table_names(&self) -> Vec<String> {
        self.names.clone()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.table_exist(name) {
            return Ok(None); // the planner says so, and `error` which is near
        }
        let mut seen = self.seen.0.lock().await;
        if let Some(table) = seen.get(name) {
            return Ok(Some(Arc::clone(table) as _));
        }
        let table = Arc::new(self.read(name).await.map_err(|error| DataFusionError::External(error.into()))?);
        seen.insert(name.to_owned(), Arc::clone(&table));
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

impl Collections {
    async fn read(&self, name: &str) -> catchwater_sdk::Result<Table> {
        Ok(Table::new(name, self.lake.collection(name).await?.snapshot().await?))
    }
}
