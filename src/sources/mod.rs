//! Other people's stores, opened read-only.
//!
//! A source answers two questions, which streams there are and which events, and says how far it has read. It is used
//! from threads that may block; every long answer looks at a [`Cancel`] between chunks. `tests/headless/source_contract.rs` asks
//! every source the same questions; `memory` is the reference.
//!
//! The contract:
//! - Nothing is ever written to what is opened, nor beside it.
//! - The same question gets the same events in the same order, whatever the limit and however often it is asked.
//! - A backward read is the forward read reversed. A page begins with the event its anchor names, whichever way it goes;
//!   where there is no such event (an ordinal past the end, a time before the first, an unknown id) it is empty.
//! - A page may be shorter than its limit when its events are large; it is empty only where no event is.
//! - Ordinals are dense from 0 within a scope and never change while a source grows: growing only appends.
//! - What a source cannot do is a failure of kind `Unsupported`, never an empty page.
//! - A cancelled read ends soon with a failure of kind `Cancelled`.
//! - While `progress().complete` is false every total may grow; afterwards all are exact. Only a record that is broken
//!   behind what tells its stream, type and version may still turn from an event into a trouble in the counts, when it is
//!   read or when `check` finds it; it stays an event with `trouble` in its stream, so that no ordinal changes.
//! - A record that cannot be read is an event with `trouble`: in its stream, wherever that can be known, behind the event
//!   before it where its version cannot; else only in the walk of the whole store.
//! - The events of a correlation are in the order of the store. Where no index says which they are, all events are read for
//!   the first answer.
//! - A link is an event of its own stream only, noted as one, with the payload of the event it leads to; `Scope::All` has
//!   that event once, at its own place.

mod allowance;
pub mod cache;
mod chunks;
mod colliding;
mod decode;
mod delimited;
mod documents;
pub mod dumps;
pub mod embedded;
pub mod feed;
pub mod fields;
mod files;
mod identity;
mod index;
mod indexed;
pub mod input;
mod jetstream;
mod lacking;
pub mod layouts;
mod live;
mod looking;
pub mod memory;
pub mod open;
mod picking;
mod recognise;
mod search;
mod sorted;
mod sqlite;
pub mod steady;
pub mod tables;
mod unpack;
mod woven;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::domain::{
    About, Asked, Cancel, DeclaredStream, EventPage, EventQuery, Failure, FailureKind, Pattern, Picked, Progress,
    RecordedStates, Scope, SearchStep, SourceChange, StoredSnapshot, StreamName, StreamPage, StreamSummary,
};

/// A type of events, and how many there are of it.
pub type TypeCount = (std::sync::Arc<str>, u64);

pub use live::{Outline, Outlined};
pub use looking::Looking;
pub(crate) use search::{Matcher, texts};

/// Removes what sources that are being opened keep in the directory for temporary files: for the end of the program, which
/// waits for none of them.
pub fn remove_copies() {
    sqlite::remove_copies();
}

/// An opened event store.
pub trait Source: Send + Sync {
    /// What it is, how it was recognised, what to know about it.
    fn about(&self) -> About;

    /// How far it has been read.
    fn progress(&self) -> Progress;

    /// Starts reading to the end in the background. Before this only the beginning is known, so that the first screen
    /// costs nothing. Further calls do nothing.
    fn begin(&self);

    /// Begins, and waits until everything has been read, telling the progress from time to time.
    ///
    /// # Errors
    /// `Cancelled`, or what made reading to the end impossible.
    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure>;

    /// Completes, and then looks at every byte of every record, so that the counts are exact also where a record was taken
    /// for an event by its front alone and is broken behind it. Where reading is checking, this is `complete`. What reads
    /// every event anyway needs no check: such a record is an event with `trouble` then.
    ///
    /// # Errors
    /// As `complete`.
    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.complete(cancel, told)
    }

    /// Streams in the order of their first events: at most `limit` from the `from`-th.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure>;

    /// How many events there are of each type, as far as the index says: in the order of their first events. `None` where
    /// only reading all events could tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn types(&self) -> Result<Option<Vec<TypeCount>>, Failure> {
        Ok(None)
    }

    /// One stream, if it is known so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure>;

    /// The versions of all events of a stream, in its order, as far as the index says. `None` where only reading the events
    /// could tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn versions(&self, _stream: &StreamName) -> Result<Option<Vec<u64>>, Failure> {
        Ok(None)
    }

    /// Events of a scope. A scope without events (an unknown stream) is an empty page.
    ///
    /// # Errors
    /// When the store cannot be read, the anchor does not fit the scope, or the read was cancelled. A single record that
    /// cannot be understood is no error: it is an event with `trouble`.
    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure>;

    /// The ordinal within `to` of the event that has `ordinal` within `from`; `None` when it is not there (or not known
    /// so far).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure>;

    /// Which of the events of a scope, from an ordinal on and at most `limit` of them looked at, are what is asked for, as
    /// far as the index says. `None` where only reading all events could tell. A record broken behind what tells its stream,
    /// type and version passes for an event.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn pick(&self, _scope: &Scope, _from: u64, _limit: usize, _asked: &Asked<'_>) -> Result<Option<Picked>, Failure> {
        Ok(None)
    }

    /// The snapshots the store keeps beside its events, in any order, until `told` breaks.
    ///
    /// # Errors
    /// When the store cannot be read, or the read was cancelled.
    fn snapshots(
        &self,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// The states of a stream that were computed by whoever wrote the store, when it keeps those instead of leaving them to a
    /// reducer.
    fn recorded(&self, _stream: &StreamName) -> Option<Arc<RecordedStates>> {
        None
    }

    /// What the store says of its streams beside their events, in any order, until `told` breaks.
    ///
    /// # Errors
    /// When the store cannot be read, or the read was cancelled.
    fn declared(
        &self,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// The rows of one of the tables `about().beside` names, each as a JSON object, until `told` breaks.
    ///
    /// # Errors
    /// `NotFound` when there is no such table; when the store cannot be read, or the read was cancelled.
    fn rows(
        &self,
        table: &str,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Err(no_table(&self.about().name, table))
    }

    /// Looks whether what was opened has changed meanwhile. Cheap enough to be asked twice a second; what has grown is read
    /// in the background, as after `begin`.
    ///
    /// # Errors
    /// When that cannot be told.
    fn look(&self) -> Result<SourceChange, Failure> {
        Ok(SourceChange::Same)
    }

    /// In short, what its index says of its records, and whether it begins with what an earlier outline is of. `None` while
    /// it is being read, and for sources without an index.
    ///
    /// # Errors
    /// `Cancelled`.
    fn outline(&self, _earlier: Option<&Outline>, _cancel: &Cancel) -> Result<Option<Outlined>, Failure> {
        Ok(None)
    }

    /// Looks for a pattern in the payloads, ids, notes, types and stream names of all events of a scope, in its order; what
    /// cannot be read as an event is searched as it is stored. Ends when `told` breaks. Begins and waits for what is not read yet.
    ///
    /// # Errors
    /// When the store cannot be read, or the search was cancelled.
    fn search(
        &self,
        pattern: &Pattern,
        scope: &Scope,
        cancel: &Cancel,
        told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        search::by_pages(self, pattern, scope, cancel, told)
    }
}

/// The failure of asking for a table that is not there.
fn no_table(source: &str, table: &str) -> Failure {
    Failure::new(FailureKind::NotFound, source, "read a table", format!("it has no table `{table}`"))
        .hint("`stepback inspect` lists the tables beside the events")
}

/// A failure when the answer is no longer wanted.
fn cancelled(source: &str, cancel: &Cancel) -> Result<(), Failure> {
    if cancel.is_cancelled() {
        return Err(Failure::cancelled(source, "read"));
    }
    Ok(())
}
