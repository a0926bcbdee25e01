//! `stepback doctor`: what is out of order in a store.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::command;
use super::folding::{self, FoldArgs, KEEP_GOING};
use super::interrupt;
use super::meter::Meter;
use super::missing::{Lack, Verdict};
use super::output::{self, Ended};
use super::source_args::{self, SourceArgs};
use crate::domain::report::{Example, Kind, Report, Severity};
use crate::domain::{Place, Position, Scope, text};
use crate::session::Source;
use crate::session::doctor::{Questions, WhenStopped, examine};
use crate::session::places::{self, Lookup};
use crate::wire::{push_optional, push_position, push_text};

/// Look at a whole store and say what is out of order (exit code 1 when something is wrong)
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Look at this machine instead: the sandbox of scripts, the terminal, folders, limits, the clock
    #[arg(long = "self", conflicts_with_all = ["source", "stream", "reducer", "strict", "map", "layout"])]
    itself: bool,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    #[command(flatten)]
    fold: FoldArgs,
    /// A snapshot must have the very fields the reducer's state has
    #[arg(long)]
    strict: bool,
    /// One JSON object a finding, and one of what was checked
    #[arg(long)]
    json: bool,
}

/// How an answer is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Printed {
    /// For a person.
    Text,
    /// One JSON object a line.
    JsonLines,
}

impl DoctorArgs {
    /// How to print what this machine gives, when that is asked instead of a source.
    pub fn about_itself(&self) -> Option<Printed> {
        self.itself.then_some(if self.json { Printed::JsonLines } else { Printed::Text })
    }
}

/// `--self` takes no SOURCE, everything else does.
pub(super) fn source_or_self(source: clap::Arg) -> clap::Arg {
    let without = source.required(false).required_unless_present("itself");
    without.default_value_if("itself", clap::builder::ArgPredicate::IsPresent, "")
}

/// Cells a sentence takes.
const WIDEST: usize = 400;

pub(super) fn run(args: &DoctorArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let opening = args.fold.opening(&args.source, configuration)?;
    let (source, mut missing) = source_args::open(&opening)?;
    let mut walker = args.fold.walker(&opening, &source)?;
    let mut meter = Meter::new();
    let mut questions = Questions { strict: args.strict, when_stopped: WhenStopped::Report, ..Questions::default() };
    if let Some(stream) = &args.stream {
        source.complete(&interrupt::token(), &mut |progress| meter.tell("read", progress.done, progress.total))?;
        questions.stream = Some(super::place::stream(&*source, stream)?.stream);
    }
    let report = examine(&*source, Some(&mut walker), &questions, &interrupt::token(), &mut |what, done, total| {
        meter.tell(what, done, total);
    })?;
    drop(meter);
    match args.json {
        true => write_json(out, &*source, &report, args)?,
        false => write_text(out, &*source, &report, args)?,
    }
    if let Some(suspension) = walker.suspension() {
        output::say(&format!("the reducers are {suspension}\n{KEEP_GOING}"));
    }
    let fails = report.finding(Kind::ReducerFails).is_some();
    let faults = report.finding(Kind::ReducerFaults).is_some();
    out.flush()?;
    if fails || faults && !args.fold.allow_faults {
        missing.lacks(Lack::Data, "not every event could be folded: see reducer-faults and reducer-fails above");
    }
    // Records that could not be read are a finding of its own.
    Ok(missing.found(match report.is_wrong() {
        true => Verdict::Wrong,
        false => Verdict::Right,
    }))
}

fn write_text(out: &mut dyn Write, source: &dyn Source, report: &Report, args: &DoctorArgs) -> io::Result<()> {
    writeln!(out, "{}: {}", text::safe(&report.source), text::safe(&report.kind))?;
    for finding in &report.findings {
        writeln!(out)?;
        let heading = format!("{:<8} {}: {}", finding.severity.name(), finding.kind.name(), finding.text);
        writeln!(out, "{}", output::line(&heading, WIDEST))?;
        if let Some(reason) = &finding.normal {
            writeln!(out, "         normal here: {}", output::line(reason, WIDEST))?;
        }
        if let Some(example) = &finding.example {
            writeln!(out, "         {}", output::line(&example.line(|time| output::time_cell(Some(time))), WIDEST))?;
            if let Some(command) = command(source, example, args) {
                writeln!(out, "         {}", text::safe(&command))?;
            }
        }
    }
    writeln!(out)?;
    for check in &report.checks {
        match &check.skipped {
            None => writeln!(out, "checked      {}: {}", check.what, check.extent)?,
            Some(why) => {
                let checked = if check.partly { "partly     " } else { "not checked" };
                let line = format!("{checked}  {}: {}; {why}", check.what, check.extent);
                writeln!(out, "{}", output::line(&line, WIDEST))?;
            }
        }
    }
    writeln!(out, "{}", verdict(report))
}

/// The end of it in a line.
fn verdict(report: &Report) -> String {
    let mut counts = report.counts();
    if report.partial {
        counts.push_str(" so far");
    }
    match (report.is_wrong(), report.findings.is_empty()) {
        (true, _) => counts,
        (false, true) if report.partial => "nothing is out of order so far".into(),
        (false, true) => "nothing is out of order".into(),
        (false, false) if report.findings.iter().any(|finding| finding.kind.is_of_reducer()) => {
            format!("nothing is wrong with the events, but not all could be folded: {counts}")
        }
        (false, false) => format!("nothing is wrong: {counts}"),
    }
}

/// The command that shows an example in the interface, and no other event that has its version or its position.
fn command(source: &dyn Source, example: &Example, args: &DoctorArgs) -> Option<String> {
    let cancel = interrupt::token();
    let looked_at = args.stream.as_ref().map_or(Scope::All, |name| Scope::Stream(name.as_str().into()));
    let place_in = |scope: &Scope| match example.place? {
        place if looked_at == *scope => Some(place),
        place => source.translate(&looked_at, place - 1, scope).ok().flatten().map(|ordinal| ordinal + 1),
    };
    let at = match (&example.stream, &example.position) {
        (Some(stream), _) => match place_in(&Scope::Stream(stream.clone())) {
            Some(at) => Some(folding::named(source, stream, at)),
            None => example.version.map(|version| Place::Number(version.0)),
        },
        (None, position) => {
            let place = place_in(&Scope::All);
            let leads_there = |number: &u64| {
                let found = places::numbered(source, &Scope::All, *number, &cancel);
                matches!(found, Ok(Lookup::At { place: found, times: 1, .. }) if place.is_none_or(|place| place == found))
            };
            let number = position.as_ref().and_then(Position::number).filter(leads_there);
            // An example of nothing in particular leads nowhere.
            Some(number.map(Place::Number).or(place.map(Place::Ordinal))?)
        }
    };
    let stream = example.stream.as_ref().map(|stream| stream.as_str());
    Some(command::open(&args.source, stream, at, args.fold.reducer.as_deref()))
}

fn write_json(out: &mut dyn Write, source: &dyn Source, report: &Report, args: &DoctorArgs) -> io::Result<()> {
    for finding in &report.findings {
        let mut line = String::from("{\"finding\":");
        push_text(&mut line, finding.kind.name());
        line.push_str(",\"severity\":");
        push_text(&mut line, finding.severity.name());
        line.push_str(&format!(",\"count\":{},\"text\":", finding.count));
        push_text(&mut line, &finding.text);
        line.push_str(",\"normal\":");
        push_optional(&mut line, finding.normal.as_deref());
        line.push_str(",\"example\":");
        match &finding.example {
            Some(example) => push_example(&mut line, example, command(source, example, args)),
            None => line.push_str("null"),
        }
        writeln!(out, "{line}}}")?;
    }
    let mut line = String::from("{\"summary\":{\"source\":");
    push_text(&mut line, &report.source);
    line.push_str(",\"kind\":");
    push_text(&mut line, &report.kind);
    line.push_str(&format!(
        ",\"events\":{},\"streams\":{},\"wrong\":{},\"errors\":{},\"warnings\":{},\"notes\":{},\"checked\":[",
        report.events,
        report.streams,
        report.is_wrong(),
        report.of(Severity::Error),
        report.of(Severity::Warning),
        report.of(Severity::Note)
    ));
    for (n, check) in report.checks.iter().enumerate() {
        line.push_str(if n > 0 { ",{\"what\":" } else { "{\"what\":" });
        push_text(&mut line, check.what);
        line.push_str(",\"extent\":");
        push_text(&mut line, &check.extent);
        line.push_str(",\"skipped\":");
        push_optional(&mut line, check.skipped.as_deref());
        line.push_str(&format!(",\"partly\":{}}}", check.partly));
    }
    writeln!(out, "{line}],\"partial\":{}}}}}", report.partial)
}

fn push_example(line: &mut String, example: &Example, command: Option<String>) {
    line.push_str("{\"stream\":");
    push_optional(line, example.stream.as_ref().map(|stream| stream.as_str()));
    line.push_str(",\"version\":");
    line.push_str(&example.version.map_or_else(|| "null".to_owned(), |version| version.to_string()));
    line.push_str(",\"position\":");
    match &example.position {
        Some(position) => push_position(line, position),
        None => line.push_str("null"),
    }
    line.push_str(",\"time\":");
    push_optional(line, example.time.map(|time| time.to_string()).as_deref());
    line.push_str(",\"text\":");
    push_text(line, &example.text);
    line.push_str(",\"command\":");
    push_optional(line, command.as_deref());
    line.push('}');
}
