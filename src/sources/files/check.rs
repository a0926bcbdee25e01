//! The second look at a file of lines: every byte of every record, when the index is there.
//!
//! The index takes a record for what its front says. This reads the file again and counts the records that are broken
//! behind their fronts. It changes no row: what it finds is only counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::build::{Build, THREADS};
use super::envelope::Checker;
use super::stretch::{self, Lines, STRETCH};
use crate::domain::{Cancel, Failure, Progress};

/// How much is checked between two words about the progress, in stretches that threads share.
const WINDOW: u64 = 8 << 20;

/// How far a file has been checked.
#[derive(Debug, Default)]
pub struct Check(Mutex<u64>);

impl Check {
    /// Checks what the index knows and was not checked yet. One at a time: a second one waits for the first.
    ///
    /// # Errors
    /// When the file cannot be read, or nobody wants the rest.
    pub fn run(&self, build: &Build, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        let mut upto = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = build.index().end();
        while *upto < end {
            build.feed().cancelled(cancel)?;
            let window = Window { build, next: AtomicU64::new(*upto), end: end.min(*upto + WINDOW) };
            if !window.check()? {
                break;
            }
            *upto = window.end;
            told(build.progress());
        }
        told(build.progress());
        Ok(())
    }

    /// Up to where it has come; 0 while it is running.
    pub fn upto(&self) -> u64 {
        self.0.try_lock().map_or(0, |upto| *upto)
    }

    /// Up to here it was checked before.
    pub fn resume(&self, upto: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = upto;
    }

    /// From here on it must be checked again, if it was.
    pub fn back_to(&self, start: u64) {
        let mut upto = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *upto = start.min(*upto);
    }
}

/// A part of the file whose stretches threads take one by one.
struct Window<'a> {
    build: &'a Build,
    next: AtomicU64,
    end: u64,
}

impl Window<'_> {
    /// Checks all of it. Gives whether that came to its end.
    fn check(&self) -> Result<bool, Failure> {
        let left = (self.end - self.next.load(Ordering::Relaxed)).div_ceil(STRETCH);
        let threads = THREADS.min(left as usize);
        thread::scope(|scope| {
            // Where no thread can be started, this one does all of it.
            let started: Vec<_> = (1..threads)
                .filter_map(|_| {
                    thread::Builder::new().name("check".into()).spawn_scoped(scope, || self.stretches()).ok()
                })
                .collect();
            let mut whole = self.stretches();
            for other in started {
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                whole = whole.and_then(|whole| Ok(whole && other?));
            }
            whole
        })
    }

    fn stretches(&self) -> Result<bool, Failure> {
        let mut checking = Checking { checker: Checker::new(self.build.mapping().clone()), build: self.build };
        let mut buffer = Vec::new();
        loop {
            if checking.checker.has_texts() {
                self.build.found_texts();
            }
            let from = self.next.fetch_add(STRETCH, Ordering::Relaxed);
            if from >= self.end {
                return Ok(true);
            }
            let to = self.end.min(from + STRETCH);
            let (feed, stop) = (self.build.feed(), self.build.stopped());
            if stretch::read(feed, (from, to), &mut buffer, stop, &mut checking)?.is_none() {
                return Ok(false);
            }
        }
    }
}

struct Checking<'a> {
    checker: Checker,
    build: &'a Build,
}

impl Lines for Checking<'_> {
    fn line(&mut self, offset: u64, text: &[u8]) -> usize {
        let (end, whole) = self.checker.line(text);
        // Only what the index calls an event can turn out to be none.
        if !whole && self.build.index().is_event_at(offset) {
            self.build.broken().insert(offset);
        }
        end
    }
}
