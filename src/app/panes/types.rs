//! The types of events, as a list, and what the events of one type look like, as a page.

use super::listing::{Goal, Row, Target, Tone, wrapped};
use crate::domain::shape::{Field, Proof, Shapes, TypeShape};
use crate::domain::words::{count, counted, instant, size};
use crate::domain::{names, text};

/// A column of the list: its name, its width, and whether it is set to the right.
type Column = (&'static str, usize, bool);

/// The list in a few words, or the page of a type.
pub fn note(shapes: &Shapes, page: Option<usize>) -> String {
    match page.and_then(|page| shapes.types.get(page)) {
        Some(entry) => format!("{} of {}", counted(entry.count, "event"), count(events(shapes))),
        None => format!("{}, {}", counted(shapes.types.len() as u64, "type"), counted(events(shapes), "event")),
    }
}

/// Events of the types that are told apart.
fn events(shapes: &Shapes) -> u64 {
    shapes.types.iter().map(|entry| entry.count).sum()
}

/// The rows of the list for a width.
pub fn list(shapes: &Shapes, width: usize) -> Vec<Row> {
    let longest = shapes.types.iter().map(|entry| text::width(&text::safe(&entry.name))).max().unwrap_or(0);
    let mut columns: Vec<Column> = vec![("events", 11, true)];
    // The more room, the more is told; the name needs some of it.
    let name = longest.clamp(8, 40).min(width / 3);
    let rate = if width >= name + 11 + 44 + 9 + 9 { 40 } else { 20 };
    let wanted: [Column; 5] = [
        ("over time", rate, false),
        ("changes", 8, true),
        ("mean", 9, true),
        ("largest", 9, true),
        ("fields", 7, true),
    ];
    for column in wanted {
        if name + 2 + columns.iter().map(|(_, wide, _)| wide + 2).sum::<usize>() + column.1 + 2 <= width {
            columns.push(column);
        }
    }
    let used: usize = columns.iter().map(|(_, wide, _)| wide + 2).sum();
    let name = longest.clamp(8, width.saturating_sub(used + 2).max(8));
    let mut heading = format!("  {}", text::pad("type", name));
    columns.iter().for_each(|column| heading.push_str(&cell(column.0, column)));
    let mut rows = vec![Row::of(heading.trim_end(), Tone::Muted)];
    let names = names::kinds(&shapes.types.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), name);
    for (n, (entry, shown)) in shapes.types.iter().zip(&names).enumerate() {
        let mut pieces = vec![(format!("  {}", text::pad(shown, name)), Tone::Type)];
        for column in &columns {
            let (value, tone) = match column.0 {
                "events" => (count(entry.count), Tone::Number),
                "over time" => (text::sparkline(&joined(&entry.rate, column.1)), Tone::Rate),
                "changes" if changes(entry) == 0 => (String::new(), Tone::Muted),
                "changes" => (changes(entry).to_string(), Tone::Warning),
                "mean" => (size(entry.mean()), Tone::Plain),
                "largest" => (size(entry.largest), Tone::Plain),
                _ => (entry.fields.len().saturating_sub(1).to_string(), Tone::Plain),
            };
            pieces.push((cell(&value, column), tone));
        }
        rows.push(Row { pieces, stop: true, target: Some(Target::Type(n)) });
    }
    let left_out = (shapes.left_out > 0)
        .then(|| format!("{} of types beyond those told apart", counted(shapes.left_out, "event")));
    let remarks = shapes.sealed().into_iter().chain(left_out);
    remarks.for_each(|remark| rows.extend(wrapped(&remark, "  ", width, Tone::Warning)));
    rows
}

/// The rows of the page of a type for a width.
pub fn page(shapes: &Shapes, page: usize, width: usize) -> Vec<Row> {
    let Some(entry) = shapes.types.get(page) else { return Vec::new() };
    let mut rows = Vec::new();
    let [all, mean, largest] = [entry.bytes, entry.mean(), entry.largest].map(size);
    rows.extend(wrapped(&format!("{all} in all, {mean} on average, {largest} at most"), "  ", width, Tone::Plain));
    if let Some((first, last)) = shapes.span {
        let rate = text::sparkline(&joined(&entry.rate, if width >= 44 { 40 } else { 20 }));
        rows.push(Row::of(format!("  {rate}"), Tone::Rate));
        rows.extend(wrapped(&format!("{} to {}", instant(first), instant(last)), "  ", width, Tone::Muted));
    }
    entry.remarks().iter().for_each(|remark| rows.extend(wrapped(remark, "  ", width, Tone::Warning)));
    for (name, proof) in [("first", &entry.first), ("last", &entry.last), ("largest", &entry.largest_at)] {
        let Some(proof) = proof else { continue };
        let target = Some(Target::Event(goal(proof)));
        let mut lines = wrapped(&proof.line(instant), "           ", width, Tone::Plain);
        if let Some(first) = lines.first_mut() {
            let place = first.pieces[0].0.trim_start().to_owned();
            *first =
                Row { pieces: vec![(format!("  {name:<9}"), Tone::Muted), (place, Tone::Plain)], stop: true, target };
        }
        rows.extend(lines);
    }
    rows.push(Row::default());
    if !entry.fields.is_empty() {
        rows.push(Row::of("What happened to the fields", Tone::Title));
        if changes(entry) == 0 {
            rows.push(Row::of("  none appeared, vanished or changed its type", Tone::Muted));
        }
        let beside = entry.beside.iter();
        let beside = beside.map(|it| (format!("side by side in {}: {}", it.path, it.sentence()), &it.first));
        let turns = entry.history.iter().map(|turn| (format!("{} {}", turn.path, turn.sentence()), &turn.proof));
        for (what, proof) in beside.chain(turns) {
            let mut lines = wrapped(&what, "  ", width, Tone::Warning);
            if let Some(first) = lines.first_mut() {
                (first.stop, first.target) = (true, proof.as_ref().map(|proof| Target::Event(goal(proof))));
            }
            rows.extend(lines);
            let proof = proof.as_ref().map_or_else(String::new, |proof| proof.line(instant));
            rows.extend(wrapped(&proof, "    ", width, Tone::Muted));
        }
        rows.push(Row::default());
        rows.push(Row::of("Fields", Tone::Title));
    }
    let widest = |wide: fn(&Field) -> usize| entry.fields.iter().map(wide).max().unwrap_or(0);
    let name = widest(|field| 2 * field.depth + text::width(&text::safe(&field.name))).clamp(8, (width / 3).max(8));
    let kinds = widest(|field| text::width(&field.kinds_line())).clamp(6, (width / 3).max(6));
    for field in &entry.fields {
        let indented = format!("{}{}", "  ".repeat(field.depth), field.name);
        let examples = width.saturating_sub(2 + name + 2 + kinds + 2 + 5 + 2);
        let pieces = vec![
            (format!("  {}", text::pad(&indented, name)), Tone::Key),
            (format!("  {}", text::pad(&field.kinds_line(), kinds)), Tone::Plain),
            (format!("  {:>3} %", field.percent()), if field.percent() < 100 { Tone::Number } else { Tone::Muted }),
            (format!("  {}", text::fit(&field.examples.join(", "), examples)), Tone::Muted),
        ];
        rows.push(Row { pieces, stop: true, target: None });
    }
    rows
}
/// What is told of its fields: shapes that stand side by side, and what happened to them.
fn changes(shape: &TypeShape) -> usize {
    shape.beside.len() + shape.history.len()
}

fn goal(proof: &Proof) -> Goal {
    Goal { stream: Some(proof.stream.clone()), version: Some(proof.version), place: Some(proof.place) }
}

/// A cell of a column, two blanks before it.
fn cell(value: &str, (_, wide, right): &Column) -> String {
    match right {
        true => {
            let value = text::fit(value, *wide);
            format!("  {}{value}", " ".repeat(wide.saturating_sub(text::width(&value))))
        }
        false => format!("  {}", text::pad(value, *wide)),
    }
}

/// Counts in fewer stretches.
fn joined(counts: &[u64], stretches: usize) -> Vec<u64> {
    let each = counts.len().div_ceil(stretches.max(1)).max(1);
    counts.chunks(each).map(|chunk| chunk.iter().sum()).collect()
}
