//! `stepback blame`: which events wrote what stands in a state.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folding::{self, FoldArgs, KEEP_GOING};
use super::meter::Meter;
use super::missing::Lack;
use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use super::{interrupt, state};
use crate::domain::patch::Change;
use crate::domain::{Json, Path, PathGlob, Place, State, text};
use crate::session::blame::{self, Blame, Question, Write as Written};
use crate::session::{Reached, Walker};
use crate::wire::{push_change_fields, push_named, push_text};

/// Nearest paths that are told of one that was never there.
const NEAREST: usize = 3;
/// Paths looked at for that.
const LOOKED_AT: usize = 20_000;
/// How alike a path must be to be told.
const ALIKE: f64 = 0.6;

/// Say which event wrote each path of a state last.
#[derive(Args, Debug)]
pub struct BlameArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The stream
    stream: String,
    /// A path in the state, as a JSON Pointer or as jq writes it: /items/0/qty, .items[0].qty, with * for any key or index.
    /// Every leaf when left out
    #[arg(value_name = "PATH")]
    paths: Vec<PathGlob>,
    /// Up to this version (12), the N-th event (#12), this time, or first, last
    #[arg(long, value_name = "PLACE", default_value = "last", allow_hyphen_values = true)]
    at: Place,
    /// Every write, oldest first, not only the last
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    fold: FoldArgs,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BlameArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let (source, mut walker, mut missing) = state::open(&args.source, &args.fold, configuration)?;
    let reached = state::walk(&*source, &mut walker, &args.stream, &args.at)?;
    let mut table = Table::new(&[">VERSION", "TIME", "TYPE", "PATH", "BEFORE", "AFTER"]);
    let (mut found, mut never) = (0, Vec::new());
    for (glob, blame) in answers(args, &mut walker, &reached)? {
        if blame.writes.is_empty() {
            never.extend(glob);
        }
        for write in &blame.writes {
            match args.json {
                true => writeln!(out, "{}", line(&reached, write))?,
                false => table.row(out, cells(write))?,
            }
            found += 1;
        }
        let unjudged = blame.unjudged.words();
        if !unjudged.is_empty() {
            missing.lacks(Lack::Data, unjudged);
        }
        if let Some(why) = blame.failed {
            missing.lacks(Lack::Data, format!("not all was looked at: {why} ({KEEP_GOING})"));
        }
    }
    table.write(out)?;
    out.flush()?;
    state::say_what_names_no_reducer(&walker, &reached);
    args.fold.note(&mut missing, &*source, &reached, "here");
    let whys: Vec<String> = never.iter().map(|glob| never_there(glob, &reached.moment.state)).collect();
    if found == 0 && !whys.is_empty() {
        return Ok(missing.nothing(&*source, &whys.join("; ")));
    }
    whys.into_iter().for_each(|why| missing.lacks(Lack::Data, why));
    Ok(missing.end(&*source))
}

/// An answer to each path that was asked about, or to all leaves.
fn answers(args: &BlameArgs, walker: &mut Walker, reached: &Reached) -> Result<Vec<(Option<PathGlob>, Blame)>, Ended> {
    let moment = &reached.moment;
    let question = Question { stream: &moment.stream, at: moment.at, state: &moment.state, all: args.all };
    let cancel = interrupt::token();
    let mut meter = Meter::new();
    let mut told = |done, of| meter.tell("events", done, of);
    if args.paths.is_empty() {
        let leaves = blame::leaves(&moment.state);
        return Ok(vec![(None, blame::blame_paths(walker, question, leaves, &cancel, &mut told)?)]);
    }
    let mut answers = Vec::new();
    for glob in &args.paths {
        answers.push((Some(glob.clone()), blame::blame_path(walker, question, glob, &cancel, &mut told)?));
    }
    Ok(answers)
}

/// That a path was never there, and which are nearest.
fn never_there(glob: &PathGlob, state: &State) -> String {
    let mut paths = Vec::new();
    if let Some(state) = state {
        all_paths(state, &Path::root(), &mut paths);
    }
    let wanted = glob.to_string();
    let mut scored: Vec<(f64, String)> =
        paths.iter().map(ToString::to_string).map(|path| (strsim::jaro_winkler(&wanted, &path), path)).collect();
    scored.retain(|(score, _)| *score >= ALIKE);
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let nearest: Vec<String> = scored.into_iter().take(NEAREST).map(|(_, path)| path).collect();
    let nearest = if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) };
    text::safe(&format!("{wanted} was never there{nearest}")).into_owned()
}

fn all_paths(value: &Json, path: &Path, found: &mut Vec<Path>) {
    if found.len() >= LOOKED_AT {
        return;
    }
    if !path.0.is_empty() {
        found.push(path.clone());
    }
    match value {
        Json::Object(object) => {
            object.in_order().into_iter().for_each(|entry| all_paths(&entry.value, &path.key(&entry.key), found));
        }
        Json::Array(array) => {
            array.iter().enumerate().for_each(|(index, value)| all_paths(value, &path.index(index), found));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Verbatim(_) => {}
    }
}

fn cells(write: &Written) -> Vec<String> {
    let side = |side: &Option<Json>| side.as_ref().map_or_else(|| "-".into(), ToString::to_string);
    let path = if write.path.0.is_empty() { "(all)".into() } else { write.path.to_string() };
    let (version, time, event_type) = match &write.event {
        Some(event) => (event.version.to_string(), output::time_cell(event.time), event.event_type.to_string()),
        None => ("-".into(), "-".into(), "(initial state)".into()),
    };
    vec![version, time, event_type, path, side(&write.before), side(&write.after)]
}

fn line(reached: &Reached, write: &Written) -> String {
    let mut line = String::new();
    match &write.event {
        Some(event) => push_named(&mut line, event),
        None => {
            line.push_str("{\"position\":null,\"stream\":");
            push_text(&mut line, reached.moment.stream.as_str());
            line.push_str(",\"version\":null,\"id\":null,\"type\":null,\"time\":null");
        }
    }
    let Written { path, before, after, .. } = write.clone();
    line.push(',');
    push_change_fields(&mut line, &Change { path, before, after });
    line.push(',');
    folding::push_counted(&mut line, &reached.moment.reducer, &reached.moment.faults);
    line.push('}');
    line
}
