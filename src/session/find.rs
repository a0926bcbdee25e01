//! Looking for text in the events of a scope.

use super::pages::Pages;
use crate::domain::{Cancel, Direction, EventQuery, Failure, Pattern, Scope};
use crate::sources::{Matcher, Source};

/// Events read at once.
const PAGE: usize = 512;

/// Looks for `pattern` from the place `from` (itself excluded, counted in events of the scope: n is the n-th event),
/// once round the end. Gives the place of the first match, `told` the events looked at and in all.
///
/// It is looked for where `Source::search` looks, by the same [`Matcher`]: what the one counts the other leads to.
///
/// # Errors
/// When the source cannot be read or nobody wants the answer any more.
pub fn find(
    source: &dyn Source,
    scope: &Scope,
    pattern: &Pattern,
    from: u64,
    direction: Direction,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Option<u64>, Failure> {
    let matcher = Matcher::new(pattern);
    let total = source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total;
    let mut looked = 0;
    // Two spans of ordinals in the direction of the search: from the neighbour to the end, then round to where it began.
    let spans = match direction {
        Direction::Forward => [(from, total), (0, from.min(total))],
        Direction::Backward => [(0, from.saturating_sub(1).min(total)), (from.saturating_sub(1).min(total), total)],
    };
    for (start, end) in spans {
        let mut pages = Pages::within(scope.clone(), direction, start..end, PAGE);
        while let Some(page) = pages.next(|query| source.events(query, cancel))? {
            if let Some((ordinal, _)) = page.numbered(direction).find(|(_, event)| matcher.matches(event)) {
                return Ok(Some(ordinal + 1));
            }
            looked += page.events.len() as u64;
            told(looked, total);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        About, Event, EventPage, FailureKind, Payload, Position, Progress, StreamName, StreamPage, StreamSummary,
        Trouble, Version,
    };
    use crate::session::search::{Case, pattern};
    use crate::sources::memory::Memory;

    /// Events of these types, all in one stream; `!` is a record that could not be read.
    fn events(types: &[&str]) -> Vec<Event> {
        (1..)
            .zip(types)
            .map(|(n, name)| Event {
                data: Payload::json_text(format!("{{\"n\":{n}}}")),
                trouble: (*name == "!").then(|| Trouble { place: format!("record {n}"), reason: "no event".into() }),
                ..Event::new("a-1", Version(n), Position::Number(n), *name)
            })
            .collect()
    }

    fn look(source: &dyn Source, pattern: &str, from: u64, direction: Direction) -> Option<u64> {
        let mut last = 0;
        let wanted = self::pattern(pattern, false, Case::Smart).expect("one");
        find(source, &Scope::All, &wanted, from, direction, &Cancel::default(), &mut |looked, total| {
            assert!(last < looked && looked <= total, "{last}, then {looked} of {total}");
            last = looked;
        })
        .expect("a source that can be read")
    }

    /// Pages of at most three events, whatever is asked: they may always be shorter.
    struct Short(Memory);

    impl Source for Short {
        fn about(&self) -> About {
            self.0.about()
        }
        fn progress(&self) -> Progress {
            self.0.progress()
        }
        fn begin(&self) {}
        fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
            self.0.complete(cancel, told)
        }
        fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
            self.0.streams(from, limit)
        }
        fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
            self.0.stream(name)
        }
        fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
            self.0.events(&EventQuery { limit: query.limit.min(3), ..query.clone() }, cancel)
        }
        fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
            self.0.translate(from, ordinal, to)
        }
    }

    #[test]
    fn a_search_goes_round_the_end_once_and_comes_back_to_itself() {
        let types = ["hit", "x", "x", "hit", "!", "x", "x", "hit", "x"];
        for source in [&Memory::new("memory", events(&types)) as &dyn Source, &Short(Memory::new("m", events(&types)))]
        {
            for (from, forward, backward) in
                [(0, 1, 8), (1, 4, 8), (2, 4, 1), (4, 8, 1), (5, 8, 4), (8, 1, 4), (9, 1, 8), (10, 1, 8), (99, 1, 8)]
            {
                assert_eq!(look(source, "hit", from, Direction::Forward), Some(forward), "from {from}");
                assert_eq!(look(source, "hit", from, Direction::Backward), Some(backward), "from {from}");
            }
            for from in 0..12 {
                for direction in [Direction::Forward, Direction::Backward] {
                    assert_eq!(look(source, "nosuch", from, direction), None);
                    assert_eq!(look(source, "\"n\":6}", from, direction), Some(6), "the only one, from anywhere");
                }
            }
        }
    }

    #[test]
    fn what_is_stored_with_escapes_is_found_as_it_reads() {
        let stored =
            [r#"{"at":"z\u00fcrich"}"#, r#"{"at":"a\/b"}"#, r#"{"said":"say \"hi\""}"#, r#""{\"in\":\"text\"}""#];
        let event = |(n, data): (u64, &&str)| Event {
            data: Payload::json_text(*data),
            ..Event::new("x-1", Version(n), Position::Number(n), "T")
        };
        let source = Memory::new("memory", (1..).zip(&stored).map(event).collect());
        for (place, wanted) in (1..).zip(["zürich", "a/b", "say \"hi\"", "\"in\":\"text"]) {
            for case in [Case::Smart, Case::Exact] {
                for direction in [Direction::Forward, Direction::Backward] {
                    let pattern = pattern(wanted, false, case).expect("a pattern");
                    let found = find(&source, &Scope::All, &pattern, 0, direction, &Cancel::default(), &mut |_, _| ());
                    assert_eq!(found, Ok(Some(place)), "{wanted} {case:?}");
                }
            }
        }
    }

    #[test]
    fn more_than_one_page_is_looked_through_either_way() {
        let mut types = vec!["x"; 3 * PAGE];
        types[PAGE] = "hit";
        let source = Memory::new("memory", events(&types));
        let hit = PAGE as u64 + 1;
        for from in [0, 1, hit - 1, hit, hit + 1, 2 * PAGE as u64, 3 * PAGE as u64, u64::MAX] {
            assert_eq!(look(&source, "hit", from, Direction::Forward), Some(hit), "from {from}");
            assert_eq!(look(&source, "hit", from, Direction::Backward), Some(hit), "from {from}");
        }
    }

    #[test]
    fn an_empty_scope_has_nothing_and_a_search_can_be_stopped() {
        let source = Memory::new("memory", Vec::new());
        assert_eq!(look(&source, "x", 0, Direction::Forward), None);
        assert_eq!(look(&source, "x", 7, Direction::Backward), None);
        let cancel = Cancel::default();
        let source = Memory::new("memory", events(&vec!["x"; 3 * PAGE]));
        let stopped =
            find(&source, &Scope::All, &Pattern::Text("nosuch".into()), 0, Direction::Forward, &cancel, &mut |_, _| {
                cancel.cancel()
            });
        assert_eq!(stopped.map_err(|failure| failure.kind), Err(FailureKind::Cancelled));
    }

    #[test]
    fn what_is_appended_meanwhile_is_no_end_of_the_search() {
        let source = Memory::new("memory", events(&vec!["x"; PAGE + 1]));
        let mut grown = false;
        let found = find(
            &source,
            &Scope::All,
            &Pattern::Text("hit".into()),
            5,
            Direction::Forward,
            &Cancel::default(),
            &mut |_, _| {
                if !std::mem::replace(&mut grown, true) {
                    source.append(events(&["hit"]));
                }
            },
        );
        assert_eq!(found, Ok(None), "it looks at what was there when it began, once");
        assert_eq!(look(&source, "hit", 5, Direction::Forward), Some(PAGE as u64 + 2));
    }
}
