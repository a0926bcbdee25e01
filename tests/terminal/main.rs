//! The whole program in a real terminal.

#![allow(clippy::unwrap_used)]

mod lifecycle;
mod sessions;
mod viewing;

#[path = "../support"]
mod support {
    pub mod pty;
    pub mod untouched;
}
