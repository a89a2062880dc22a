//! The lake: shredder, table, lake sink
mod table;
