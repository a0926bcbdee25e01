//! The interface without a terminal: keys in, pictures out.

#![allow(clippy::unwrap_used)]

mod filtering;
mod finding;
mod following;
mod pictures;
mod puzzles;
mod screens;
mod surveys;
mod update;

#[path = "../support"]
mod support {
    pub mod desk;
    mod fold;
    pub mod live;
    pub mod svg;
}
