//! What is known of an indexed source: what stands behind it says most, its index the rest.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Backing, Indexed, PAGE};
use crate::domain::{About, Cancel, Caveat, CaveatKind, Event, OtherKey, Than};
use crate::sources::colliding;
use crate::sources::index::{Index, Place};
use crate::sources::woven::put_in_order;

impl<B: Backing> Indexed<B> {
    /// All that is known so far.
    pub(super) fn known(&self) -> About {
        let mut about = self.backing.about();
        let events = {
            let index = self.backing.index();
            about.counted_versions += index.counted();
            index.stream_rows()
        };
        if self.backing.progress().complete {
            about.caveats.extend(counted_caveat(&about, events));
            let disordered = self.disordered();
            match disordered {
                0 => {}
                1 => about
                    .caveats
                    .push("in one stream versions go back or repeat: it is shown as the store has it".into()),
                n => about.caveats.push(
                    format!("in {n} streams versions go back or repeat: they are shown as the store has them").into(),
                ),
            }
            if disordered == 0 && OtherKey::doubt(&about.other_keys).is_none() {
                let doubtful = self.looked_at(&self.doubtful, colliding::ends, |read| {
                    colliding::doubtful(read, about.spelled.as_ref())
                });
                if let Some(key) = doubtful {
                    about.caveats.push(key.caveat().into());
                    about.other_keys.push(key);
                }
            }
            if disordered > 0 && OtherKey::first(&about.other_keys, Than::Parting).is_none() {
                // What tells events apart that have one stream and one version, as far as some of them show it.
                let parting = || {
                    self.looked_at(&self.parting, colliding::pairs, |read| {
                        colliding::parting(read, about.spelled.as_ref())
                    })
                };
                match (parting(), OtherKey::first(&about.other_keys, Than::Wider)) {
                    (Some(key), _) => {
                        about.caveats.push(key.caveat().into());
                        about.other_keys.push(key);
                    }
                    (None, Some(key)) => {
                        let key = OtherKey { than: Than::Doubtful, ..key.clone() };
                        about.caveats.push(key.caveat().into());
                        about.other_keys.push(key);
                    }
                    (None, None) => {}
                }
            }
        }
        if let Some(failure) = self.backing.failed() {
            about.caveats.push(format!("not read to the end: {}", failure.why).into());
        }
        about
    }

    /// In how many streams versions go back or repeat.
    fn disordered(&self) -> u64 {
        let index = self.backing.index();
        match index.disordered() {
            some if some > 0 && index.has_links() => some - self.put_in_order.get_or_init(|| put_in_order(&index)),
            some => some,
        }
    }

    /// What some events show of a key, which is kept until an eighth more of them have come.
    fn looked_at(
        &self,
        kept: &Mutex<Option<(usize, Option<OtherKey>)>>,
        places: impl FnOnce(&Index) -> Vec<Place>,
        shown: impl FnOnce(&[Arc<Event>]) -> Option<OtherKey>,
    ) -> Option<OtherKey> {
        let mut known = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (events, places) = {
            let index = self.backing.index();
            if let Some((events, found)) = &*known
                && (*events..=*events + *events / 8).contains(&index.len())
            {
                return found.clone();
            }
            (index.len(), places(&index))
        };
        // What cannot be read is told by whoever reads it; this is one word more on what the doctor finds anyway.
        let read = self.backing.events(&places, PAGE, &Cancel::default()).unwrap_or_default();
        let found = shown(&read);
        if !self.backing.index().is_broken() {
            *known = Some((events, found.clone()));
        }
        found
    }
}

/// What is to be said of versions that are counted, unless it was said.
fn counted_caveat(about: &About, events: u64) -> Option<Caveat> {
    match about.counted_versions {
        0 => None,
        counted if counted < events => Some(match counted {
            1 => format!("1 of {events} events has no version of its own: it is counted").into(),
            _ => format!("{counted} of {events} events have no version of their own: it is counted").into(),
        }),
        _ if about.caveats.iter().any(|caveat| caveat.kind == CaveatKind::NoVersions) => None,
        _ => Some(Caveat::new(CaveatKind::NoVersions, "no versions: counted in each stream")),
    }
}
