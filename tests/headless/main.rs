//! Everything that needs no terminal: stores, sources, reducers and the commands, in one binary.

#![allow(clippy::unwrap_used)]

mod asking;
mod bad_input;
mod cache;
mod cache_tables;
mod chunks;
mod cli;
mod corpus_states;
mod corpus_truth;
mod doctor;
mod documents;
mod evil_reducers;
mod follow;
mod follow_stores;
mod javascript;
mod jetstream;
mod keyed_reducers;
mod layouts;
mod parting;
mod reducing;
mod replay_properties;
mod search_properties;
mod searching;
mod source_contract;
mod sqlite;
mod store;
mod store_commands;
mod track_properties;
mod types;

#[path = "../support"]
mod support {
    pub mod chunks;
    pub mod folds;
    pub mod nats;
    #[allow(dead_code, reason = "the dumps use the rest")]
    pub mod postgres;
    pub mod program;
    pub mod random;
}
