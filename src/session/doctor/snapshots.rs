//! Stored snapshots against the fold of their events.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::Told;
use super::difference::{Comparison, compare};
use super::examination::Examination;
use crate::domain::report::{Check, Example, Kind};
use crate::domain::{Cancel, Destination, Event, Failure, Json, Scope, StoredSnapshot, StreamName, text, words};
use crate::session::Walker;
use crate::session::places::{Lookup, Versions};
use crate::sources::Source;

/// Snapshots compared.
const MOST: usize = 50_000;

/// Bytes of snapshots kept until they are compared.
const MOST_BYTES: usize = 64 << 20;

/// Categories named that have no reducer.
const NAMED: usize = 3;

/// Cells of a value in a sentence.
const VALUE: usize = 40;

/// Compares the snapshots of a source, of one stream or of all, with what the reducers of the walker make of the events.
/// Gives what was looked at; nothing when there are no snapshots.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub(super) fn look(
    source: &dyn Source,
    walker: Option<&mut Walker>,
    (stream, strict): (Option<&StreamName>, bool),
    examination: &mut Examination,
    cancel: &Cancel,
    told: Told<'_>,
) -> Result<Option<Check>, Failure> {
    let (mut snapshots, mut bytes, mut seen) = (Vec::<StoredSnapshot>::new(), 0usize, 0u64);
    source.snapshots(cancel, &mut |snapshot| {
        if stream.is_some_and(|stream| snapshot.stream != *stream) {
            return ControlFlow::Continue(());
        }
        seen += 1;
        bytes = bytes.saturating_add(snapshot.state.stored().len());
        if snapshots.len() < MOST && (bytes < MOST_BYTES || snapshots.is_empty()) {
            snapshots.push(snapshot);
        }
        ControlFlow::Continue(())
    })?;
    if seen == 0 {
        return Ok(None);
    }
    let Some(walker) = walker else {
        let check = Check::whole("snapshots", words::counted(seen, "snapshot"));
        return Ok(Some(check.unless(&["not compared: no reducer".into()])));
    };
    // One stream after the other, each forwards: nothing is folded twice.
    snapshots.sort_by(|a, b| (&a.stream, a.version).cmp(&(&b.stream, b.version)));
    let (mut compared, mut without, mut strangers) = (0u64, BTreeMap::<String, u64>::new(), 0u64);
    let mut lacking = 0u64;
    let total = snapshots.len() as u64;
    let mut versions: Option<(StreamName, Versions)> = None;
    for (n, snapshot) in (0..).zip(&snapshots) {
        told("snapshots compared", n, total);
        let category = snapshot.stream.category();
        if !walker.is_scripted(category) {
            *without.entry(category.to_owned()).or_default() += 1;
            continue;
        }
        let known = match versions.take().filter(|(stream, _)| *stream == snapshot.stream) {
            Some((_, known)) => known,
            None => Versions::of(source, &snapshot.stream, cancel)?,
        };
        let outcome = one(source, walker, (snapshot, &known), strict, cancel)?;
        versions = Some((snapshot.stream.clone(), known));
        match outcome {
            Outcome::Same(faults) => {
                compared += 1;
                lacking += u64::from(faults > 0);
            }
            Outcome::Found(kind, example) => {
                compared += u64::from(kind == Kind::SnapshotsDiffer);
                examination.elsewhere(kind, 1, example);
            }
            Outcome::Strangers => strangers += 1,
        }
    }
    let mut reasons = Vec::new();
    if !without.is_empty() {
        let count: u64 = without.values().sum();
        let mut categories: Vec<String> =
            without.keys().take(NAMED).map(|name| format!("`{}`", text::fit(name, VALUE))).collect();
        if without.len() > NAMED {
            categories.push(format!("and {} others", without.len() - NAMED));
        }
        reasons.push(format!(
            "{} not compared: no reducer folds {}; name one with --reducer or in stepback.toml",
            words::count(count),
            categories.join(", ")
        ));
    }
    if strangers > 0 {
        reasons.push(format!("{} not compared: they share no field with the reducer's state", words::count(strangers)));
    }
    if seen > total {
        reasons.push(format!("looked at the first {}", words::count(total)));
    }
    let mut extent = format!("{} of {} snapshots compared", words::count(compared), words::count(seen));
    if lacking > 0 {
        extent.push_str(&format!(", {} with a state that lacks events that failed", words::count(lacking)));
    }
    let check = Check::whole("snapshots", extent);
    Ok(Some(if compared > 0 { check.but(&reasons) } else { check.unless(&reasons) }))
}

enum Outcome {
    /// The same, although so many events before it failed.
    Same(u64),
    Strangers,
    Found(Kind, Example),
}

fn one(
    source: &dyn Source,
    walker: &mut Walker,
    (snapshot, versions): (&StoredSnapshot, &Versions),
    strict: bool,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let StoredSnapshot { stream, version, state, place } = snapshot;
    let found = |kind, event: Option<&Event>, text: String| {
        let mut example = Example::of_stream(stream, Some(*version), format!("{place}: {text}"));
        if let Some(event) = event {
            (example.position, example.time) = (Some(event.position.clone()), event.time);
        }
        Ok(Outcome::Found(kind, example))
    };
    let astray = |text: String| {
        // There is no such version to go to.
        Ok(Outcome::Found(Kind::SnapshotsAstray, Example::of_stream(stream, None, format!("{place}: {text}"))))
    };
    let Some(summary) = source.stream(stream)? else {
        return astray("there is no event of its stream".into());
    };
    let stored = match state.json() {
        Ok(stored) => stored,
        Err(error) => return found(Kind::SnapshotsUnread, None, format!("it is not JSON: {error}")),
    };
    let missing = || {
        let (first, last) = (summary.first_version, summary.last_version);
        format!("it is of version {version}; the stream has versions {first} to {last}")
    };
    let Lookup::At { place: at, .. } = versions.find(version.0) else { return astray(missing()) };
    let to = Destination::To(at);
    let moment = walker.go(&Scope::Stream(stream.clone()), 0, &to, cancel, &mut |_| {})?.moment;
    let Some(event) = moment.event.as_deref().filter(|event| event.version == *version) else {
        return astray(missing());
    };
    if let Some(why) = &moment.unknown {
        return found(Kind::SnapshotsUnread, Some(event), format!("there is no state at version {version}: {why}"));
    }
    if let Some(fault) = &moment.fault {
        return found(Kind::SnapshotsUnread, Some(event), format!("version {version} could not be folded: {fault}"));
    }
    match compare(&stored, moment.state.as_ref(), strict) {
        Comparison::Same => Ok(Outcome::Same(moment.faults.before)),
        Comparison::Strangers => Ok(Outcome::Strangers),
        // Who is wrong, the snapshot or the reducer, cannot be told.
        Comparison::Differ(..) if !moment.faults.is_none() => {
            let (failed, events) = (moment.faults.before, moment.at);
            let text = format!("it differs, but {failed} of {events} events up to version {version} failed");
            found(Kind::SnapshotsUnread, Some(event), text)
        }
        Comparison::Differ(path, stored, folded) => {
            let path = if path.0.is_empty() { "the state".to_owned() } else { path.to_string() };
            let (stored, folded) = (shown(stored.as_ref()), shown(folded.as_ref()));
            let text = format!("{path} is {stored} in the snapshot, {folded} in the fold by {}", moment.reducer.name);
            found(Kind::SnapshotsDiffer, Some(event), text)
        }
    }
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| text::fit(&value.to_string(), VALUE))
}
