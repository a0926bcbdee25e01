//! `stepback doctor`: what is out of order in a store.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::command;
use super::meter::Meter;
use super::output::{self, Ended, push_optional, push_position, push_text};
use super::place;
use super::source_args::SourceArgs;
use crate::domain::{Cancel, text};
use crate::session::Opening;
use crate::session::doctor::{Example, Finding, Kind, Questions, Report, Severity, examine};

/// Look at a whole store and say what is out of order (exit code 1 when something is wrong)
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Compare stored snapshots with what this JavaScript file folds
    #[arg(long, value_name = "FILE")]
    reducer: Option<PathBuf>,
    /// A snapshot must have the very fields the reducer's state has
    #[arg(long)]
    strict: bool,
    /// One JSON object a finding, and one of what was checked
    #[arg(long)]
    json: bool,
}

/// Cells a sentence takes.
const WIDEST: usize = 400;

pub(super) fn run(args: &DoctorArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let opening = Opening { reducer: args.reducer.clone(), ..args.source.opening() };
    let opening = Opening { configuration: configuration.or(opening.configuration.clone()), ..opening };
    let source = opening.source()?;
    let mut walker = opening.walker(&source)?.for_one_answer();
    let mut meter = Meter::new();
    let mut questions = Questions { strict: args.strict, ..Questions::default() };
    if let Some(stream) = &args.stream {
        source.complete(&Cancel::default(), &mut |progress| meter.tell("read", progress.done, progress.total))?;
        questions.stream = Some(place::stream(&*source, stream)?.stream);
    }
    let report = examine(&*source, Some(&mut walker), &questions, &Cancel::default(), &mut |what, done, total| {
        meter.tell(what, done, total);
    })?;
    drop(meter);
    match args.json {
        true => write_json(out, &report, args)?,
        false => write_text(out, &report, args)?,
    }
    Ok(if report.is_wrong() { ExitCode::from(super::NOTHING) } else { ExitCode::SUCCESS })
}

fn write_text(out: &mut dyn Write, report: &Report, args: &DoctorArgs) -> io::Result<()> {
    writeln!(out, "{}: {}", text::safe(&report.source), text::safe(&report.kind))?;
    for finding in &report.findings {
        writeln!(out)?;
        let heading = format!("{:<8} {}: {}", finding.severity.name(), finding.kind.name(), finding.text);
        writeln!(out, "{}", text::fit(&heading, WIDEST))?;
        if let Some(reason) = &finding.normal {
            writeln!(out, "         normal here: {}", text::fit(reason, WIDEST))?;
        }
        if let Some(example) = &finding.example {
            writeln!(out, "         {}", text::fit(&example_line(example), WIDEST))?;
            if let Some(command) = command(finding, example, args) {
                writeln!(out, "         {}", text::safe(&command))?;
            }
        }
    }
    writeln!(out)?;
    for check in &report.checks {
        match &check.skipped {
            None => writeln!(out, "checked      {}: {}", check.what, check.extent)?,
            Some(why) => {
                let line = format!("not checked  {}: {}; {why}", check.what, check.extent);
                writeln!(out, "{}", text::fit(&line, WIDEST))?;
            }
        }
    }
    writeln!(out, "{}", verdict(report))
}

/// The end of it in a line.
fn verdict(report: &Report) -> String {
    let count = |severity: Severity| match report.of(severity) {
        1 => format!("1 {}", severity.name()),
        n => format!("{n} {}s", severity.name()),
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(count).join(", ");
    match (report.is_wrong(), report.findings.is_empty()) {
        (true, _) => counts,
        (false, true) => "nothing is out of order".into(),
        (false, false) => format!("nothing is wrong: {counts}"),
    }
}

fn example_line(example: &Example) -> String {
    let mut parts = Vec::new();
    match (&example.stream, example.version) {
        (Some(stream), Some(version)) => parts.push(format!("{stream} version {version}")),
        (Some(stream), None) => parts.push(stream.to_string()),
        (None, _) => {}
    }
    parts.extend(example.position.as_ref().map(|position| format!("position {position}")));
    if example.time.is_some() {
        parts.push(output::time_cell(example.time));
    }
    match (parts.is_empty(), example.text.is_empty()) {
        (true, _) => example.text.clone(),
        (_, true) => parts.join(", "),
        _ => format!("{}: {}", parts.join(", "), example.text),
    }
}

/// The command that shows an example in the interface.
fn command(finding: &Finding, example: &Example, args: &DoctorArgs) -> Option<String> {
    // A version that two events have leads to the first of them only.
    let version = example.version.filter(|_| finding.kind != Kind::DuplicateVersions || example.place.is_none());
    let stream = example.stream.as_ref().map(|stream| stream.as_str());
    let (stream, at) = match (stream, version, example.place) {
        (Some(stream), Some(version), _) => (Some(stream), Some(version.0)),
        (stream, _, Some(place)) => (stream.filter(|_| args.stream.is_some()), Some(place)),
        (Some(stream), None, None) => (Some(stream), None),
        (None, _, None) => return None,
    };
    Some(command::open(&args.source, stream, at, args.reducer.as_deref()))
}

fn write_json(out: &mut dyn Write, report: &Report, args: &DoctorArgs) -> io::Result<()> {
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
            Some(example) => push_example(&mut line, example, command(finding, example, args)),
            None => line.push_str("null"),
        }
        writeln!(out, "{line}}}")?;
    }
    let mut line = String::from("{\"source\":");
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
        line.push('}');
    }
    writeln!(out, "{line}]}}")
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
