//! Rules of the house that the compiler does not know; `tests/` beside this file keeps them.
