//! Rules of the house, kept by tests: who imports whom, fresh docs
