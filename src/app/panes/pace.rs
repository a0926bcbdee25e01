//! How close the events of a scope follow each other, over all of it: from the times of places spread evenly.
//!
//! Only so many events are read as the timeline has columns, however long the scope is. What was learned stays until it no
//! longer fits: another scope, another width, a tenth more events.

use crate::app::effect::Effect;
use crate::app::layout::{column_of, place_of};
use crate::ask::{Ask, Generation};
use crate::domain::{Scope, Timestamp};

/// The times of a scope at places spread over it.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    known: Option<Sampled>,
    asked: Option<(Generation, Sampled)>,
    /// The question that failed last, and how often in a row.
    failed: Option<(Sampled, u32)>,
}

/// So often the same is asked for when reading it fails.
const TRIES: u32 = 3;

/// A sample, or the question for one.
#[derive(Clone, Debug)]
struct Sampled {
    scope: Scope,
    total: u64,
    width: u16,
    /// Places and their times, in order; of a question none.
    times: Vec<(u64, Option<Timestamp>)>,
}

impl Sampled {
    /// Whether it tells of a scope that has so many events by now. The end of what is still read may wait.
    fn fits(&self, scope: &Scope, total: u64, width: u16, complete: bool) -> bool {
        let near = if complete { self.total } else { self.total + self.total / 10 };
        self.scope == *scope && self.width == width && (self.total..=near).contains(&total)
    }
}

impl Pace {
    /// Asks for the times that are missing, if any.
    pub fn ask(
        &mut self,
        scope: &Scope,
        (total, width, complete): (u64, u16, bool),
        next: impl FnOnce() -> Generation,
    ) -> Option<Effect> {
        let fits = |sampled: &Sampled| sampled.fits(scope, total, width, complete);
        if total == 0 || self.asked.as_ref().map(|(_, asked)| asked).or(self.known.as_ref()).is_some_and(fits) {
            return None;
        }
        if self.failed.as_ref().is_some_and(|(failed, times)| *times >= TRIES && fits(failed)) {
            return None;
        }
        let mut places: Vec<u64> = (0..width).map(|column| place_of(column, total, width).clamp(1, total)).collect();
        places.push(total);
        places.dedup();
        let generation = next();
        self.asked = Some((generation, Sampled { scope: scope.clone(), total, width, times: Vec::new() }));
        let ordinals = places.into_iter().map(|place| place - 1).collect();
        Some(Effect::Ask(Ask::SampleTimes { generation, scope: scope.clone(), ordinals }))
    }

    /// An answer: ordinals with their times. One that nobody waits for any more is dropped.
    pub fn sampled(&mut self, generation: Generation, times: &[(u64, Option<Timestamp>)]) {
        if let Some((_, asked)) = self.asked.take_if(|(asked, _)| *asked == generation) {
            let times = times.iter().map(|(ordinal, time)| (ordinal + 1, *time)).collect();
            self.known = Some(Sampled { times, ..asked });
            self.failed = None;
        }
    }

    /// The times could not be read: they are asked for again, but not without end. `true` when it was the question that
    /// is waited for.
    pub fn failed(&mut self, generation: Generation) -> bool {
        let Some((_, asked)) = self.asked.take_if(|(asked, _)| *asked == generation) else { return false };
        let same =
            |failed: &Sampled| (&failed.scope, failed.total, failed.width) == (&asked.scope, asked.total, asked.width);
        let before = self.failed.take().filter(|(failed, _)| same(failed)).map_or(0, |(_, times)| times);
        self.failed = Some((asked, before + 1));
        true
    }

    /// The source is another one: nothing of it is known.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The times of the first and of the last event of a scope, as far as known.
    pub fn ends(&self, scope: &Scope, total: u64) -> [Option<Timestamp>; 2] {
        let Some(sampled) = self.known.as_ref().filter(|sampled| sampled.scope == *scope) else { return [None; 2] };
        let at = |place: u64| sampled.times.iter().find(|(sample, _)| *sample == place).and_then(|(_, time)| *time);
        [at(1), at(total)]
    }

    /// How close the events of each column follow each other: 0 the slowest to 7 the fastest.
    pub fn columns(&self, scope: &Scope, total: u64, width: u16) -> Vec<Option<u8>> {
        let mut gaps = vec![None; usize::from(width)];
        let times = self.known.iter().filter(|sampled| sampled.scope == *scope).flat_map(|sampled| &sampled.times);
        let times = times.filter_map(|(place, time)| Some((*place, (*time)?)));
        let mut before: Option<(u64, Timestamp)> = None;
        for (place, time) in times {
            if let Some((from, then)) = before {
                let gap = time.duration_since(then).as_millis().max(0) as f64 / (place - from).max(1) as f64;
                let column = |place| usize::from(column_of(place, total, width));
                // The way from one event to the next is as long as it looks, and all of it has the pace of its end.
                let columns = gaps.iter_mut().take(column(place) + 1).skip(column(from) + 1);
                columns.for_each(|column| *column = Some((gap + 1.0).ln()));
            }
            before = Some((place, time));
        }
        let slowest = gaps.iter().flatten().copied().fold(f64::MIN, f64::max);
        let fastest = gaps.iter().flatten().copied().fold(f64::MAX, f64::min);
        let part = |gap: f64| if slowest > fastest { (slowest - gap) / (slowest - fastest) } else { 0.5 };
        gaps.into_iter().map(|gap| gap.map(|gap: f64| (part(gap) * 7.0).round() as u8)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn the_whole_of_a_long_scope_is_told_from_as_many_events_as_there_are_columns() {
        let mut pace = Pace::default();
        let total = 1_000_000;
        let asked = pace.ask(&Scope::All, (total, 50, true), || Generation(1));
        let Some(Effect::Ask(Ask::SampleTimes { ordinals, .. })) = asked else { panic!("{asked:?}") };
        assert!(ordinals.len() <= 51 && ordinals[0] == 0 && ordinals.last() == Some(&(total - 1)), "{ordinals:?}");
        assert!(pace.ask(&Scope::All, (total, 50, true), || Generation(2)).is_none(), "once is enough");
        // The first half took a second an event, the second half a thousandth of it.
        let time =
            |ordinal: u64| at(ordinal.min(total / 2) as i64 + (ordinal.saturating_sub(total / 2) / 1_000) as i64);
        let times: Vec<_> = ordinals.iter().map(|ordinal| (*ordinal, time(*ordinal))).collect();
        pace.sampled(Generation(7), &times);
        assert_eq!(pace.ends(&Scope::All, total), [None; 2], "an answer nobody waits for");
        pace.sampled(Generation(1), &times);
        assert_eq!(pace.ends(&Scope::All, total), [at(0), time(total - 1)]);
        let columns = pace.columns(&Scope::All, total, 50);
        assert!(columns[1..24].iter().all(|pace| *pace == Some(0)), "{columns:?}");
        assert!(columns[27..].iter().all(|pace| *pace == Some(7)), "{columns:?}");
        assert!(pace.ask(&Scope::All, (total + 1, 50, false), || Generation(3)).is_none(), "still read: near enough");
        assert!(pace.ask(&Scope::All, (total + 1, 50, true), || Generation(4)).is_some());
    }

    #[test]
    fn times_that_cannot_be_read_are_asked_for_again_but_not_without_end() {
        let mut pace = Pace::default();
        let ask = |pace: &mut Pace, total, number| pace.ask(&Scope::All, (total, 50, true), || Generation(number));
        for number in 1..=3 {
            assert!(ask(&mut pace, 100, number).is_some(), "{number}");
            assert!(!pace.failed(Generation(99)) && pace.failed(Generation(number)));
        }
        assert_eq!(ask(&mut pace, 100, 4), None, "three times are enough");
        assert!(ask(&mut pace, 101, 5).is_some(), "something else may be read");
        pace.sampled(Generation(5), &[(0, at(0))]);
        assert!(ask(&mut pace, 100, 6).is_some());
    }

    #[test]
    fn a_short_scope_has_a_pace_between_its_events() {
        let mut pace = Pace::default();
        let scope = Scope::Stream("a-1".into());
        let asked = pace.ask(&scope, (3, 31, true), || Generation(1));
        assert_eq!(
            asked,
            Some(Effect::Ask(Ask::SampleTimes {
                generation: Generation(1),
                scope: scope.clone(),
                ordinals: vec![0, 1, 2]
            }))
        );
        pace.sampled(Generation(1), &[(0, at(0)), (1, at(1)), (2, at(1_000))]);
        let columns = pace.columns(&scope, 3, 31);
        assert_eq!((columns[10], columns[11], columns[20], columns[30]), (None, Some(7), Some(7), Some(0)));
    }
}
