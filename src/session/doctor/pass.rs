//! A whole source through an examination, in one pass over its events; then what is kept beside them.

use std::ops::ControlFlow;

use super::Told;
use super::examination::{Examination, Facts, GONE};
use super::faults;
use super::snapshots;
use super::streams::Streams;
use crate::domain::report::{Check, Example, Kind, Report};
use crate::domain::{
    Cancel, Disorder, Event, EventQuery, Failure, FailureKind, NoteKind, OtherKey, Scope, ShownBy, StreamName,
    StreamSummary, Than, Version, words,
};
use crate::session::{Walker, pages};
use crate::sources::Source;

/// Streams listed at once.
const LISTED: usize = 4096;

/// What is to be looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Questions {
    /// Only this stream.
    pub stream: Option<StreamName>,
    /// Whether a snapshot must have the very fields the reducer's state has.
    pub strict: bool,
    /// What becomes of an examination that is stopped.
    pub when_stopped: WhenStopped,
}

/// What becomes of an examination that is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenStopped {
    /// Nobody wants it any more.
    #[default]
    Fail,
    /// What was found by then is reported.
    Report,
}

/// Looks at all of a source. The streams that a reducer of the user's folds are folded to their ends. Stored snapshots are
/// compared with what the reducers of the walker make of their events.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub fn examine(
    source: &dyn Source,
    walker: Option<&mut Walker>,
    questions: &Questions,
    cancel: &Cancel,
    told: Told<'_>,
) -> Result<Report, Failure> {
    source.complete(cancel, &mut |progress| told("read", progress.done, progress.total))?;
    let about = source.about();
    let stream = questions.stream.as_ref();
    let scope = stream.map_or(Scope::All, |stream| Scope::Stream(stream.clone()));
    let total = source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total;
    let mut examination = Examination::new(Facts::of(&about, (total, source.progress().events), stream.is_some()));
    for doubt in &about.doubts {
        examination.elsewhere(Kind::Incomplete, 1, Example { text: doubt.clone(), ..Example::default() });
    }
    if questions.stream.is_none() {
        for left_out in &about.left_out {
            examination.elsewhere(Kind::LeftOut, 1, Example { text: left_out.caveat(), ..Example::default() });
        }
        for than in [Than::Narrower, Than::Parting] {
            if let Some(key) = OtherKey::first(&about.other_keys, than) {
                examination.elsewhere(Kind::DoubtfulKey, 1, Example { text: key.caveat(), ..Example::default() });
            }
        }
    }
    let mut checks = Vec::new();
    checks.extend(disorder(&about.disorder, stream, &mut examination));
    let looked = look(source, walker, (&scope, questions), (&mut examination, &mut checks), cancel, told);
    let reports = questions.when_stopped == WhenStopped::Report;
    let partial = match looked {
        Err(failure) if failure.kind == FailureKind::Cancelled && reports => true,
        looked => looked.map(|()| cancel.is_cancelled() && reports)?,
    };
    // What was found is looked up also when nothing more is looked for.
    let cancel = if partial { Cancel::default() } else { cancel.clone() };
    let mut report = examination.finish(&about, &mut |ordinal| {
        let page = source.events(&EventQuery::at(scope.clone(), ordinal, 1), &cancel);
        page.ok().and_then(|mut page| page.events.pop())
    });
    report.checks.extend(checks);
    report.partial = partial;
    if partial {
        // A cause may be among what was not looked at.
        report.findings.retain(|finding| finding.kind != Kind::DanglingCausation);
    }
    match cancel.is_cancelled() {
        // What was found could no longer be looked up.
        true => Err(Failure::cancelled(about.name, "examine it")),
        false => Ok(report),
    }
}

/// Tells an examination what lies in another order than the walk shows it in.
fn disorder(disorder: &Disorder, stream: Option<&StreamName>, examination: &mut Examination) -> Option<Check> {
    let mut named = 0;
    for moved in disorder.streams.iter().filter(|moved| stream.is_none_or(|stream| moved.stream == *stream)) {
        let example = Example::of_stream(&moved.stream, Some(Version(moved.version)), moved.text());
        examination.elsewhere(Kind::VersionsBack, moved.events, example);
        named += moved.events;
    }
    if stream.is_none() {
        if disorder.versions > named {
            examination.elsewhere(Kind::VersionsBack, disorder.versions - named, Example::default());
        }
        if let (ShownBy::Position, Some((stream, version))) = (disorder.by, &disorder.first) {
            let text = "its row lies behind one with a higher position: shown by position";
            let example = Example::of_stream(stream, version.map(Version), text);
            examination.elsewhere(Kind::PositionsBack, disorder.places, example);
        }
        return None;
    }
    let is_unknown = named == 0 && disorder.in_streams > disorder.streams.len() as u64;
    let why = "so many streams lie in another order than that of their versions that not each is remembered".to_owned();
    is_unknown.then(|| Check::whole("order of rows", String::new()).unless(&[why]))
}

/// Tells an examination all events, and what is kept beside them.
fn look(
    source: &dyn Source,
    mut walker: Option<&mut Walker>,
    (scope, questions): (&Scope, &Questions),
    (examination, checks): (&mut Examination, &mut Vec<Check>),
    cancel: &Cancel,
    told: Told<'_>,
) -> Result<(), Failure> {
    let stream = questions.stream.as_ref();
    pages::each(source, scope, cancel, &mut |done, total| told("events", done, total), &mut |ordinal, event| {
        examination.event(ordinal, event);
    })?;
    if stream.is_none() && !examination.knows_all_streams() {
        let why = "too many streams to tell them all apart: nothing was compared with what is said of them".to_owned();
        checks.push(Check::whole("declared streams", "links and lists of streams".into()).unless(&[why]));
    } else if stream.is_none() {
        checks.extend(links(source, examination, cancel, told)?);
        source.declared(cancel, &mut |declared| {
            examination.declared(&declared);
            ControlFlow::Continue(())
        })?;
    }
    let asked = (stream, questions.strict);
    if let Some(walker) = walker.as_deref_mut() {
        checks.extend(faults::look(source, walker, stream, examination, cancel, told)?);
    }
    checks.extend(snapshots::look(source, walker, asked, examination, cancel, told)?);
    Ok(())
}

/// Links stand in their own streams only: the streams that have more events than the walk of the whole store showed.
fn links(
    source: &dyn Source,
    examination: &mut Examination,
    cancel: &Cancel,
    told: Told<'_>,
) -> Result<Option<Check>, Failure> {
    let (mut from, mut links, mut streams) = (0, 0u64, 0u64);
    loop {
        let page = source.streams(from, LISTED)?;
        for summary in &page.streams {
            if summary.events > examination.events_of(&summary.stream) {
                let found = linked(source, summary, examination, cancel)?;
                streams += u64::from(found > 0);
                links += found;
            }
        }
        from += page.streams.len();
        told("streams", from as u64, page.total as u64);
        if page.streams.is_empty() || from >= page.total {
            break;
        }
    }
    let extent = format!("{} in {}", words::counted(links, "link"), words::counted(streams, "stream"));
    Ok((links > 0).then(|| Check::whole("links", extent)))
}

/// Looks at the links of one stream, and at its versions, which they are part of.
fn linked(
    source: &dyn Source,
    summary: &StreamSummary,
    examination: &mut Examination,
    cancel: &Cancel,
) -> Result<u64, Failure> {
    let scope = Scope::Stream(summary.stream.clone());
    let (mut own, mut links) = (Streams::default(), 0);
    pages::each(source, &scope, cancel, &mut |_, _| {}, &mut |ordinal, event| {
        // The mark of a deleted stream is no link, and nothing is missing before it.
        if event.version.0 == GONE {
            return;
        }
        let version = (!event.has(NoteKind::Counted)).then_some(event.version.0);
        let step = own.event(0, version, None, u32::try_from(ordinal).unwrap_or(u32::MAX));
        let broken = event.has(NoteKind::BrokenLink);
        if !broken && !event.has(NoteKind::Link) {
            return;
        }
        links += 1;
        let example = |text: String| Example { place: None, ..Example::of(event, 0, text) };
        if broken {
            let note = event.notes.iter().find(|note| note.kind == NoteKind::BrokenLink);
            let text = note.map_or_else(String::new, |note| note.text.to_string());
            examination.elsewhere(Kind::BrokenLinks, 1, example(text));
        }
        if step.repeats {
            let text = format!("there is another event with version {}", event.version);
            examination.elsewhere(Kind::DuplicateVersions, 1, example(text));
        }
    })?;
    let Some(stream) = own.get(0) else { return Ok(links) };
    let gaps: Vec<_> = stream.gaps().collect();
    if let Some(gap) = gaps.first() {
        let page = source.events(&EventQuery::at(scope, u64::from(gap.ordinal), 1), cancel)?;
        let example = |event: &Event| Example { place: None, ..Example::of(event, 0, gap.text()) };
        if let Some(event) = page.events.first() {
            examination.elsewhere(Kind::VersionGaps, gaps.len() as u64, example(event));
        }
    }
    if stream.has_versions() {
        examination.learned(&summary.stream, stream.lowest, stream.highest);
    }
    Ok(links)
}
