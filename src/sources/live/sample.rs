//! Contents of some events, in short: an index says nothing of payloads, and somebody may have changed those alone.
//!
//! Of a small store it is all events, of a large one some from all of it. The last event is never among them: a writer may
//! have been in the middle of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::outline::Outline;
use crate::domain::{Cancel, Event, EventQuery, Failure, Scope};
use crate::sources::Source;

/// How many events are looked at.
const EVENTS: u64 = 256;
/// No more are looked at once so many bytes have been read.
const BYTES: usize = 8 << 20;

/// Ordinals of events and what stands for their contents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample(Vec<(u64, u64)>);

impl Sample {
    /// Of a source with this outline.
    ///
    /// # Errors
    /// When it cannot be read, or nobody wants it any more.
    pub fn of(source: &dyn Source, outline: &Outline, cancel: &Cancel) -> Result<Self, Failure> {
        let among = outline.rows.saturating_sub(1);
        let count = among.min(EVENTS);
        let (mut taken, mut read) = (Vec::with_capacity(count as usize), 0);
        for number in 0..count {
            // From the first to the last of them, evenly.
            let ordinal = if count == among { number } else { number * (among - 1) / (count - 1) };
            let Some((content, size)) = content(source, ordinal, cancel)? else { break };
            taken.push((ordinal, content));
            read += size;
            if read > BYTES {
                break;
            }
        }
        Ok(Self(taken))
    }

    /// Whether another reading says the same of these events.
    ///
    /// # Errors
    /// When it cannot be read, or nobody wants it any more.
    pub fn holds(&self, source: &dyn Source, cancel: &Cancel) -> Result<bool, Failure> {
        for &(ordinal, before) in &self.0 {
            if content(source, ordinal, cancel)?.is_none_or(|(now, _)| now != before) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What stands for the content of an event, and how large that is.
fn content(source: &dyn Source, ordinal: u64, cancel: &Cancel) -> Result<Option<(u64, usize)>, Failure> {
    let page = source.events(&EventQuery::at(Scope::All, ordinal, 1), cancel)?;
    Ok(page.events.first().map(|event| (digest(event), event.data.stored().len())))
}

/// What is kept beside the payload may change in the life of an event (a mark that it was published), and is left out.
fn digest(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.trouble.is_some(), event.stream.as_str(), event.version.0, &*event.event_type).hash(&mut hasher);
    event.id.as_deref().hash(&mut hasher);
    event.time.hash(&mut hasher);
    event.data.stored().hash(&mut hasher);
    hasher.finish()
}
