//! Events of which a question could not be answered: how many, why, and where the first of each kind stands.

use std::collections::BTreeMap;

use super::Event;
use super::words;

/// Reasons that are told apart.
const REASONS: usize = 16;

/// How many events one reason keeps from an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Reason {
    count: u64,
    /// Where the first of them stands.
    first: String,
    /// Which of the reasons it was.
    nth: usize,
}

/// Events that could not be judged, counted by reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unjudged {
    reasons: BTreeMap<String, Reason>,
    /// How many in all.
    pub total: u64,
}

impl Unjudged {
    /// One more.
    pub fn count(&mut self, reason: String, event: &Event) {
        self.add(reason, 1, || place(event));
    }

    /// These too, which come after the others.
    pub fn join(&mut self, later: Self) {
        let known: u64 = later.reasons.values().map(|reason| reason.count).sum();
        self.total += later.total - known;
        let mut reasons: Vec<_> = later.reasons.into_iter().collect();
        reasons.sort_by_key(|(_, reason)| reason.nth);
        for (reason, Reason { count, first, .. }) in reasons {
            self.add(reason, count, || first);
        }
    }

    fn add(&mut self, reason: String, count: u64, first: impl FnOnce() -> String) {
        self.total += count;
        let nth = self.reasons.len();
        match self.reasons.get_mut(&reason) {
            Some(known) => known.count += count,
            None if nth < REASONS => _ = self.reasons.insert(reason, Reason { count, first: first(), nth }),
            None => {}
        }
    }

    /// In words: each reason with its count and its first place, the most frequent first; empty when there is none.
    pub fn words(&self) -> String {
        let events = |count: u64| words::counted(count, "event");
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| (std::cmp::Reverse(reason.count), reason.nth));
        let first = |reason: &Reason| match reason.count {
            1 => format!(" ({})", reason.first),
            _ => format!(" (first {})", reason.first),
        };
        match &reasons[..] {
            [] => String::new(),
            [(why, reason)] if reason.count == self.total => {
                format!("{} could not be judged: {why}{}", events(self.total), first(reason))
            }
            reasons => {
                let known: u64 = reasons.iter().map(|(_, reason)| reason.count).sum();
                let mut parts: Vec<String> = reasons
                    .iter()
                    .map(|(why, reason)| format!("of {}, {why}{}", reason.count, first(reason)))
                    .collect();
                if self.total > known {
                    parts.push(format!("of {}, for other reasons", self.total - known));
                }
                format!("{} could not be judged: {}", events(self.total), parts.join("; "))
            }
        }
    }
}

/// Where an event stands, in the store's own numbers.
fn place(event: &Event) -> String {
    format!("position {}, version {} of {}", event.position, event.version, event.stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Position, Version};

    fn event(n: u64) -> Event {
        Event::new("a-1", Version(n), Position::Number(10 * n), "T")
    }

    #[test]
    fn every_reason_is_told_with_its_count_and_its_first_place() {
        let mut unjudged = Unjudged::default();
        assert_eq!(unjudged.words(), "");
        unjudged.count("no such key amount".into(), &event(7));
        assert_eq!(unjudged.words(), "1 event could not be judged: no such key amount (position 70, version 7 of a-1)");
        unjudged.count("another".into(), &event(8));
        unjudged.count("another".into(), &event(9));
        assert_eq!(
            unjudged.words(),
            "3 events could not be judged: of 2, another (first position 80, version 8 of a-1); \
             of 1, no such key amount (position 70, version 7 of a-1)"
        );
        let mut later = Unjudged::default();
        for n in 0..40 {
            later.count(format!("yet another {n}"), &event(n));
            later.count("no such key amount".into(), &event(n));
        }
        let mut both = Unjudged::default();
        both.join(later.clone());
        assert_eq!(both, later, "in the order in which they were met");
        unjudged.join(later);
        let words = unjudged.words();
        assert!(words.starts_with("83 events could not be judged: of 41, no such key amount (first position 70,"));
        assert_eq!(unjudged.total, 83);
        let told: u64 = words.split("of ").skip(1).filter_map(|part| part.split_once(',')?.0.parse::<u64>().ok()).sum();
        assert_eq!(told, 83, "nothing is left unexplained: {words}");
    }
}
