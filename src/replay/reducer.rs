//! What folds: the one door between the engine and the rules, scripts and programs of `reducers`.

use std::fmt;
use std::sync::Arc;

use super::Partition;
use crate::domain::{Cancel, Event, Json, Path, State, StreamName};

/// Identifies a fold: states of another fingerprint are not ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fingerprint(pub u64);

/// What a state costs when it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateCost {
    /// A pointer: ask after every event.
    Pointer,
    /// A copy the size of the state: ask when it is looked at.
    Copy,
}

/// What is said of a reducer wherever its state is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReducerInfo {
    /// `merge`, or the file name of a script.
    pub name: String,
    /// Whether the state is a guess: true of every generic fold.
    pub approximate: bool,
    /// Which fold it is.
    pub fingerprint: Fingerprint,
    /// What asking for a state costs.
    pub cost: StateCost,
    /// Why it is not the one that was saved last, when it is not: that one cannot be used, and this one is from before.
    pub stale: Option<Arc<Stale>>,
}

/// Why what was saved last is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stale {
    /// What is wrong with it, and where.
    pub why: FoldError,
    /// The line it is about, as it is written.
    pub line: Option<String>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why.place {
            Some(place) => write!(f, "{}:{} {}", place.file, place.line, self.why.message),
            None => f.write_str(&self.why.message),
        }
    }
}

/// From where a fold starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// From the initial state of this stream, or of this key of a partition; of a state of many streams the name is empty.
    Initial(&'a StreamName),
    /// From a state this reducer gave for this stream earlier.
    Resume(&'a StreamName, &'a State),
}

/// A state as its reducer writes it: to be kept and given back to the same reducer, not to be looked into.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StateText {
    /// As JSON text; `None` of an entity that does not exist.
    pub text: Option<String>,
    /// The places (ascending, counted over all numbers of the text) of integers that are exact although small.
    pub exact: Vec<u32>,
}

/// A place in a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptPlace {
    /// The file, as the user named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; 0 when unknown.
    pub column: u32,
}

/// Why an event could not be folded, or a state not be given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoldError {
    /// The reducer's own words.
    pub message: String,
    /// Where in the script.
    pub place: Option<ScriptPlace>,
    /// What kind of failure it is.
    pub cause: Cause,
}

/// What kind of failure a fold ended with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Cause {
    /// The reducer, or who runs it, says why.
    #[default]
    Failed,
    /// It took too long and was stopped.
    TimedOut,
    /// The state it leaves is too much: for the memory a reducer may use, or for what is taken of one.
    TooMuch,
}

impl FoldError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, cause: Cause::Failed }
    }

    /// That it took too long.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self { cause: Cause::TimedOut, ..Self::new(message) }
    }

    /// That it leaves more than a state may be.
    pub fn too_much(message: impl Into<String>) -> Self {
        Self { cause: Cause::TooMuch, ..Self::new(message) }
    }

    /// Whether it spent what a reducer may use, of time or of memory.
    pub fn is_spent(&self) -> bool {
        match self.cause {
            Cause::TimedOut | Cause::TooMuch => true,
            Cause::Failed => false,
        }
    }

    /// Whether it took too long.
    pub fn is_timed_out(&self) -> bool {
        self.cause == Cause::TimedOut
    }
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some(ScriptPlace { file, line, column: 0 }) => write!(f, " ({file}:{line})"),
            Some(ScriptPlace { file, line, column }) => write!(f, " ({file}:{line}:{column})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FoldError {}

/// The reducer no longer has its state (its process was killed): it must be started again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    /// The event of the batch that is to blame, when it is known. When it is not, folding the same events once more
    /// finds it: a reducer that lost its state once watches closer.
    pub at: Option<usize>,
    /// What happened.
    pub why: FoldError,
}

/// What stands at a path of a state: a value, nothing, or why it cannot be given.
pub type ValueAt = Result<Option<Json>, FoldError>;

/// What an event did to a watched value.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueChange {
    /// The index of the event among those that were given.
    pub event: usize,
    /// Which of the paths.
    pub path: usize,
    /// What stood there before, in the state of the event's key.
    pub before: ValueAt,
    /// What stands there after it.
    pub after: ValueAt,
}

/// A fold. It holds its own state and hands it out when asked.
pub trait Reducer: Send {
    /// Starts over.
    ///
    /// # Errors
    /// When the script cannot be loaded or its initial state cannot be made.
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError>;

    /// Folds events in their order: those of one stream, or of several into the one state it has. An event that fails
    /// leaves the state as it was before it, is added to `faults` with its index in `events`, and the fold goes on with the
    /// next. Gives how many of the events it has dealt with: at least one, and fewer than all when they take long, so that
    /// somebody can look up. The others are given again.
    ///
    /// # Errors
    /// `Lost` when the state is gone; nothing of this batch counts then.
    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost>;

    /// From the next start on keeps a state for each key, when it can: `start` begins with none then, `state` and
    /// `state_text` give all of them together, only to be given back, and `state_of` gives the one an event belongs to. `false` when it
    /// holds one state only.
    fn keep_by(&mut self, _partition: &Partition) -> bool {
        false
    }

    /// Folds events as [`apply`](Self::apply) does, and says which of the values at these paths of their states they
    /// change: whole states need not be given for it.
    ///
    /// # Errors
    /// As `apply`.
    fn watch(
        &mut self,
        paths: &[Path],
        events: &[Arc<Event>],
        faults: &mut Vec<(usize, FoldError)>,
        changes: &mut Vec<ValueChange>,
    ) -> Result<usize, Lost> {
        for (at, event) in events.iter().enumerate() {
            let before = self.state_of(event);
            let mut found = Vec::new();
            self.apply(&events[at..=at], &mut found)
                .map_err(|lost| Lost { at: lost.at.map(|index| at + index), ..lost })?;
            faults.extend(found.into_iter().map(|(index, why)| (at + index, why)));
            let after = self.state_of(event);
            for (path, wanted) in paths.iter().enumerate() {
                let (before, after) = (value_at(&before, wanted), value_at(&after, wanted));
                if before != after {
                    changes.push(ValueChange { event: at, path, before, after });
                }
            }
        }
        Ok(events.len())
    }

    /// Names the token whose cancelling asks for an early end: from then on `apply` may answer `Lost` although no event is
    /// to blame. A fold that is quick need not look.
    fn heed(&mut self, _cancel: &Cancel) {}

    /// The state after everything folded so far.
    ///
    /// # Errors
    /// When it cannot be given as JSON, or is too large.
    fn state(&mut self) -> Result<State, FoldError>;

    /// The state an event belongs to: of a fold that keeps one for each key, that of its key, else the one it has.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    fn state_of(&mut self, _event: &Event) -> Result<State, FoldError> {
        self.state()
    }

    /// The same state, to be kept and not to be looked into: a reducer elsewhere has it as text already.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    fn state_text(&mut self) -> Result<StateText, FoldError> {
        Ok(StateText { text: self.state()?.map(|state| state.to_string()), exact: Vec::new() })
    }

    /// Starts over from a state this reducer wrote for this stream earlier.
    ///
    /// # Errors
    /// As [`start`](Self::start), or when the text is no JSON.
    fn start_from_text(&mut self, stream: &StreamName, state: &StateText) -> Result<(), FoldError> {
        let read = |text: &String| Json::parse(text.as_bytes()).map_err(|error| FoldError::new(error.to_string()));
        let state = state.text.as_ref().map(read).transpose()?;
        self.start(Start::Resume(stream, &state))
    }

    /// What it is.
    fn info(&self) -> &ReducerInfo;
}

fn value_at(state: &Result<State, FoldError>, path: &Path) -> ValueAt {
    state.as_ref().map(|state| state.as_ref().and_then(|state| state.at(path)).cloned()).map_err(FoldError::clone)
}
