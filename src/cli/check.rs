//! `stepback check`: in which streams an invariant was ever violated.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Args;

use super::folding::{self, FoldArgs, KEEP_GOING};
use super::meter::Meter;
use super::missing::{Lack, Missing, Verdict};
use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use super::{filter_args, interrupt, place, state};
use crate::condition::Condition;
use crate::domain::{Part, Scope, StreamName, StreamSummary, text, words};
use crate::replay::FirstFault;
use crate::session::check::{self, Checked, Checks};
use crate::session::population::{self, Population};
use crate::session::{Source, Walker};
use crate::wire::{push_named, push_text};

/// Check an invariant over the streams of a store.
#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// What must hold after every event, in CEL over event, state, prev, patch, fault and changed(PATH): "state.total >= 0"
    #[arg(value_name = "EXPR")]
    expression: String,
    /// Only streams of this category
    #[arg(long, value_name = "NAME", conflicts_with = "stream")]
    category: Option<String>,
    /// Only streams whose name matches: `*` is any text, `?` any character
    #[arg(long = "match", value_name = "GLOB")]
    matching: Option<String>,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Judge only the state at the end of each stream
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    fold: FoldArgs,
    /// At most so many lines; all streams are judged and counted
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only the streams in this of N parts: 3/64. What was found decides nothing then: the exit code is 0 once all is judged
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What was found in all streams.
#[derive(Default)]
struct Summary {
    /// How many streams were judged.
    streams: u64,
    /// How many were to be.
    of: u64,
    violated: u64,
    unjudged: u64,
    events: u64,
    failed: u64,
    first_fault: Option<FirstFault>,
    reducers: BTreeSet<String>,
    approximate: bool,
    stopped: bool,
}

pub(super) fn run(args: &CheckArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let written = &args.expression;
    let invariant = Condition::parse(written).map_err(|problem| filter_args::refused("EXPR", &problem, written))?;
    let glob = args.matching.as_deref().map(glob::Pattern::new).transpose();
    let glob = glob.map_err(|error| super::usage(format!("--match: {error}"), ""))?;
    let (source, walker, mut missing) = state::open(&args.source, &args.fold, configuration)?;
    let scope = match (&args.stream, &args.category) {
        (Some(name), _) => Scope::Stream(place::stream(&*source, name)?.stream),
        (None, Some(name)) => Scope::Category(name.as_str().into()),
        (None, None) => Scope::All,
    };
    let streams = population::streams_of(&*source, &scope, &interrupt::token(), &mut |stream: &StreamName| {
        glob.as_ref().is_none_or(|glob| glob.matches(stream.as_str()))
            && args.part.is_none_or(|part| part.holds(stream))
    })?;
    if streams.is_empty() && args.part.is_none() {
        return Err(Ended::Nothing(format!("no stream of {} is asked about", source.about().name)));
    }
    let (checks, stopped) = checked(args, (&source, &walker), &streams, &invariant)?;
    if let Some(problem) = &checks.refused {
        return Err(filter_args::refused("EXPR", problem, written));
    }
    let mut summary = Summary { stopped, of: streams.len() as u64, ..Summary::default() };
    let mut table = Table::new(&["STREAM", ">FIRST", "TIME", "TYPE", "AT END", ">FLIPS", "THERE"]);
    let (mut listed, most) = (0, args.limit.unwrap_or(usize::MAX));
    for (StreamSummary { stream, events, .. }, checked) in &checks.streams {
        summary.add(checked, *events);
        if checked.holds() {
            continue;
        }
        listed += 1;
        if listed > most {
            continue;
        }
        match args.json {
            true => writeln!(out, "{}", line(stream, written, checked))?,
            false => table.row(out, cells(stream, checked))?,
        }
    }
    table.write(out)?;
    if args.json {
        writeln!(out, "{}", summary.line(args.part))?;
    }
    out.flush()?;
    summary.say(args, &*source, listed.saturating_sub(most), &mut missing);
    let verdict = if summary.violated > 0 { Verdict::Wrong } else { Verdict::Right };
    match args.part {
        // Whoever runs the parts runs those again that end otherwise.
        Some(_) if !stopped => Ok(missing.part(&*source)),
        _ => Ok(missing.judged(&*source, verdict)),
    }
}

/// Checks the streams, and whether that was stopped.
fn checked(
    args: &CheckArgs,
    (source, walker): (&std::sync::Arc<dyn Source>, &Walker),
    streams: &[StreamSummary],
    invariant: &Condition,
) -> Result<(Checks, bool), Ended> {
    let reducers = walker.reducers();
    let population = Population { source, reducers: &reducers, patience: args.fold.patience() };
    let meter = Mutex::new(Meter::new());
    let told = |done, of| meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner).tell("events", done, of);
    let checks = check::check(&population, streams, (invariant, args.end), &interrupt::token(), &told)?;
    Ok((checks, interrupt::is_stopped()))
}

impl Summary {
    fn add(&mut self, checked: &Checked, events: u64) {
        self.streams += 1;
        self.events += events;
        self.violated += u64::from(checked.violated.is_some());
        self.unjudged += u64::from(checked.is_unjudged());
        self.failed += checked.faults.before;
        if self.first_fault.is_none() {
            self.first_fault.clone_from(&checked.faults.first);
        }
        if let Some(reducer) = &checked.reducer {
            self.approximate |= reducer.approximate;
            if !self.reducers.contains(&reducer.name) {
                self.reducers.insert(reducer.name.clone());
            }
        }
    }

    fn line(&self, part: Option<Part>) -> String {
        let mut line = format!(
            "{{\"summary\":{{\"streams\":{},\"violated\":{},\"unjudged\":{},\"events\":{},\"faults\":{},\"reducers\":[",
            self.streams, self.violated, self.unjudged, self.events, self.failed
        );
        for (n, reducer) in self.reducers.iter().enumerate() {
            line.push_str(if n > 0 { "," } else { "" });
            push_text(&mut line, reducer);
        }
        line.push_str(&format!("],\"approximate\":{}", self.approximate));
        if let Some(part) = part {
            line.push_str(&format!(",\"part\":\"{part}\""));
        }
        line.push_str(&format!(",\"partial\":{}}}}}", self.stopped));
        line
    }

    /// Says what was found and what of the answer is missing.
    fn say(&self, args: &CheckArgs, source: &dyn Source, more: usize, missing: &mut Missing) {
        if more > 0 {
            output::say(&format!("{} more: --limit", words::counted(more as u64, "stream")));
        }
        let names: Vec<&str> = self.reducers.iter().map(String::as_str).collect();
        let streams = words::counted(self.streams, "stream");
        let approximate = if self.approximate { " (approximate)" } else { "" };
        let held = self.streams - self.violated - self.unjudged;
        let summary = format!(
            "violated in {} of {streams}, holds in {}, folded with {}{approximate}",
            words::count(self.violated),
            words::count(held),
            names.join(", ")
        );
        output::say(&text::safe(&summary));
        if let Some(first) = &self.first_fault {
            let lack = if args.fold.allow_faults { Lack::Allowed } else { Lack::Data };
            missing.lacks(lack, folding::failed(source, self.failed, self.events, first));
        }
        if self.stopped && self.streams < self.of {
            let judged = format!("{} of {}", words::count(self.streams), words::counted(self.of, "stream"));
            output::say(&format!("only {judged} are judged: it was stopped"));
        }
        if self.unjudged > 0 {
            let streams = words::counted(self.unjudged, "stream");
            missing.lacks(Lack::Data, format!("{streams} could not be judged"));
        }
    }
}

/// Whether it holds in the end, in a word.
fn at_end(checked: &Checked) -> &'static str {
    match checked.last_holds {
        Some(true) => "holds",
        Some(false) => "violated",
        None => "unknown",
    }
}

fn cells(stream: &StreamName, checked: &Checked) -> Vec<String> {
    let (at, there) = match (&checked.violated, &checked.unknown, &checked.failed) {
        (Some(at), ..) => {
            let values = checked.values.iter().map(|(written, value)| format!("{written} = {value}"));
            (Some(at), values.collect::<Vec<_>>().join(", "))
        }
        (None, Some((count, at, why)), _) => {
            (Some(at), format!("unknown at {}: {why}", words::counted(*count, "event")))
        }
        (None, None, failed) => (None, failed.as_ref().map_or_else(String::new, |why| format!("{why} ({KEEP_GOING})"))),
    };
    let event = at.map(|at| &at.event);
    vec![
        stream.to_string(),
        event.map_or_else(|| "-".into(), |event| event.version.to_string()),
        event.map_or_else(|| "-".into(), |event| output::time_cell(event.time)),
        event.map_or_else(|| "-".into(), |event| event.event_type.to_string()),
        at_end(checked).into(),
        checked.flips.to_string(),
        there,
    ]
}

fn line(stream: &StreamName, invariant: &str, checked: &Checked) -> String {
    let mut line = String::from("{\"stream\":");
    push_text(&mut line, stream.as_str());
    line.push_str(",\"invariant\":");
    push_text(&mut line, invariant);
    if let Some((count, ..)) = &checked.unknown {
        line.push_str(&format!(",\"unknown\":{count}"));
    }
    let first = checked.violated.as_ref().or(checked.unknown.as_ref().map(|(_, at, _)| at));
    line.push_str(",\"first\":");
    match first {
        Some(at) => {
            push_named(&mut line, &at.event);
            line.push('}');
        }
        None => line.push_str("null"),
    }
    match &checked.violated {
        Some(_) => {
            line.push_str(",\"last_holds\":");
            line.push_str(checked.last_holds.map_or("null", |holds| if holds { "true" } else { "false" }));
            line.push_str(&format!(",\"flips\":{},\"values\":{{", checked.flips));
            for (n, (written, value)) in checked.values.iter().enumerate() {
                line.push_str(if n > 0 { "," } else { "" });
                push_text(&mut line, written);
                line.push_str(&format!(":{value}"));
            }
            line.push('}');
        }
        None => {
            let why = checked.unknown.as_ref().map(|(.., why)| why).or(checked.failed.as_ref());
            line.push_str(",\"why\":");
            push_text(&mut line, why.map_or("", String::as_str));
        }
    }
    if let Some(reducer) = &checked.reducer {
        line.push(',');
        folding::push_counted(&mut line, reducer, &checked.faults);
    }
    line.push('}');
    line
}
