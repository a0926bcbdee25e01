//! Where a place that was typed lies in a scope: asked by the commands, the walk and the interface alike.

use std::fmt::Display;
use std::sync::Arc;

use super::pages;
use crate::domain::{
    Anchor, Cancel, Direction, Event, EventQuery, Failure, FailureKind, Place, Position, Scope, StreamName, Timestamp,
    text, time,
};
use crate::sources::Source;

/// Cells a name takes in a message.
const NAME: usize = 120;

/// Where a number of the store's lies among the events of a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// After so many events of the scope, which is the last of those with this number; and how many have it.
    At {
        /// The place.
        place: u64,
        /// The same of the first event with this number.
        first: u64,
        /// How many events have the number.
        times: u64,
    },
    /// No event has it.
    Absent {
        /// The nearest smaller number there is.
        below: Option<u64>,
        /// The nearest greater number there is.
        above: Option<u64>,
    },
}

/// A place in a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// How many events of the scope lie at or before it.
    pub place: u64,
    /// What the person should know of it: that a version stands twice.
    pub notice: Option<String>,
}

/// Finds a place in a scope, as far as the source has been read.
///
/// # Errors
/// `NotFound`, with its neighbours, when no event has the number; `Usage` when the scope has no such places; when the source
/// cannot be read or nobody wants the answer any more.
pub fn locate(source: &dyn Source, scope: &Scope, place: &Place, cancel: &Cancel) -> Result<Located, Failure> {
    let plain = |place: u64| Located { place, notice: None };
    Ok(match place {
        Place::Start => plain(0),
        Place::First => plain(total(source, scope, cancel)?.min(1)),
        Place::Last => plain(total(source, scope, cancel)?),
        Place::Time(time) => plain(as_of(source, scope, *time, cancel)?),
        Place::Ago(seconds) => plain(match before_last(source, scope, *seconds, cancel)? {
            Some(time) => as_of(source, scope, time, cancel)?,
            None => return Err(nothing(source, "no event here has a time".into())),
        }),
        Place::Ordinal(ordinal) => match total(source, scope, cancel)? {
            total if *ordinal <= total => plain(*ordinal),
            total => return Err(nothing(source, format!("there is no event #{ordinal}: the last is #{total}"))),
        },
        Place::Number(number) => match numbered(source, scope, *number, cancel)? {
            Lookup::At { place, times, .. } => {
                Located { place, notice: notice(scope, number, times, "this is the last of them") }
            }
            Lookup::Absent { below, above } => return Err(nothing(source, absent(scope, *number, below, above))),
        },
        Place::Clock(clock) => match on_the_last_day(source, scope, *clock, cancel)? {
            Some(time) => {
                let notice = format!("{clock} is that of {}, the day of the last event", time.strftime("%Y-%m-%d"));
                Located { place: as_of(source, scope, time, cancel)?, notice: Some(notice) }
            }
            None => return Err(nothing(source, "no event here has a time".into())),
        },
        Place::Position(text) => written(source, scope, text, cancel)?,
    })
}

/// Finds what is written otherwise than as a number: a position of a scope wider than a stream, or the id of an event.
fn written(source: &dyn Source, scope: &Scope, written: &Arc<str>, cancel: &Cancel) -> Result<Located, Failure> {
    if !is_stream(scope)
        && let Lookup::At { place, times, .. } = at_position(source, scope, written, cancel)?
    {
        return Ok(Located { place, notice: notice(scope, written, times, "this is the last of them") });
    }
    if let Some((ordinal, _)) = one(source, scope, Anchor::Id(written.clone()), cancel)? {
        return Ok(Located { place: ordinal + 1, notice: None });
    }
    let name = text::fit(written, NAME);
    let elsewhere = match scope {
        Scope::All => None,
        _ => one(source, &Scope::All, Anchor::Id(written.clone()), cancel)?,
    };
    let mut why = match (scope, elsewhere) {
        (_, Some((_, event))) => {
            let stream = text::fit(event.stream.as_str(), NAME);
            format!("no event here has the id {name}: it is that of version {} of {stream}", event.version)
        }
        (Scope::Stream(_), None) => format!("no event has the id {name}"),
        (_, None) => format!("no event has the id or the position {name}"),
    };
    if time::parse_clock(written).is_some() {
        why.push_str(&format!("; a time of day is written @{name}"));
    }
    Err(nothing(source, why))
}

/// A time of the day the last event of a scope that has a time lies in.
///
/// # Errors
/// As [`numbered`].
pub fn on_the_last_day(
    source: &dyn Source,
    scope: &Scope,
    clock: jiff::civil::Time,
    cancel: &Cancel,
) -> Result<Option<Timestamp>, Failure> {
    Ok(before_last(source, scope, 0, cancel)?.and_then(|last| time::on_the_day_of(clock, last)))
}

/// Finds the event the store gives this number: by its version in a stream, by its position in a wider scope.
///
/// # Errors
/// When the source cannot be read or nobody wants the answer any more.
pub fn numbered(source: &dyn Source, scope: &Scope, number: u64, cancel: &Cancel) -> Result<Lookup, Failure> {
    match scope {
        Scope::Stream(name) => Ok(Versions::of(source, name, cancel)?.find(number)),
        _ => positioned(source, scope, number, cancel),
    }
}

/// How a place of a stream is written so that it leads there, and to nothing else: the store's own number, or `#N` where
/// several events have that number, or may yet have it because the source is still being read.
///
/// # Errors
/// As [`numbered`].
pub fn named(source: &dyn Source, stream: &StreamName, at: u64, cancel: &Cancel) -> Result<Place, Failure> {
    if at == 0 {
        return Ok(Place::Start);
    }
    if !source.progress().complete {
        return Ok(Place::Ordinal(at));
    }
    let versions = Versions::of(source, stream, cancel)?;
    let version = usize::try_from(at - 1).ok().and_then(|n| versions.numbers.get(n));
    Ok(match version.map(|version| (*version, versions.find(*version))) {
        Some((version, Lookup::At { place, times: 1, .. })) if place == at => Place::Number(version),
        _ => Place::Ordinal(at),
    })
}

/// Finds the first event a scope has at a place where several may have one number, counted from 1: where a range begins. What
/// to know of it is said as of [`locate`].
///
/// # Errors
/// As [`locate`].
pub fn locate_first(source: &dyn Source, scope: &Scope, place: &Place, cancel: &Cancel) -> Result<Located, Failure> {
    let found = match place {
        Place::Number(number) => (number.to_string(), numbered(source, scope, *number, cancel)?),
        Place::Position(position) if !is_stream(scope) => {
            (position.to_string(), at_position(source, scope, position, cancel)?)
        }
        _ => return locate(source, scope, place, cancel),
    };
    match found {
        (name, Lookup::At { first, times, .. }) => {
            Ok(Located { place: first, notice: notice(scope, name, times, "this begins at the first of them") })
        }
        (_, Lookup::Absent { .. }) => locate(source, scope, place, cancel),
    }
}

/// The first event of a scope recorded at this time or later, counted from 0.
///
/// # Errors
/// As [`numbered`].
pub fn from_time(source: &dyn Source, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<u64, Failure> {
    match time.checked_sub(jiff::SignedDuration::from_nanos(1)) {
        Ok(before) => as_of(source, scope, before, cancel),
        Err(_) => Ok(0),
    }
}

/// So many seconds before the last event of a scope that has a time.
///
/// # Errors
/// As [`numbered`].
pub fn before_last(
    source: &dyn Source,
    scope: &Scope,
    seconds: i64,
    cancel: &Cancel,
) -> Result<Option<Timestamp>, Failure> {
    let last = one(source, scope, Anchor::AsOf(Timestamp::MAX), cancel)?.and_then(|(_, event)| event.time);
    let back = |last: Timestamp| last.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
    Ok(last.map(back))
}

/// That there is no such place, as far as the source has been read.
pub(super) fn nothing(source: &dyn Source, why: String) -> Failure {
    let failure = Failure::new(FailureKind::NotFound, source.about().name, "go there", why);
    match source.progress().complete {
        true => failure,
        false => failure.hint("the store is still being read: it may be found later"),
    }
}

fn is_stream(scope: &Scope) -> bool {
    matches!(scope, Scope::Stream(_))
}

fn absent(scope: &Scope, number: u64, below: Option<u64>, above: Option<u64>) -> String {
    let what = if is_stream(scope) { "version" } else { "position" };
    let rest = match (below, above) {
        (Some(below), Some(above)) => format!("{below} and {above} are its neighbours"),
        (Some(below), None) => format!("{below} is the last"),
        (None, Some(above)) => format!("{above} is the first"),
        (None, None) => "nothing here has a number".into(),
    };
    format!("there is no {what} {number}; {rest}")
}

fn notice(scope: &Scope, number: impl Display, times: u64, which: &str) -> Option<String> {
    let number = text::fit(&number.to_string(), NAME);
    let stands = match times {
        0 | 1 => return None,
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    };
    Some(match scope {
        Scope::Stream(name) => {
            format!("version {number} stands {stands} in {}: {which}", text::fit(name.as_str(), NAME))
        }
        _ => format!("position {number} stands {stands}: {which}"),
    })
}

fn total(source: &dyn Source, scope: &Scope, cancel: &Cancel) -> Result<u64, Failure> {
    Ok(source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total)
}

fn as_of(source: &dyn Source, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<u64, Failure> {
    Ok(one(source, scope, Anchor::AsOf(time), cancel)?.map_or(0, |(ordinal, _)| ordinal + 1))
}

/// The one event at an anchor, with its ordinal in the scope.
fn one(
    source: &dyn Source,
    scope: &Scope,
    from: Anchor,
    cancel: &Cancel,
) -> Result<Option<(u64, Arc<Event>)>, Failure> {
    let query = EventQuery { scope: scope.clone(), from, direction: Direction::Forward, limit: 1 };
    let page = source.events(&query, cancel)?;
    Ok(page.events.first().map(|event| (page.first, event.clone())))
}

/// The versions of a stream, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versions {
    numbers: Vec<u64>,
    /// Whether each is greater than the one before.
    ascend: bool,
}

impl Versions {
    /// Reads them.
    ///
    /// # Errors
    /// As [`numbered`].
    pub fn of(source: &dyn Source, stream: &StreamName, cancel: &Cancel) -> Result<Self, Failure> {
        if let Some(versions) = source.versions(stream)? {
            return Ok(Self::new(versions));
        }
        let mut versions = Vec::new();
        let scope = Scope::Stream(stream.clone());
        pages::each(source, &scope, cancel, &mut |_, _| (), &mut |_, event| versions.push(event.version.0))?;
        Ok(Self::new(versions))
    }

    fn new(numbers: Vec<u64>) -> Self {
        Self { ascend: numbers.is_sorted_by(|a, b| a < b), numbers }
    }

    /// Looks one up.
    pub fn find(&self, wanted: u64) -> Lookup {
        let mut tally = Tally::default();
        // Of those that ascend only the one it is, or would be, and its neighbours can tell anything.
        let near = match self.ascend {
            true => {
                let found = self.numbers.partition_point(|number| *number < wanted);
                found.saturating_sub(1)..(found + 2).min(self.numbers.len())
            }
            false => 0..self.numbers.len(),
        };
        for n in near {
            tally.count(n as u64 + 1, self.numbers[n], wanted);
        }
        tally.answer()
    }
}

/// What is known of a number after some of the events.
#[derive(Debug, Default)]
struct Tally {
    place: u64,
    first: u64,
    times: u64,
    below: Option<u64>,
    above: Option<u64>,
}

impl Tally {
    fn count(&mut self, place: u64, number: u64, wanted: u64) {
        match number.cmp(&wanted) {
            std::cmp::Ordering::Equal => self.found(place),
            std::cmp::Ordering::Less => self.below = self.below.max(Some(number)),
            std::cmp::Ordering::Greater => self.above = Some(self.above.map_or(number, |above| above.min(number))),
        }
    }

    fn found(&mut self, place: u64) {
        if self.times == 0 {
            self.first = place;
        }
        (self.place, self.times) = (place, self.times + 1);
    }

    fn answer(self) -> Lookup {
        match self.times {
            0 => Lookup::Absent { below: self.below, above: self.above },
            times => Lookup::At { place: self.place, first: self.first, times },
        }
    }
}

/// Where positions surely ascend, few events have to be read. Elsewhere every event is looked at: a store may number as it
/// likes, and one number may stand far from where it stands again.
fn positioned(source: &dyn Source, scope: &Scope, wanted: u64, cancel: &Cancel) -> Result<Lookup, Failure> {
    if source.about().positions_ascend
        && let Some((place, times)) = ascending(source, scope, wanted, cancel)?
    {
        return Ok(Lookup::At { place, first: place + 1 - times, times });
    }
    let mut tally = Tally::default();
    pages::each(source, scope, cancel, &mut |_, _| (), &mut |ordinal, event| {
        if let Some(number) = event.position.number() {
            tally.count(ordinal + 1, number, wanted);
        }
    })?;
    Ok(tally.answer())
}

/// The last place of a position among those that ascend, and how many have it.
fn ascending(source: &dyn Source, scope: &Scope, wanted: u64, cancel: &Cancel) -> Result<Option<(u64, u64)>, Failure> {
    let number_at = |ordinal: u64| -> Result<Option<u64>, Failure> {
        Ok(one(source, scope, Anchor::Ordinal(ordinal), cancel)?.and_then(|(_, event)| event.position.number()))
    };
    let (mut from, mut to) = (0, total(source, scope, cancel)?);
    while from < to {
        let middle = from + (to - from) / 2;
        match number_at(middle)? {
            // The last of those that have it.
            Some(found) if found <= wanted => from = middle + 1,
            Some(_) => to = middle,
            None => return Ok(None),
        }
    }
    let mut times = 0;
    while times < from && number_at(from - 1 - times)? == Some(wanted) {
        times += 1;
    }
    Ok((times > 0).then_some((from, times)))
}

/// The events at a position that is no number.
fn at_position(source: &dyn Source, scope: &Scope, wanted: &str, cancel: &Cancel) -> Result<Lookup, Failure> {
    let mut tally = Tally::default();
    pages::each(source, scope, cancel, &mut |_, _| (), &mut |ordinal, event| {
        if matches!(&event.position, Position::Text(text) if **text == *wanted) {
            tally.found(ordinal + 1);
        }
    })?;
    Ok(tally.answer())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Payload, Version};
    use crate::sources::memory::Memory;

    /// Events with these versions and positions, all of one stream.
    fn source(numbers: &[(u64, Position)]) -> Memory {
        let events = numbers.iter().map(|(version, position)| Event {
            data: Payload::json_text("{}"),
            time: Timestamp::from_second(1_700_000_000 + *version as i64).ok(),
            ..Event::new("a-1", Version(*version), position.clone(), "T")
        });
        Memory::new("memory", events.collect())
    }

    fn counted(numbers: &[(u64, u64)]) -> Memory {
        source(&numbers.iter().map(|(version, position)| (*version, Position::Number(*position))).collect::<Vec<_>>())
    }

    fn go(source: &Memory, scope: &Scope, typed: &str) -> Result<(u64, String), String> {
        let place = typed.parse().expect("a place");
        locate(source, scope, &place, &Cancel::default())
            .map(|located| (located.place, located.notice.unwrap_or_default()))
            .map_err(|failure| failure.why)
    }

    #[test]
    fn a_number_is_the_store_s_own() {
        let store = counted(&[(1, 100), (2, 108), (2, 109), (4, 134), (9, 135)]);
        let stream = Scope::Stream("a-1".into());
        let at = |scope: &Scope, typed: &str| go(&store, scope, typed).map(|(place, _)| place);
        assert_eq!(at(&Scope::All, "108"), Ok(2));
        assert_eq!(at(&Scope::All, "135"), Ok(5));
        assert_eq!(at(&Scope::All, "#2"), Ok(2));
        assert_eq!(at(&stream, "4"), Ok(4));
        assert_eq!(at(&stream, "#3"), Ok(3));
        assert_eq!((at(&stream, "start"), at(&stream, "first"), at(&stream, "last")), (Ok(0), Ok(1), Ok(5)));
        assert_eq!(at(&stream, "-5s"), Ok(4), "five seconds before version 9");
        assert_eq!(at(&stream, "2023-11-14T22:13:22Z"), Ok(3), "as of version 2, the last of them");
        let (place, said) = go(&store, &stream, "2").expect("a place");
        assert_eq!((place, said.as_str()), (3, "version 2 stands twice in a-1: this is the last of them"));
    }

    #[test]
    fn a_number_in_a_gap_names_its_neighbours() {
        let store = counted(&[(1, 100), (2, 108), (4, 134)]);
        let stream = Scope::Stream("a-1".into());
        let why = |scope: &Scope, typed: &str| go(&store, scope, typed).expect_err("no place");
        assert_eq!(why(&stream, "3"), "there is no version 3; 2 and 4 are its neighbours");
        assert_eq!(why(&stream, "0"), "there is no version 0; 1 is the first");
        assert_eq!(why(&stream, "5"), "there is no version 5; 4 is the last");
        assert_eq!(why(&Scope::All, "120"), "there is no position 120; 108 and 134 are its neighbours");
        assert_eq!(why(&stream, "#4"), "there is no event #4: the last is #3");
        assert_eq!(why(&stream, "2/7"), "no event has the id 2/7");
    }

    #[test]
    fn a_position_that_stands_again_far_away_is_found_twice() {
        let store = counted(&[(1, 1), (2, 2), (3, 3), (4, 2)]);
        let said = |which: &str| format!("position 2 stands twice: {which}");
        assert_eq!(go(&store, &Scope::All, "2"), Ok((4, said("this is the last of them"))));
        let first = locate_first(&store, &Scope::All, &Place::Number(2), &Cancel::default()).expect("a place");
        assert_eq!((first.place, first.notice), (2, Some(said("this begins at the first of them"))));
    }

    #[test]
    fn positions_that_do_not_ascend_and_texts_are_found() {
        let store = counted(&[(1, 50), (2, 7), (3, 99), (4, 8), (5, 20)]);
        for (typed, place) in [("50", 1), ("99", 3), ("20", 5), ("8", 4)] {
            assert_eq!(go(&store, &Scope::All, typed).map(|(place, _)| place), Ok(place), "{typed}");
        }
        let text = |text: &str| Position::Text(text.into());
        let store = source(&[(1, text("2/1041")), (2, text("0/7")), (3, text("2/1042"))]);
        assert_eq!(go(&store, &Scope::All, "2/1041").map(|(place, _)| place), Ok(1));
        assert_eq!(go(&store, &Scope::All, "2/1042").map(|(place, _)| place), Ok(3));
        assert_eq!(go(&store, &Scope::All, "2/1043"), Err("no event has the id or the position 2/1043".into()));
    }

    #[test]
    fn a_position_that_stands_twice_is_said_and_has_a_first() {
        let store = counted(&[(1, 1), (2, 2), (3, 2), (4, 3)]);
        let (place, said) = go(&store, &Scope::All, "2").expect("a place");
        assert_eq!((place, said.as_str()), (3, "position 2 stands twice: this is the last of them"));
        let text = |text: &str| Position::Text(text.into());
        let texts = source(&[(1, text("a/1")), (2, text("a/2")), (3, text("a/1"))]);
        let (place, said) = go(&texts, &Scope::All, "a/1").expect("a place");
        assert_eq!((place, said.as_str()), (3, "position a/1 stands twice: this is the last of them"));
        let first = |source: &Memory, scope: &Scope, typed: &str| {
            let place = typed.parse().expect("a place");
            locate_first(source, scope, &place, &Cancel::default()).expect("a place").place
        };
        assert_eq!((first(&store, &Scope::All, "2"), first(&texts, &Scope::All, "a/1")), (2, 1));
        let store = counted(&[(1, 1), (2, 2), (2, 3), (3, 4)]);
        assert_eq!(first(&store, &Scope::Stream("a-1".into()), "2"), 2);
    }

    #[test]
    fn a_place_is_named_by_what_leads_to_it_alone() {
        let store = counted(&[(1, 1), (2, 2), (2, 3), (4, 4)]);
        let named = |at: u64| named(&store, &"a-1".into(), at, &Cancel::default()).expect("a name").to_string();
        assert_eq!([0, 1, 2, 3, 4].map(named), ["start", "1", "#2", "#3", "4"]);
    }
}
