//! Finding out what something is: how much was read for it, what is being tried, and whether anybody still wants to know.
//!
//! Nothing is refused here. That no more is read than twice what there is follows from how each format looks (once through
//! its beginning, once through its records); the scaling tests compare [`Looking::read`] with [`Looking::length`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::Cancel;

/// One look at something unknown. Clones are the same look.
#[derive(Clone, Debug, Default)]
pub struct Looking(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Bytes read.
    read: AtomicU64,
    /// Bytes there are, as far as that is known.
    length: AtomicU64,
    /// What is being done: `JSON Lines`.
    doing: Mutex<String>,
    over: AtomicBool,
    unwanted: Cancel,
}

impl Looking {
    /// Says what is being tried.
    pub fn tries(&self, what: &str) {
        *self.0.doing.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// What is being tried; empty before anything is.
    pub fn doing(&self) -> String {
        self.0.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many bytes were read to find out what it is.
    pub fn read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    /// How many bytes there are, as far as that is known: of a pipe, those that have come.
    pub fn length(&self) -> u64 {
        self.0.length.load(Ordering::Relaxed)
    }

    /// It is known what it is: what is read from now on is reading.
    pub fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    /// Whether it is known what it is.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// What is set when nobody wants to know any more.
    pub fn unwanted(&self) -> &Cancel {
        &self.0.unwanted
    }

    /// So many bytes were read.
    pub(super) fn count(&self, bytes: u64) {
        self.0.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes are there.
    pub(super) fn there_are(&self, bytes: u64) {
        self.0.length.fetch_max(bytes, Ordering::Relaxed);
    }
}
