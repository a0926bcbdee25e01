//! What a timeline walks through: which events, in which history, and of how many states.

use crate::domain::{Scope, StreamName};

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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Per {
    /// One for each stream: at a place stands that of the event's stream.
    Entity,
    /// One for all.
    Whole,
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
            Scope::Category(_) | Scope::All => None,
        }
    }

    /// Whether it has several states, one for each stream.
    pub fn is_keyed(&self) -> bool {
        match self.per {
            Per::Entity => self.stream().is_none(),
            Per::Whole => false,
        }
    }

    /// The stream that a fold of its one state is started for: none, where it is a state of many.
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
        for scope in [Scope::Category("order".into()), Scope::All] {
            assert!(Track::new(scope.clone(), Per::Entity).is_keyed());
            let whole = Track::new(scope, Per::Whole);
            assert!(!whole.is_keyed() && whole.key().as_str().is_empty());
        }
    }
}
