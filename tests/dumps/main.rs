//! SQL dumps by the databases that write them.

#![allow(clippy::unwrap_used)]

mod directories;
mod mariadb;
mod postgresql;
mod sqlite;

#[path = "../support"]
mod support {
    pub mod mariadb;
    pub mod postgres;
    pub mod tables;
}
