//! Whether the reducers of the user fold what they are used for, and whether what was recorded did: every stream of theirs, from
//! its first event to its last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Told;
use super::examination::Examination;
use crate::domain::report::{Check, Example, Kind};
use crate::domain::{Cancel, Failure, Scope, StreamName, StreamSummary, words};
use crate::session::{Folded, Walker};
use crate::sources::Source;

/// Streams listed at once.
const LISTED: usize = 4096;

/// When a reducer could not even begin so many streams, one after the other, the others are not tried.
const TRIED: u32 = 3;

/// What came of one reducer so far.
#[derive(Default)]
struct Tried {
    /// Streams it could not begin since one it could.
    in_vain: u32,
}

/// Folds the streams that have a reducer of the user's, one or all. Gives what was looked at; nothing where there is no
/// reducer.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub(super) fn look(
    source: &dyn Source,
    walker: &mut Walker,
    stream: Option<&StreamName>,
    examination: &mut Examination,
    cancel: &Cancel,
    told: Told<'_>,
) -> Result<Option<Check>, Failure> {
    let mut all = 0;
    each(source, walker, stream, &mut |_, summary, _| {
        all += summary.events;
        Ok(())
    })?;
    let (mut tried, mut streams, mut folded, mut faulty) = (BTreeMap::<PathBuf, Tried>::new(), 0u64, 0u64, 0u64);
    let (mut fails, mut untried) = (0u64, 0u64);
    let any = each(source, walker, stream, &mut |walker, summary, script| {
        streams += 1;
        let before = tried.entry(script.to_path_buf()).or_default();
        if before.in_vain >= TRIED {
            untried += 1;
            return Ok(());
        }
        let outcome =
            walker.fold_all(&summary.stream, cancel, &mut |events| told("events folded", folded + events, all))?;
        folded += summary.events;
        let Folded { counted, failed } = outcome;
        if let Some(first) = &counted.faults.first {
            let scope = Scope::Stream(summary.stream.clone());
            let place = match stream {
                Some(_) => Some(first.at),
                // What stands in its stream only, a link, has no place in the whole store.
                None => source.translate(&scope, first.at - 1, &Scope::All)?.map(|ordinal| ordinal + 1),
            };
            let example = Example::of(&first.event, 0, first.error.to_string());
            let example = Example { place, stream: Some(summary.stream.clone()), ..example };
            examination.elsewhere(Kind::ReducerFaults, counted.faults.before, example);
            faulty += 1;
        }
        before.in_vain = if failed.is_some() && counted.events == 0 { before.in_vain + 1 } else { 0 };
        if let Some(why) = failed {
            fails += 1;
            examination.elsewhere(Kind::ReducerFails, 1, Example::of_stream(&summary.stream, None, why.to_string()));
        }
        Ok(())
    })?;
    if !any {
        return Ok(None);
    }
    let mut extent = format!("{} folded to the end", words::counted(streams - fails - untried, "stream"));
    if faulty > 0 {
        extent.push_str(&format!(", {} without some of their events", words::count(faulty)));
    }
    let mut reasons = Vec::new();
    if fails > 0 {
        reasons.push(format!("{} could not be folded to a state", words::counted(fails, "stream")));
    }
    if untried > 0 {
        let were = if untried == 1 { "was" } else { "were" };
        reasons.push(format!("{} {were} not tried after that", words::counted(untried, "stream")));
    }
    Ok(Some(Check::whole("reducers", extent).but(&reasons)))
}

/// What is done with a stream and what folds it.
type Visit<'a> = &'a mut dyn FnMut(&mut Walker, &StreamSummary, &Path) -> Result<(), Failure>;

/// Hands out the streams that a script folds, or whose states were recorded; says whether there was one.
fn each(
    source: &dyn Source,
    walker: &mut Walker,
    stream: Option<&StreamName>,
    visit: Visit<'_>,
) -> Result<bool, Failure> {
    let mut any = false;
    let mut one = |walker: &mut Walker, summary: &StreamSummary| {
        // What the store recorded itself is looked up as any fold is, with the failures it recorded.
        let recorded = || source.recorded(&summary.stream).map(|states| PathBuf::from(&states.name));
        let script = walker.script(summary.stream.category()).map(Path::to_path_buf);
        let Some(script) = script.or_else(recorded) else { return Ok(()) };
        any = true;
        visit(walker, summary, &script)
    };
    if let Some(stream) = stream {
        if let Some(summary) = source.stream(stream)? {
            one(walker, &summary)?;
        }
        return Ok(any);
    }
    let mut from = 0;
    loop {
        let page = source.streams(from, LISTED)?;
        if page.streams.is_empty() {
            return Ok(any);
        }
        from += page.streams.len();
        for summary in &page.streams {
            one(walker, summary)?;
        }
    }
}
