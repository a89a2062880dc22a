//! The query language of search, replay, `filter` and `when`.
