//! Which events have a correlation: the index does not say it, so each is read once for each correlation asked for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::{BATCH, Backing, Gathered, Indexed, PAGE};
use crate::domain::{Cancel, Direction, Failure, Scope};

/// The rows of each correlation asked for.
pub(super) type Correlations = HashMap<Arc<str>, Gathered>;

impl<B: Backing> Indexed<B> {
    /// Gets to know all that the index has now of a scope it says nothing of: to be called before the rows of a scope are
    /// asked for.
    ///
    /// # Errors
    /// When the events cannot be read, or nobody wants the answer any more.
    pub(super) fn gather(&self, scope: &Scope, cancel: &Cancel) -> Result<(), Failure> {
        let Scope::Correlation(id) = scope else { return Ok(()) };
        let known = || self.correlations.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            self.cancelled(cancel)?;
            let seen = known().entry(id.clone()).or_default().seen;
            // A link stands in its own stream only: these are the events.
            let places = self.places(&Scope::All, seen as u64, Direction::Forward, BATCH)?;
            if places.is_empty() {
                return Ok(());
            }
            let events = self.backing.events(&places, PAGE, cancel)?;
            if events.is_empty() {
                return Ok(());
            }
            let mut known = known();
            let gathered = known.entry(id.clone()).or_default();
            // Somebody else may have read the same meanwhile.
            if gathered.seen == seen {
                let rows = (seen as u32..).zip(&events).filter(|(_, event)| event.correlation.as_ref() == Some(id));
                gathered.rows.extend(rows.map(|(row, _)| row));
                gathered.seen += events.len();
            }
        }
    }
}
