//! A question about many events that an index answers without reading them: which of them have such types, are in such
//! streams, and lie within such times.

use std::fmt;

use super::Timestamp;

/// What is asked of events; what is left out is not asked.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Which types.
    pub types: Option<&'a dyn Fn(&str) -> bool>,
    /// Which streams.
    pub streams: Option<&'a dyn Fn(&str) -> bool>,
    /// From this time on.
    pub after: Option<Timestamp>,
    /// Before this time.
    pub before: Option<Timestamp>,
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("after", &self.after).field("before", &self.before).finish_non_exhaustive()
    }
}

impl Asked<'_> {
    /// Whether an event of this time, cut to milliseconds, lies within the times; `None` where only the event can tell, or
    /// not even that: it has no time.
    pub fn is_within(&self, milliseconds: Option<i64>) -> Option<bool> {
        if self.after.is_none() && self.before.is_none() {
            return Some(true);
        }
        let found = milliseconds?;
        // In which direction was cut does not matter to what is farther away than a millisecond.
        let far = |bound: Timestamp| (found.abs_diff(bound.as_millisecond()) > 1).then_some(());
        let is_later = |bound: Timestamp| far(bound).map(|()| found > bound.as_millisecond());
        let after = self.after.map_or(Some(true), is_later);
        let before = self.before.map_or(Some(true), |bound| is_later(bound).map(|later| !later));
        match (after, before) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

/// Events of a stretch of a scope that are what was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Picked {
    /// Their ordinals within the scope, ascending; and whether that is certain. What is not must be read and looked at.
    pub ordinals: Vec<(u64, bool)>,
    /// Behind the last event that was looked at.
    pub looked: u64,
    /// How many there are as far as known.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_a_bound_only_the_event_can_tell() {
        let at = |nanoseconds: i128| Timestamp::from_nanosecond(nanoseconds).ok();
        let asked = Asked { after: at(5_000_400_000), before: at(9_000_000_000), ..Asked::default() };
        for (milliseconds, within) in [
            (4_998, Some(false)),
            (5_000, None),
            (5_001, None),
            (5_002, Some(true)),
            (8_998, Some(true)),
            (9_000, None),
            (9_002, Some(false)),
            (i64::MIN, Some(false)),
        ] {
            assert_eq!(asked.is_within(Some(milliseconds)), within, "{milliseconds}");
        }
        assert_eq!(asked.is_within(None), None, "when it was nobody knows");
        assert_eq!(Asked::default().is_within(None), Some(true));
    }
}
