//! Nothing to compute yet.
