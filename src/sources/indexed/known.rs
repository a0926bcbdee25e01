//! What is known of an indexed source: what stands behind it says most, its index the rest.

use std::sync::PoisonError;

use super::{Backing, Indexed, PAGE};
use crate::domain::{About, Cancel, OtherKey, Than};
use crate::sources::colliding;
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
                n => about
                    .caveats
                    .push(format!("in {n} streams versions go back or repeat: they are shown as the store has them")),
            }
            if disordered > 0 && OtherKey::first(&about.other_keys, Than::Parting).is_none() {
                match (self.parting(&about), OtherKey::first(&about.other_keys, Than::Wider)) {
                    (Some(key), _) => {
                        about.caveats.push(key.caveat());
                        about.other_keys.push(key);
                    }
                    (None, Some(key)) => about.caveats.push(key.caveat()),
                    (None, None) => {}
                }
            }
        }
        if let Some(failure) = self.backing.failed() {
            about.caveats.push(format!("not read to the end: {}", failure.why));
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

    /// What tells events apart that have one stream and one version, as far as some of them show it.
    fn parting(&self, about: &About) -> Option<OtherKey> {
        let mut known = self.parting.lock().unwrap_or_else(PoisonError::into_inner);
        let (events, pairs) = {
            let index = self.backing.index();
            if let Some((events, found)) = &*known
                && *events == index.len()
            {
                return found.clone();
            }
            (index.len(), colliding::pairs(&index))
        };
        // What cannot be read is told by whoever reads it; this is one word more on what the doctor finds anyway.
        let read = self.backing.events(&pairs, PAGE, &Cancel::default()).unwrap_or_default();
        let found = colliding::parting(&read, about.spelled.as_ref());
        if !self.backing.index().is_broken() {
            *known = Some((events, found.clone()));
        }
        found
    }
}

/// What is to be said of versions that are counted, unless it was said.
fn counted_caveat(about: &About, events: u64) -> Option<String> {
    match about.counted_versions {
        0 => None,
        counted if counted < events => Some(match counted {
            1 => format!("1 of {events} events has no version of its own: it is counted"),
            _ => format!("{counted} of {events} events have no version of their own: it is counted"),
        }),
        _ if about.caveats.iter().any(|caveat| caveat.starts_with("no versions")) => None,
        _ => Some("no versions: counted in each stream".into()),
    }
}
