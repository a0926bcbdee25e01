//! Looking for text in the events of a scope.

use crate::domain::{Anchor, Cancel, Direction, Event, EventQuery, Failure, Scope};
use crate::sources::Source;

/// Events read at once.
const PAGE: usize = 512;

/// Looks for `pattern` from the place `from` (itself excluded, counted in events of the scope: n is the n-th event),
/// once round the end. Gives the place of the first match, `told` the events looked at and in all.
///
/// A pattern without capital letters matches both cases (ASCII). It is looked for in type, stream, data and metadata as
/// they are stored.
///
/// # Errors
/// When the source cannot be read or nobody wants the answer any more.
pub fn find(
    source: &dyn Source,
    scope: &Scope,
    pattern: &str,
    from: u64,
    direction: Direction,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Option<u64>, Failure> {
    let needle = Needle::new(pattern);
    let total = source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total;
    let mut looked = 0;
    // Two spans of ordinals in the direction of the search: from the neighbour to the end, then round to where it began.
    let spans = match direction {
        Direction::Forward => [(from, total), (0, from.min(total))],
        Direction::Backward => [(0, from.saturating_sub(1).min(total)), (from.saturating_sub(1).min(total), total)],
    };
    for (start, end) in spans {
        let mut done = 0;
        while start + done < end {
            let limit = (end - start - done).min(PAGE as u64) as usize;
            let ordinal = match direction {
                Direction::Forward => start + done,
                Direction::Backward => end - 1 - done,
            };
            let query = EventQuery { scope: scope.clone(), from: Anchor::Ordinal(ordinal), direction, limit };
            let page = source.events(&query, cancel)?;
            if page.events.is_empty() {
                break;
            }
            for (n, event) in page.events.iter().enumerate() {
                if needle.is_in(event) {
                    let ordinal = match direction {
                        Direction::Forward => ordinal + n as u64,
                        Direction::Backward => ordinal - n as u64,
                    };
                    return Ok(Some(ordinal + 1));
                }
            }
            done += page.events.len() as u64;
            looked += page.events.len() as u64;
            told(looked, total);
        }
    }
    Ok(None)
}

/// A text to look for, prepared once.
struct Needle {
    text: Vec<u8>,
    any_case: bool,
}

impl Needle {
    fn new(pattern: &str) -> Self {
        Self { text: pattern.as_bytes().to_vec(), any_case: !pattern.chars().any(char::is_uppercase) }
    }

    fn is_in(&self, event: &Event) -> bool {
        [event.event_type.as_bytes(), event.stream.as_str().as_bytes(), event.data.stored(), event.metadata.stored()]
            .into_iter()
            .any(|text| self.occurs(text))
    }

    fn occurs(&self, text: &[u8]) -> bool {
        let Some((&first, rest)) = self.text.split_first() else { return true };
        if !self.any_case {
            return memchr::memmem::find(text, &self.text).is_some();
        }
        let upper = first.to_ascii_uppercase();
        memchr::memchr2_iter(first, upper, text)
            .any(|at| text.get(at + 1..at + 1 + rest.len()).is_some_and(|tail| tail.eq_ignore_ascii_case(rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_match_both_cases_and_capitals_only_themselves() {
        assert!(Needle::new("paid").occurs(b"OrderPAID"));
        assert!(Needle::new("Paid").occurs(b"OrderPaid"));
        assert!(!Needle::new("Paid").occurs(b"orderpaid"));
        assert!(!Needle::new("paid").occurs(b"pai"));
        assert!(Needle::new("").occurs(b""));
    }
}
