//! The second look at a file of lines: every byte of every record, when the index is there.
//!
//! The index takes a record for what its front says. This reads the file again and counts the records that are broken
//! behind their fronts. It changes no row: what it finds is only counted.

use std::sync::{Mutex, PoisonError};

use super::build::Build;
use super::envelope::Checker;
use super::stretch::{self, Lines, STRETCH};
use crate::domain::{Cancel, Failure, Progress};

/// How much is checked between two words about the progress.
const TOLD: u64 = 8 << 20;

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
        let mut checking = Checking { checker: Checker::new(build.mapping().clone()), build };
        let mut buffer = Vec::new();
        let mut said = *upto;
        let end = build.index().end();
        while *upto < end {
            build.feed().cancelled(cancel)?;
            let to = end.min(*upto + STRETCH);
            let looked = stretch::read(build.feed(), (*upto, to), &mut buffer, build.stopped(), &mut checking)?;
            if looked.is_none() {
                break;
            }
            *upto = to;
            if *upto - said >= TOLD {
                said = *upto;
                told(build.progress());
            }
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
