//! What source and sink of S3 have in common: how a bucket is reached, and how objects are packed.

mod bucket;
mod compression;
mod connection;
mod failure;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use self::bucket::{Bucket, Condition, Opened, id};
pub(crate) use self::compression::{Compression, Packer, Unpacker};
pub(crate) use self::connection::Connection;
