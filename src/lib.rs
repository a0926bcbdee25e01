//! stepback: a terminal debugger for event-sourced systems.
//!
//! It opens an event store, lists its streams and events, and folds events back into state, so that one can stand at any
//! event and step forward or back. `docs/architecture.md` says which module may use which; `tests/layers.rs` holds it.

pub mod app;
pub mod ask;
pub mod cli;
pub mod condition;
pub mod config;
pub mod domain;
pub mod reducers;
pub mod regular;
pub mod replay;
pub mod runtime;
pub mod session;
pub mod sources;
pub mod store;
pub mod ui;
pub mod wire;
