//! Which ids events have and which they name as their causes, in twelve bytes each: a hash and the ordinal.
//!
//! Two ids of one hash are rare but not impossible, so the equal ones are only candidates: whoever asks looks at the events
//! before it says anything of them. Nothing is kept beyond [`MOST`]; that this happened is told.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

/// Ids, and causes, kept: some 200 MB of each were they all used.
pub(super) const MOST: usize = 16 << 20;

/// A hash (its higher half first) and an ordinal.
type Mark = [u32; 3];

/// The ids of events and the causes they name.
#[derive(Debug)]
pub(super) struct Identities {
    hasher: DefaultHashBuilder,
    most: usize,
    ids: Vec<Mark>,
    causes: Vec<Mark>,
    /// Causes of the form `stream/version`, by their ordinals: the hash of the stream, and the version.
    places: Vec<(u32, u64, u64)>,
    /// Events that have an id, and that name a cause, whether kept or not.
    pub seen: (u64, u64),
}

/// Whether a cause is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// It is no id that was seen; where it is written as a place, the hash of its stream, and the version.
    Unknown(Option<(u64, u64)>),
    /// Some event has this id.
    Known,
}

impl Identities {
    /// None yet.
    pub fn new(most: usize) -> Self {
        let hasher = DefaultHashBuilder::default();
        Self { hasher, most, ids: Vec::new(), causes: Vec::new(), places: Vec::new(), seen: (0, 0) }
    }

    /// Makes room for so many events at once, where their ids would grow there anyway.
    pub fn reserve(&mut self, events: u64) {
        let room = usize::try_from(events).unwrap_or(usize::MAX).min(self.most);
        if self.ids.len() > 1024 && self.ids.capacity() < room {
            self.ids.reserve_exact(room - self.ids.len());
        }
        if self.causes.len() > 1024 && self.causes.capacity() < room {
            self.causes.reserve_exact(room - self.causes.len());
        }
    }

    /// The hash of a name.
    pub fn hash(&self, name: &str) -> u64 {
        hash(&self.hasher, name)
    }

    /// An event's id.
    pub fn id(&mut self, id: &str, ordinal: u32) {
        self.seen.0 += 1;
        if self.ids.len() < self.most {
            self.ids.push(mark(self.hash(id), ordinal));
        }
    }

    /// What an event names as its cause.
    pub fn cause(&mut self, cause: &str, ordinal: u32) {
        self.seen.1 += 1;
        if self.causes.len() < self.most {
            self.causes.push(mark(self.hash(cause), ordinal));
            if let Some((stream, version)) = place(cause) {
                self.places.push((ordinal, self.hash(stream), version));
            }
        }
    }

    /// Whether all ids were kept, and all causes.
    pub fn is_whole(&self) -> (bool, bool) {
        (self.seen.0 == self.ids.len() as u64, self.seen.1 == self.causes.len() as u64)
    }

    /// Whether any cause is written as a place in a stream.
    pub fn names_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// How many ids were kept.
    pub fn kept(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Brings everything in order. To be called before anything is asked.
    pub fn sort(&mut self) {
        self.ids.sort_unstable();
        self.causes.sort_unstable();
    }

    /// Pairs of ordinals whose events probably have the same id, each with the first event that has it.
    pub fn repeated(&self) -> impl Iterator<Item = (u32, u32)> {
        // Sorted by ordinal within a hash: the first of a group is the first event.
        self.ids
            .chunk_by(|a, b| a[..2] == b[..2])
            .flat_map(|same| same[1..].iter().map(move |mark| (same[0][2], mark[2])))
    }

    /// Tells of every cause whether it is there, with the ordinal of the event that names it.
    pub fn causes(&self, told: &mut dyn FnMut(u32, Cause)) {
        let mut ids = self.ids.iter().peekable();
        for cause in &self.causes {
            while ids.next_if(|id| id[..2] < cause[..2]).is_some() {}
            let known = ids.peek().is_some_and(|id| id[..2] == cause[..2]);
            let place = || {
                let at = self.places.binary_search_by_key(&cause[2], |(ordinal, _, _)| *ordinal).ok()?;
                Some((self.places[at].1, self.places[at].2))
            };
            told(cause[2], if known { Cause::Known } else { Cause::Unknown(place()) });
        }
    }
}

/// One spelling for every UUID, so that it is the same id in capitals, in braces or without hyphens.
fn hash(hasher: &DefaultHashBuilder, name: &str) -> u64 {
    match uuid::Uuid::try_parse(name) {
        Ok(uuid) => hasher.hash_one(uuid.as_u128()),
        Err(_) => {
            let mut state = hasher.build_hasher();
            state.write(name.as_bytes());
            state.finish()
        }
    }
}

fn mark(hash: u64, ordinal: u32) -> Mark {
    [(hash >> 32) as u32, hash as u32, ordinal]
}

/// The stream and version of a cause that is written as a place: `account-1/12`, `12@account-1`.
fn place(cause: &str) -> Option<(&str, u64)> {
    let slash = || cause.rsplit_once('/').and_then(|(stream, version)| Some((stream, version.parse().ok()?)));
    let at = || cause.split_once('@').and_then(|(version, stream)| Some((stream, version.parse().ok()?)));
    slash().or_else(at).filter(|(stream, _)| !stream.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_repeat_are_found_with_their_first_event() {
        let mut ids = Identities::new(100);
        let uuid = "01956177-e616-7000-8000-000000000001";
        for (ordinal, id) in (0..).zip(["a", "b", "a", uuid, "c", "a", &uuid.to_uppercase(), "b", "\u{1f30d}", "B"]) {
            ids.id(id, ordinal);
        }
        ids.sort();
        let mut repeated: Vec<_> = ids.repeated().collect();
        repeated.sort_unstable();
        assert_eq!(repeated, [(0, 2), (0, 5), (1, 7), (3, 6)]);
    }

    #[test]
    fn causes_are_looked_up_as_ids_and_told_as_places() {
        let mut ids = Identities::new(100);
        ids.id("a", 0);
        ids.id("b", 1);
        for (ordinal, cause) in (0..).zip(["b", "nothing", "a", "order-1/7", "7@order-1", "/7", "order/x"]) {
            ids.cause(cause, ordinal);
        }
        ids.sort();
        let mut told = Vec::new();
        ids.causes(&mut |ordinal, cause| told.push((ordinal, cause)));
        told.sort_by_key(|(ordinal, _)| *ordinal);
        let place = Cause::Unknown(Some((ids.hash("order-1"), 7)));
        let nowhere = Cause::Unknown(None);
        assert_eq!(
            told,
            [(0, Cause::Known), (1, nowhere), (2, Cause::Known), (3, place), (4, place), (5, nowhere), (6, nowhere)]
        );
    }

    #[test]
    fn what_is_too_much_is_not_kept_and_told() {
        let mut ids = Identities::new(2);
        ["a", "b", "a"].iter().zip(0..).for_each(|(id, ordinal)| ids.id(id, ordinal));
        ids.sort();
        assert_eq!(ids.repeated().count(), 0);
        assert_eq!((ids.is_whole(), ids.kept(), ids.seen.0), ((false, true), 2, 3));
    }
}
