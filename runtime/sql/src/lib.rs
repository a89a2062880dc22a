//! SQL over the collections of a lake.
