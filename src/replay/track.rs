//! What a timeline walks through: which events, in which history, and of how many states.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::domain::{Event, Scope, StreamName};

/// The way of a walk. Timelines of equal tracks find the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Track {
    /// Which events, in which order.
    pub scope: Scope,
    /// Which what-if the events are those of; `None` is the stored history. Whoever feeds gives its events.
    pub branch: Option<Branch>,
    /// Of what the state is.
    pub per: Per,
}

/// A what-if, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Branch(pub u32);

/// How many states a track has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Per {
    /// One for each stream: at a place stands that of the event's stream.
    Entity,
    /// One for each key: at a place stands that of the event's key.
    Partition(Partition),
    /// One for all.
    Whole,
}

type KeyOf = dyn Fn(&Event) -> Option<StreamName> + Send + Sync;

/// Which events share a state: those of one key. Two of the same name are the same.
#[derive(Clone)]
pub struct Partition {
    name: Arc<str>,
    key_of: Arc<KeyOf>,
}

impl Partition {
    /// By this function. It looks at nothing but the event, and the name says all of what it does. A key is what the fold
    /// of its state is started for, in place of a stream's name. An event without a key changes no state, and none stands
    /// at its place; that is no fault.
    pub fn new(name: &str, key_of: impl Fn(&Event) -> Option<StreamName> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), key_of: Arc::new(key_of) }
    }

    /// By the event's stream; a record of which no stream is known has none.
    fn by_stream() -> Self {
        Self::new("stream", |event| (!event.is_loose()).then(|| event.stream.clone()))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of an event.
    pub fn key(&self, event: &Event) -> Option<StreamName> {
        (self.key_of)(event)
    }
}

impl PartialEq for Partition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Partition {}

impl Hash for Partition {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.name.hash(hasher);
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({})", self.name)
    }
}

impl Track {
    /// The stored history of these events.
    pub fn new(scope: Scope, per: Per) -> Self {
        Self { scope, branch: None, per }
    }

    /// The only stream it goes through, where there is only one.
    pub fn stream(&self) -> Option<&StreamName> {
        match &self.scope {
            Scope::Stream(stream) => Some(stream),
            Scope::Category(_) | Scope::Correlation(_) | Scope::All => None,
        }
    }

    /// Whether it has several states, one for each key.
    pub fn is_keyed(&self) -> bool {
        match self.per {
            Per::Entity => self.stream().is_none(),
            Per::Partition(_) => true,
            Per::Whole => false,
        }
    }

    /// What its states are told apart by, where it has several.
    pub(super) fn partition(&self) -> Option<Partition> {
        match &self.per {
            Per::Entity => self.is_keyed().then(Partition::by_stream),
            Per::Partition(partition) => Some(partition.clone()),
            Per::Whole => None,
        }
    }

    /// The stream that a fold of its one state is started for: none, where it is a state of many streams.
    pub(super) fn key(&self) -> StreamName {
        self.stream().cloned().unwrap_or_else(|| StreamName::from(""))
    }
}

impl From<StreamName> for Track {
    fn from(stream: StreamName) -> Self {
        Self::new(Scope::Stream(stream), Per::Entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_streams_have_many_states() {
        let stream = Track::from(StreamName::from("order-1"));
        assert!(!stream.is_keyed() && stream.key().as_str() == "order-1");
        let by_type = || Partition::new("type", |event| Some(StreamName::from(&*event.event_type)));
        let parts = Track { per: Per::Partition(by_type()), ..stream.clone() };
        assert!(parts.is_keyed(), "also one stream may have several states");
        assert_eq!(parts, Track { per: Per::Partition(by_type()), ..stream.clone() });
        assert_ne!(parts, stream);
        for scope in [Scope::Category("order".into()), Scope::Correlation("c-1".into()), Scope::All] {
            assert!(Track::new(scope.clone(), Per::Entity).is_keyed());
            let whole = Track::new(scope, Per::Whole);
            assert!(!whole.is_keyed() && whole.key().as_str().is_empty());
        }
    }
}
