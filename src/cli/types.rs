//! `stepback types`: which types of events there are, and what they look like.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::command;
use super::folding::named;
use super::interrupt;
use super::meter::Meter;
use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use crate::domain::shape::{Beside, Field, Happened, Proof, Shapes, Turn, TypeShape};
use crate::domain::{Place, Scope, text, words};
use crate::session::Source;
use crate::session::shapes::{self, Part};
use crate::wire::{push_optional, push_position, push_text};

/// List the types of events; with a type, the fields of its payloads and how they changed
#[derive(Args, Debug)]
pub struct TypesArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this type, with its fields and their history
    #[arg(value_name = "TYPE")]
    event_type: Option<String>,
    /// Look into the metadata instead of the data
    #[arg(long)]
    metadata: bool,
    /// Look into the fields that are no part of the event (userId beside data) instead of the data
    #[arg(long, conflicts_with = "metadata")]
    fields: bool,
    /// One JSON object a type, with its fields and their history
    #[arg(long)]
    json: bool,
}

/// Cells a sentence takes.
const WIDEST: usize = 400;

/// Types named to somebody who asked for one that is not there.
const NAMED: usize = 5;

pub(super) fn run(args: &TypesArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let (source, mut missing) = args.source.open()?;
    let part = match (args.metadata, args.fields) {
        (true, _) => Part::Metadata,
        (_, true) => Part::Fields,
        _ => Part::Data,
    };
    let mut meter = Meter::new();
    let mut told = |what: &'static str, done, total| meter.tell(what, done, total);
    let shapes = shapes::gather(&*source, part, args.event_type.clone(), &interrupt::token(), &mut told)?;
    drop(meter);
    if shapes.types.is_empty() {
        return Err(Ended::Nothing(format!("there is no event in {}", text::safe(&shapes.source))));
    }
    let wanted: Vec<&TypeShape> = match &args.event_type {
        None => shapes.types.iter().collect(),
        Some(name) => {
            vec![shapes.types.iter().find(|shape| shape.name == *name).ok_or_else(|| no_type(&shapes, name))?]
        }
    };
    for shape in &wanted {
        missing.payloads(shape.unparsable, || shape.unparsable_at.as_ref().map(proof_line).unwrap_or_default());
    }
    let asked: Asked<'_> = (args, &*source);
    if args.json {
        wanted.iter().try_for_each(|shape| write_json(out, shape, asked))?;
    } else if args.event_type.is_some() {
        wanted.iter().try_for_each(|shape| write_shape(out, shape, &shapes, asked))?;
    } else {
        write_list(out, &shapes)?;
    }
    if args.event_type.is_none() && !args.json {
        shapes.sealed().iter().for_each(|sentence| output::say(&text::fit(sentence, WIDEST)));
    }
    if shapes.left_out > 0 {
        output::say(&format!("{} events are of types beyond those told apart", words::count(shapes.left_out)));
    }
    out.flush()?;
    Ok(missing.end(&*source))
}

/// What was asked, of which source.
type Asked<'a> = (&'a TypesArgs, &'a dyn Source);

fn no_type(shapes: &Shapes, name: &str) -> Ended {
    let known: Vec<String> = shapes.types.iter().take(NAMED).map(|shape| text::fit(&shape.name, 60)).collect();
    let more = if shapes.types.len() > NAMED { ", ..." } else { "" };
    let name = text::fit(name, 120);
    Ended::Nothing(format!(
        "no event of {} is a `{name}`\nthere are {}{more}",
        text::safe(&shapes.source),
        known.join(", ")
    ))
}

fn write_list(out: &mut dyn Write, shapes: &Shapes) -> io::Result<()> {
    let columns = ["TYPE", ">EVENTS", "FIRST", "LAST", "RATE", ">SIZE", ">MEAN", ">LARGEST", ">FIELDS", ">CHANGES"];
    let mut table = Table::new(&columns);
    for shape in &shapes.types {
        let time = |proof: &Option<Proof>| output::time_cell(proof.as_ref().and_then(|proof| proof.time));
        table.row(
            out,
            vec![
                shape.name.clone(),
                words::count(shape.count),
                time(&shape.first),
                time(&shape.last),
                text::sparkline(&shape.rate),
                words::size(shape.bytes),
                words::size(shape.mean()),
                words::size(shape.largest),
                shape.field_count().map_or_else(|| "-".to_owned(), |count| count.to_string()),
                (shape.history.len() + usize::from(!shape.beside.is_empty())).to_string(),
            ],
        )?;
    }
    table.write(out)
}

fn write_shape(out: &mut dyn Write, shape: &TypeShape, shapes: &Shapes, asked: Asked<'_>) -> io::Result<()> {
    let share = shape.count as f64 * 100.0 / shapes.events.max(1) as f64;
    writeln!(
        out,
        "{}: {} of {} events ({share:.1} %), {} in all, {} on average, {} at most",
        output::line(&shape.name, WIDEST),
        words::count(shape.count),
        words::count(shapes.events),
        words::size(shape.bytes),
        words::size(shape.mean()),
        words::size(shape.largest),
    )?;
    for (name, proof) in [("first", &shape.first), ("last", &shape.last), ("largest", &shape.largest_at)] {
        if let Some(proof) = proof {
            writeln!(out, "{name:<8} {}", output::line(&proof_line(proof), WIDEST))?;
        }
    }
    if let Some((first, last)) = shapes.span {
        writeln!(out, "{:<8} {first:.0} {} {last:.0}", "rate", text::sparkline(&shape.rate))?;
    }
    for (count, what) in [(shape.absent, "without a payload"), (shape.unparsable, "payloads that are not JSON")] {
        if count > 0 {
            writeln!(out, "{:<8} {} {what}", "", words::count(count))?;
        }
    }
    for (encoding, count) in &shape.opaque {
        let name = if encoding.is_empty() { "of no known encoding" } else { encoding };
        writeln!(out, "{:<8} {} {}, not looked into", "", words::count(*count), output::line(name, WIDEST))?;
    }
    writeln!(out)?;
    let mut table = Table::new(&["FIELD", "TYPES", ">PRESENT", "EXAMPLES"]);
    for field in &shape.fields {
        let path = format!("{}{}", "  ".repeat(field.depth), field.path);
        table.row(out, vec![path, field.kinds_line(), format!("{} %", field.percent()), field.examples.join(", ")])?;
    }
    table.write(out)?;
    if shape.read > 0 {
        writeln!(out)?;
        match shape.history.is_empty() {
            true => writeln!(out, "no field appeared, vanished or changed its type")?,
            false => shape.history.iter().try_for_each(|turn| write_turn(out, turn, asked))?,
        }
    }
    for (n, beside) in shape.beside.iter().enumerate() {
        if n == 0 || shape.beside[n - 1].path != beside.path {
            let shapes = shape.beside.iter().filter(|other| other.path == beside.path).count();
            writeln!(out, "{} has {shapes} shapes side by side", output::line(&beside.path, WIDEST))?;
        }
        writeln!(out, "   {}", output::line(&beside.sentence(), WIDEST))?;
        write_proof(out, beside.first.as_ref(), asked)?;
    }
    shape.cut.iter().try_for_each(|cut| writeln!(out, "left out: {cut}"))
}

fn write_turn(out: &mut dyn Write, turn: &Turn, asked: Asked<'_>) -> io::Result<()> {
    writeln!(out, "{}", output::line(&format!("{} {}", turn.path, turn.sentence()), WIDEST))?;
    write_proof(out, turn.proof.as_ref(), asked)
}

fn write_proof(out: &mut dyn Write, proof: Option<&Proof>, asked: Asked<'_>) -> io::Result<()> {
    let Some(proof) = proof else { return Ok(()) };
    writeln!(out, "         {}", output::line(&proof_line(proof), WIDEST))?;
    writeln!(out, "         {}", text::safe(&command(proof, asked)))
}

/// The command that shows where something is seen, and no other event that has its version.
fn command(proof: &Proof, (args, source): Asked<'_>) -> String {
    let scope = Scope::Stream(proof.stream.clone());
    let at = source.translate(&Scope::All, proof.place - 1, &scope).ok().flatten();
    let at = at.map_or(Place::Number(proof.version.0), |ordinal| named(source, &proof.stream, ordinal + 1));
    command::open(&args.source, Some(proof.stream.as_str()), Some(at), None)
}

fn proof_line(proof: &Proof) -> String {
    proof.line(|time| format!("{time:.3}"))
}

fn write_json(out: &mut dyn Write, shape: &TypeShape, asked: Asked<'_>) -> io::Result<()> {
    let mut line = String::from("{\"type\":");
    push_text(&mut line, &shape.name);
    line.push_str(&format!(",\"count\":{},\"first\":", shape.count));
    push_proof(&mut line, shape.first.as_ref(), asked);
    line.push_str(",\"last\":");
    push_proof(&mut line, shape.last.as_ref(), asked);
    let rate: Vec<String> = shape.rate.iter().map(u64::to_string).collect();
    line.push_str(&format!(
        ",\"rate\":[{}],\"size\":{{\"total\":{},\"mean\":{},\"max\":{}}},\"largest\":",
        rate.join(","),
        shape.bytes,
        shape.mean(),
        shape.largest
    ));
    push_proof(&mut line, shape.largest_at.as_ref(), asked);
    line.push_str(&format!(
        ",\"looked_into\":{},\"absent\":{},\"unparsable\":{},\"opaque\":{{",
        shape.read, shape.absent, shape.unparsable
    ));
    list(&mut line, &shape.opaque, |line, (encoding, count)| {
        push_text(line, encoding);
        line.push_str(&format!(":{count}"));
    });
    line.push_str("},\"fields\":[");
    list(&mut line, &shape.fields, push_field);
    line.push_str("],\"history\":[");
    list(&mut line, &shape.history, |line, turn| push_turn(line, turn, asked));
    line.push_str("],\"side_by_side\":[");
    list(&mut line, &shape.beside, |line, beside| push_beside(line, beside, asked));
    line.push_str("],\"left_out\":[");
    list(&mut line, &shape.cut, |line, cut| push_text(line, cut));
    writeln!(out, "{line}]}}")
}

fn list<T>(line: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            line.push(',');
        }
        push(line, item);
    }
}

fn push_field(line: &mut String, field: &Field) {
    line.push_str("{\"path\":");
    push_text(line, &field.path);
    line.push_str(",\"types\":{");
    list(line, &field.kinds, |line, (kind, count)| line.push_str(&format!("\"{}\":{count}", kind.name())));
    line.push_str(&format!(
        "}},\"present\":{},\"of\":{},\"percent\":{},\"examples\":[",
        field.present,
        field.of,
        field.percent()
    ));
    list(line, &field.examples, |line, example| push_text(line, example));
    line.push_str("]}");
}

fn push_turn(line: &mut String, turn: &Turn, asked: Asked<'_>) {
    line.push_str("{\"path\":");
    push_text(line, &turn.path);
    line.push_str(",\"what\":");
    push_text(line, turn.happened.name());
    let (from, to) = match turn.happened {
        Happened::Became(from, to) => (Some(from.name()), Some(to.name())),
        Happened::Also(to) => (None, Some(to.name())),
        _ => (None, None),
    };
    line.push_str(",\"from\":");
    push_optional(line, from);
    line.push_str(",\"to\":");
    push_optional(line, to);
    line.push_str(",\"text\":");
    push_text(line, &turn.sentence());
    line.push_str(",\"event\":");
    push_proof(line, turn.proof.as_ref(), asked);
    line.push('}');
}

fn push_beside(line: &mut String, beside: &Beside, asked: Asked<'_>) {
    line.push_str("{\"path\":");
    push_text(line, &beside.path);
    line.push_str(",\"fields\":[");
    list(line, &beside.fields, |line, field| push_text(line, field));
    let (count, of, percent) = (beside.count, beside.of, beside.percent());
    line.push_str(&format!("],\"count\":{count},\"of\":{of},\"percent\":{percent},\"first\":"));
    push_proof(line, beside.first.as_ref(), asked);
    line.push('}');
}

fn push_proof(line: &mut String, proof: Option<&Proof>, asked: Asked<'_>) {
    let Some(proof) = proof else { return line.push_str("null") };
    line.push_str("{\"stream\":");
    push_text(line, proof.stream.as_str());
    line.push_str(&format!(",\"version\":{},\"position\":", proof.version));
    push_position(line, &proof.position);
    line.push_str(",\"time\":");
    push_optional(line, proof.time.map(|time| time.to_string()).as_deref());
    line.push_str(",\"command\":");
    push_text(line, &command(proof, asked));
    line.push('}');
}
