//! The types of events, as a list, and what the events of one type look like, as a page.

use super::survey::{Goal, Row, Target, Tone, wrapped};
use crate::app::words::{count, counted};
use crate::domain::{names, text};

/// A field of a type.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldEntry {
    /// How deep it lies.
    pub depth: usize,
    /// Its last step.
    pub name: String,
    /// What it was and how often: `string 12, null 3`.
    pub kinds: String,
    /// How often it is there, in percent.
    pub percent: u8,
    /// Values it had.
    pub examples: String,
}

/// Something that happened to a field.
#[derive(Clone, PartialEq, Debug)]
pub struct TurnEntry {
    /// The field and what happened.
    pub text: String,
    /// The event that proves it, in words.
    pub proof: String,
    /// How to go there.
    pub goal: Option<Goal>,
}

/// A type of events.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TypeEntry {
    /// Its name.
    pub name: String,
    /// How many events.
    pub count: u64,
    /// How many in each stretch of the store's time.
    pub rate: Vec<u64>,
    /// The size of all, of one on average, and of the largest, in words.
    pub sizes: [String; 3],
    /// Single events worth going to: `first`, its place in words, how to go there.
    pub places: Vec<(&'static str, String, Goal)>,
    /// What else is to be known: payloads that could not be looked into, what was left out.
    pub remarks: Vec<String>,
    /// Its fields, each before those inside it.
    pub fields: Vec<FieldEntry>,
    /// What happened to them.
    pub history: Vec<TurnEntry>,
}

/// All types.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TypeTable {
    /// The types, the most frequent first.
    pub types: Vec<TypeEntry>,
    /// The first and the last time, in words.
    pub span: Option<(String, String)>,
    /// What was left out.
    pub remarks: Vec<String>,
}

/// A column of the list: its name, its width, and whether it is set to the right.
type Column = (&'static str, usize, bool);

impl TypeTable {
    /// The list in a few words, or the page of a type.
    pub fn note(&self, page: Option<usize>) -> String {
        match page.and_then(|page| self.types.get(page)) {
            Some(entry) => format!("{} of {}", counted(entry.count, "event"), count(self.events())),
            None => format!("{}, {}", counted(self.types.len() as u64, "type"), counted(self.events(), "event")),
        }
    }

    fn events(&self) -> u64 {
        self.types.iter().map(|entry| entry.count).sum()
    }

    /// The rows of the list for a width.
    pub fn list(&self, width: usize) -> Vec<Row> {
        let longest = self.types.iter().map(|entry| text::width(&text::safe(&entry.name))).max().unwrap_or(0);
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
        let names = names::kinds(&self.types.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), name);
        for (n, (entry, shown)) in self.types.iter().zip(&names).enumerate() {
            let mut pieces = vec![(format!("  {}", text::pad(shown, name)), Tone::Type)];
            for column in &columns {
                let (value, tone) = match column.0 {
                    "events" => (count(entry.count), Tone::Number),
                    "over time" => (text::sparkline(&joined(&entry.rate, column.1)), Tone::Rate),
                    "changes" if entry.history.is_empty() => (String::new(), Tone::Muted),
                    "changes" => (entry.history.len().to_string(), Tone::Warning),
                    "mean" => (entry.sizes[1].clone(), Tone::Plain),
                    "largest" => (entry.sizes[2].clone(), Tone::Plain),
                    _ => (entry.fields.len().saturating_sub(1).to_string(), Tone::Plain),
                };
                pieces.push((cell(&value, column), tone));
            }
            rows.push(Row { pieces, stop: true, target: Some(Target::Type(n)) });
        }
        self.remarks.iter().for_each(|remark| rows.extend(wrapped(remark, "  ", width, Tone::Warning)));
        rows
    }

    /// The rows of the page of a type for a width.
    pub fn page(&self, page: usize, width: usize) -> Vec<Row> {
        let Some(entry) = self.types.get(page) else { return Vec::new() };
        let mut rows = Vec::new();
        let [all, mean, largest] = &entry.sizes;
        rows.extend(wrapped(&format!("{all} in all, {mean} on average, {largest} at most"), "  ", width, Tone::Plain));
        if let Some((first, last)) = &self.span {
            let rate = text::sparkline(&joined(&entry.rate, if width >= 44 { 40 } else { 20 }));
            rows.push(Row::of(format!("  {rate}"), Tone::Rate));
            rows.extend(wrapped(&format!("{first} to {last}"), "  ", width, Tone::Muted));
        }
        entry.remarks.iter().for_each(|remark| rows.extend(wrapped(remark, "  ", width, Tone::Warning)));
        for (name, place, goal) in &entry.places {
            let target = Some(Target::Event(goal.clone()));
            let mut lines = wrapped(place, "           ", width, Tone::Plain);
            if let Some(first) = lines.first_mut() {
                let place = first.pieces[0].0.trim_start().to_owned();
                *first = Row {
                    pieces: vec![(format!("  {name:<9}"), Tone::Muted), (place, Tone::Plain)],
                    stop: true,
                    target,
                };
            }
            rows.extend(lines);
        }
        rows.push(Row::default());
        if !entry.fields.is_empty() {
            rows.push(Row::of("What happened to the fields", Tone::Title));
            if entry.history.is_empty() {
                rows.push(Row::of("  none appeared, vanished or changed its type", Tone::Muted));
            }
            for turn in &entry.history {
                let mut lines = wrapped(&turn.text, "  ", width, Tone::Warning);
                if let Some(first) = lines.first_mut() {
                    (first.stop, first.target) = (true, turn.goal.clone().map(Target::Event));
                }
                rows.extend(lines);
                rows.extend(wrapped(&turn.proof, "    ", width, Tone::Muted));
            }
            rows.push(Row::default());
            rows.push(Row::of("Fields", Tone::Title));
        }
        let widest = |wide: fn(&FieldEntry) -> usize| entry.fields.iter().map(wide).max().unwrap_or(0);
        let name = widest(|field| 2 * field.depth + text::width(&text::safe(&field.name))).clamp(8, (width / 3).max(8));
        let kinds = widest(|field| text::width(&field.kinds)).clamp(6, (width / 3).max(6));
        for field in &entry.fields {
            let indented = format!("{}{}", "  ".repeat(field.depth), field.name);
            let examples = width.saturating_sub(2 + name + 2 + kinds + 2 + 5 + 2);
            let pieces = vec![
                (format!("  {}", text::pad(&indented, name)), Tone::Key),
                (format!("  {}", text::pad(&field.kinds, kinds)), Tone::Plain),
                (format!("  {:>3} %", field.percent), if field.percent < 100 { Tone::Number } else { Tone::Muted }),
                (format!("  {}", text::fit(&field.examples, examples)), Tone::Muted),
            ];
            rows.push(Row { pieces, stop: true, target: None });
        }
        rows
    }
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
