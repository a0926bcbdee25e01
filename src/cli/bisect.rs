//! `stepback bisect`: every place of a stream where an expression changes.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folding::{self, FoldArgs, KEEP_GOING};
use super::meter::Meter;
use super::missing::{Lack, Verdict};
use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use super::{filter_args, interrupt, place, state};
use crate::condition::Expression;
use crate::domain::{FailureKind, text, words};
use crate::session::flips::{self, Flip, Flips, Given};
use crate::wire::{push_named, push_text};

/// List every place where an expression changes.
#[derive(Args, Debug)]
pub struct BisectArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The stream
    stream: String,
    /// What is asked at each place, in CEL over event, state, prev, patch, fault and changed(PATH): "state.total < 0"
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    fold: FoldArgs,
    /// At most so many lines; all places are judged and counted
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BisectArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let written = &args.expression;
    let expression = Expression::parse(written).map_err(|problem| filter_args::refused("EXPR", &problem, written))?;
    let (source, mut walker, mut missing) = state::open(&args.source, &args.fold, configuration)?;
    let stream = place::stream(&*source, &args.stream)?.stream;
    let mut meter = Meter::new();
    let mut told = |judged, of| meter.tell("events", judged, of);
    let (flips, ended) = flips::flips(&mut walker, &stream, &expression, &interrupt::token(), &mut told);
    drop(meter);
    let searched = match ended {
        Ok(searched) => Some(searched),
        // What is known is given: that it was stopped is said with the rest.
        Err(failure) if failure.kind == FailureKind::Cancelled => None,
        Err(failure) => return Err(failure.into()),
    };
    let is_truth = flips.other == 0;
    let most = args.limit.unwrap_or(usize::MAX);
    let mut table = Table::new(&[">VERSION", "TIME", "TYPE", if is_truth { "HOLDS" } else { "VALUE" }]);
    for flip in flips.flips.iter().take(most) {
        match args.json {
            true => writeln!(out, "{}", line(&stream, flip, is_truth))?,
            false => table.row(out, cells(flip))?,
        }
    }
    table.write(out)?;
    if flips.flips.len() > most {
        output::say(&format!("{} more: --limit", words::counted((flips.flips.len() - most) as u64, "change")));
    }
    let folded = walker.folded(&stream);
    if args.json {
        let mut line = format!(
            "{{\"summary\":{{\"changes\":{},\"places\":{},\"true\":{},\"unknown\":{},",
            flips.flips.len().saturating_sub(1),
            flips.places,
            flips.holds,
            flips.unknown,
        );
        if let Some((reducer, counted)) = &folded {
            folding::push_counted(&mut line, reducer, &counted.faults);
            line.push(',');
        }
        let partial = searched.as_ref().is_none_or(|searched| searched.failed.is_some());
        line.push_str(&format!(
            "\"events\":{},\"streams\":1,\"partial\":{partial}}}}}",
            flips.places.saturating_sub(1)
        ));
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if let Some((reducer, counted)) = &folded {
        args.fold.note_counted(&mut missing, &*source, counted);
        if !args.json {
            output::say(&summary(&flips, is_truth, &reducer.name));
        }
    }
    if let Some(why) = searched.as_ref().and_then(|searched| searched.failed.as_ref()) {
        missing.lacks(Lack::Data, format!("not all could be judged: {why} ({KEEP_GOING})"));
    }
    let in_doubt = if is_truth { flips.in_doubt() } else { 0 };
    if in_doubt > 0 {
        let unknown =
            |flip: &&Flip| matches!(flip.given, Given::Unknown(_)) && (flip.event.is_some() || flips.flips.len() == 1);
        let first = flips.flips.iter().find(unknown).map(|flip| match &flip.given {
            Given::Unknown(why) => format!("; the first: {why} ({})", place_of(flip)),
            Given::Truth(_) | Given::Value(_) => String::new(),
        });
        let places = words::counted(in_doubt, "place");
        output::say(&text::safe(&format!("unknown at {places}{}", first.unwrap_or_default())));
        if flips.holds == 0 {
            missing.lacks(Lack::Data, "it may hold where it is unknown");
        }
    }
    let never = is_truth && flips.holds == 0 && in_doubt == 0 && searched.is_some();
    Ok(missing.judged(&*source, if never { Verdict::Wrong } else { Verdict::Right }))
}

fn place_of(flip: &Flip) -> String {
    match &flip.event {
        Some(event) => format!("version {}", event.version),
        None => "before the first event".into(),
    }
}

fn summary(flips: &Flips, is_truth: bool, reducer: &str) -> String {
    let changes = words::counted(flips.flips.len().saturating_sub(1) as u64, "change");
    let places = words::counted(flips.places, "place");
    match (is_truth, flips.holds) {
        (true, 0) => format!("it never holds: {places}, folded with {reducer}"),
        (true, holds) => format!("{changes}; it holds at {} of {places}, folded with {reducer}", words::count(holds)),
        (false, _) => format!("{changes} over {places}, folded with {reducer}"),
    }
}

fn cells(flip: &Flip) -> Vec<String> {
    let given = match &flip.given {
        Given::Truth(truth) => truth.to_string(),
        Given::Value(value) => value.to_string(),
        Given::Unknown(why) => format!("unknown: {why}"),
    };
    match &flip.event {
        Some(event) => {
            vec![event.version.to_string(), output::time_cell(event.time), event.event_type.to_string(), given]
        }
        None => vec!["-".into(), "-".into(), "(before the first event)".into(), given],
    }
}

fn line(stream: &crate::domain::StreamName, flip: &Flip, is_truth: bool) -> String {
    let mut line = String::new();
    match &flip.event {
        Some(event) => push_named(&mut line, event),
        None => {
            line.push_str("{\"position\":null,\"stream\":");
            push_text(&mut line, stream.as_str());
            line.push_str(",\"version\":null,\"id\":null,\"type\":null,\"time\":null");
        }
    }
    line.push_str(if is_truth { ",\"holds\":" } else { ",\"value\":" });
    match &flip.given {
        Given::Truth(truth) => line.push_str(if *truth { "true" } else { "false" }),
        Given::Value(value) => line.push_str(&value.to_string()),
        Given::Unknown(why) => {
            line.push_str("null,\"why\":");
            push_text(&mut line, why);
        }
    }
    line.push('}');
    line
}
