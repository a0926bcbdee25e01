//! Which events wrote a path: the last one, or all of them.
//!
//! A path is written where its value before and after an event differs, absence counting as a value. One path is searched
//! for from the place one stands at back; the leaves of a whole state are followed from the first event on, in one pass.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::walker::{Searched, Step, Walker};
use crate::domain::patch::{written, written_among};
use crate::domain::{Cancel, Direction, Event, Failure, Json, Path, PathGlob, State, StreamName, Unjudged};
use crate::replay::{self, FoldError, Probe, Stop, Stops, Verdict};

/// A path that an event wrote.
#[derive(Clone, PartialEq, Debug)]
pub struct Write {
    /// How many events are folded there; 0 where it stands in the initial state and no event wrote it.
    pub place: u64,
    /// The event that wrote it; `None` of the initial state.
    pub event: Option<Arc<Event>>,
    /// Where.
    pub path: Path,
    /// What stood there; `None` where nothing did.
    pub before: Option<Json>,
    /// What stands there since; `None` where nothing does.
    pub after: Option<Json>,
}

/// What was found.
#[derive(Default, Debug)]
pub struct Blame {
    /// The writes: of each path the last one, or all, in the order of the paths, or of the events.
    pub writes: Vec<Write>,
    /// Events of which it is not known what they wrote.
    pub unjudged: Unjudged,
    /// Why not all was looked at, where it was not.
    pub failed: Option<FoldError>,
}

/// What to blame, up to a place.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// How many of its events count.
    pub at: u64,
    /// The state there.
    pub state: &'a State,
    /// Whether every write is asked for, not only the last.
    pub all: bool,
}

/// The leaves of a state, and its empty containers, in the order they are written in. Of a state that is absent the whole.
pub fn leaves(state: &State) -> Vec<Path> {
    fn below(value: &Json, path: &Path, found: &mut Vec<Path>) {
        match value {
            Json::Object(object) if !object.is_empty() => {
                for entry in object.in_order() {
                    below(&entry.value, &path.key(&entry.key), found);
                }
            }
            Json::Array(array) if !array.is_empty() => {
                for (index, value) in array.iter().enumerate() {
                    below(value, &path.index(index), found);
                }
            }
            _ => found.push(path.clone()),
        }
    }
    let mut found = Vec::new();
    match state {
        Some(state) => below(state, &Path::root(), &mut found),
        None => found.push(Path::root()),
    }
    found
}

/// Notes what the events wrote of some paths.
struct Noting {
    wanted: Wanted,
    /// Of each path the last write only.
    only_last: bool,
    noted: Mutex<Noted>,
}

enum Wanted {
    /// What these mean, at each event again.
    Glob(PathGlob),
    /// These.
    Paths(Vec<Path>),
}

#[derive(Default)]
struct Noted {
    /// By place, where all are asked for.
    all: BTreeMap<u64, Vec<Write>>,
    /// By the number of the path, where the last ones are.
    last: BTreeMap<usize, Write>,
}

impl Probe for Noting {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        let (before, after) = match (subject.prev(), subject.state()) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) | (_, Err(why)) => return Verdict::Unjudged(format!("the state is not known: {why}")),
        };
        let patch = subject.patch();
        if patch.is_empty() {
            return Verdict::Miss;
        }
        let at = |state: &State, path: &Path| state.as_ref().and_then(|state| state.at(path)).cloned();
        let write = |path: &Path| Write {
            place: subject.place(),
            event: subject.event().cloned(),
            path: path.clone(),
            before: at(before, path),
            after: at(after, path),
        };
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.wanted {
            Wanted::Glob(glob) => {
                let writes: Vec<_> = written_among(before, after, glob).iter().map(write).collect();
                if writes.is_empty() {
                    return Verdict::Miss;
                }
                noted.all.insert(subject.place(), writes);
            }
            Wanted::Paths(paths) => {
                let mut is_hit = false;
                for (number, path) in paths.iter().enumerate() {
                    // What the patch does not touch need not be compared.
                    if !patch.touches(path) || !written(before, after, path) {
                        continue;
                    }
                    is_hit = true;
                    match self.only_last {
                        true => _ = noted.last.insert(number, write(path)),
                        false => noted.all.entry(subject.place()).or_default().push(write(path)),
                    }
                }
                return is_hit.into();
            }
        }
        Verdict::Hit
    }
}

/// Blames one path, or with a `*` each that it means at the place; empty where none of them was ever there.
///
/// # Errors
/// When the source cannot be read, or nobody wants the answer any more.
pub fn blame_path(
    walker: &mut Walker,
    question: Question<'_>,
    glob: &PathGlob,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Blame, Failure> {
    if glob.is_many() && !question.all {
        let paths = glob.among(&None, question.state);
        if !paths.is_empty() {
            return blame_paths(walker, question, paths, cancel, told);
        }
    }
    let noting = Arc::new(Noting { wanted: Wanted::Glob(glob.clone()), only_last: false, noted: Mutex::default() });
    let stops = Stops::new([Stop::at_each(Arc::clone(&noting))]);
    let direction = if question.all { Direction::Forward } else { Direction::Backward };
    let mut hits = Vec::new();
    let events = (0..question.at, direction);
    let searched = walker.search(question.stream, &stops, events, cancel, &mut |step| match step {
        Step::Underway { judged, of } => {
            told(judged, of);
            ControlFlow::Continue(())
        }
        Step::Hit(hit) => {
            hits.push(hit.place);
            if question.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    })?;
    let mut noted = noting.noted.lock().unwrap_or_else(PoisonError::into_inner);
    let mut writes: Vec<_> = hits.into_iter().filter_map(|place| noted.all.remove(&place)).flatten().collect();
    if writes.is_empty() {
        // What no event wrote may stand there from the beginning on.
        writes.extend(glob.among(&None, question.state).into_iter().filter_map(|path| initial(question.state, path)));
    }
    Ok(blamed(writes, searched))
}

/// Blames each of these paths, which stand in the state.
///
/// # Errors
/// As [`blame_path`].
pub fn blame_paths(
    walker: &mut Walker,
    question: Question<'_>,
    paths: Vec<Path>,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Blame, Failure> {
    let noting =
        Arc::new(Noting { wanted: Wanted::Paths(paths.clone()), only_last: !question.all, noted: Mutex::default() });
    let stops = Stops::new([Stop::at_each(Arc::clone(&noting))]);
    let events = (0..question.at, Direction::Forward);
    let searched = walker.search(question.stream, &stops, events, cancel, &mut |step| {
        if let Step::Underway { judged, of } = step {
            told(judged, of);
        }
        ControlFlow::Continue(())
    })?;
    let mut noted = noting.noted.lock().unwrap_or_else(PoisonError::into_inner);
    let Noted { all, mut last } = std::mem::take(&mut *noted);
    let writes = match question.all {
        true => all.into_values().flatten().collect(),
        false => {
            let of = |(number, path)| last.remove(&number).or_else(|| initial(question.state, path));
            paths.into_iter().enumerate().filter_map(of).collect()
        }
    };
    Ok(blamed(writes, searched))
}

/// A path that no event wrote: it stands in the initial state.
fn initial(state: &State, path: Path) -> Option<Write> {
    let after = state.as_ref()?.at(&path)?.clone();
    Some(Write { place: 0, event: None, path, before: None, after: Some(after) })
}

fn blamed(writes: Vec<Write>, searched: Searched) -> Blame {
    Blame { writes, unjudged: searched.unjudged, failed: searched.failed }
}
