//! Searching a source that has no better way: every event of the scope is read and looked at.

use std::ops::ControlFlow;

use super::Source;
use crate::domain::{Cancel, Event, EventQuery, Failure, Pattern, Scope, SearchStep};

/// How many events are read at a time.
const PAGE: usize = 1024;

/// Searches page after page.
///
/// # Errors
/// As `Source::search`.
pub fn by_pages<S: Source + ?Sized>(
    source: &S,
    pattern: &Pattern,
    scope: &Scope,
    cancel: &Cancel,
    told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
) -> Result<(), Failure> {
    source.complete(cancel, &mut |_| ())?;
    let mut from = 0;
    loop {
        let page = source.events(&EventQuery::at(scope.clone(), from, PAGE), cancel)?;
        if page.events.is_empty() {
            return Ok(());
        }
        for event in &page.events {
            if matches(pattern, event) && told(SearchStep::Hit(from)).is_break() {
                return Ok(());
            }
            from += 1;
        }
        if told(SearchStep::Searched(from, page.total)).is_break() {
            return Ok(());
        }
    }
}

/// Whether an event holds the pattern: in its payloads, as they are stored or as what they stand for, in its type or in
/// the name of its stream.
pub fn matches(pattern: &Pattern, event: &Event) -> bool {
    let finder = match pattern {
        Pattern::Text(text) => Some(memchr::memmem::Finder::new(text.as_bytes())),
        Pattern::Expression(_) => None,
    };
    let holds = |bytes: &[u8]| match (pattern, &finder) {
        (Pattern::Expression(expression), _) => expression.is_match(bytes),
        (_, Some(finder)) => finder.find(bytes).is_some(),
        (_, None) => false,
    };
    holds(event.stream.as_str().as_bytes())
        || holds(event.event_type.as_bytes())
        || [&event.data, &event.metadata].into_iter().any(|payload| {
            !payload.is_absent()
                && (holds(payload.stored()) || (payload.encoding().is_some() && holds(payload.text().as_bytes())))
        })
}
