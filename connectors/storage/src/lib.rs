//! A URL becomes an object store whose writes are durable

use bytes::Bytes;
use catchwater_sdk::{Error, Result};

/// A folder of an object store.
#[derive(Clone, Debug)]
pub struct Store;

impl Store {
    /// Whether a path or URL can be opened; touches nothing.
    pub fn check(_url: &str) -> Result<()> {
        Err(Error::bug("not there yet"))
    }
    /// Opens a path or URL; creates nothing.
    pub fn open(_url: &str) -> Result<Store> {
        Err(Error::bug("not there yet"))
    }
    /// The store of a folder below.
    pub fn at(&self, _folder: &str) -> Store {
        self.clone()
    }
    /// The folder as a URL; the same for every way to write it.
    pub fn url(&self) -> String {
        String::new()
    }
    /// Durable, in one piece, and an error if something is there.
    pub async fn put_new(&self, _path: &str, _bytes: Bytes) -> Result<()> {
        Err(Error::bug("not there yet"))
    }
    /// No error if nothing is there.
    pub async fn delete(&self, _path: &str) -> Result<()> {
        Err(Error::bug("not there yet"))
    }
}
