//! Writing answers: aligned tables for people, one JSON object a line for programs, quiet when nobody reads on.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::domain::json::write_string;
use crate::domain::payload::Form;
use crate::domain::{
    Cancel, Event, Failure, FailureKind, Json, NoteKind, Payload, Position, Progress, StreamSummary, Timestamp, text,
};
use crate::session::Source;

/// How a command ends other than well.
#[derive(Debug)]
pub enum Ended {
    /// Whoever read the output has gone.
    Quietly,
    /// Nothing matched; why, for a person.
    Nothing(String),
    /// It failed.
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Quietly,
            _ => Self::Failed(Failure::new(FailureKind::Io, "standard output", "write", error.to_string())),
        }
    }
}

/// The exit code of a failure.
pub fn exit_code(kind: FailureKind) -> ExitCode {
    ExitCode::from(match kind {
        FailureKind::Malformed => 65,
        FailureKind::Io => 74,
        FailureKind::Usage => super::USAGE,
        FailureKind::Cancelled => 130,
        FailureKind::Unreachable
        | FailureKind::Denied
        | FailureKind::NotFound
        | FailureKind::Locked
        | FailureKind::TimedOut
        | FailureKind::Unsupported
        | FailureKind::Other => 69,
    })
}

/// Cells of a line of a message; what it quotes may be of any length.
const LONGEST: usize = 2000;

/// Says something to the person, on standard error. Nothing in it can command the terminal.
pub fn say(message: &str) {
    // Nobody may be listening.
    let mut err = io::stderr().lock();
    for (n, line) in message.lines().enumerate() {
        let start = if n == 0 { "stepback: " } else { "  " };
        let _ = writeln!(err, "{start}{}", text::fit(line, LONGEST));
    }
}

/// Says what failed. Of the user's own words only what is wrong with them.
pub fn say_failure(failure: &Failure) {
    match (failure.kind, failure.hint.is_empty()) {
        (FailureKind::Usage, true) => say(&failure.why),
        (FailureKind::Usage, false) => say(&format!("{}\n{}", failure.why, failure.hint)),
        _ => say(&failure.to_string()),
    }
}

/// Reads a source to its end, showing the progress where a person watches.
///
/// # Errors
/// When it cannot be read to its end.
pub fn complete(source: &dyn Source) -> Result<(), Failure> {
    let watched = io::stderr().is_terminal();
    let mut shown = false;
    let result = source.complete(&Cancel::default(), &mut |progress| {
        if watched && !progress.complete {
            shown = true;
            let _ = write!(io::stderr(), "\r\x1b[2K{}", progress_line(&progress));
        }
    });
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
    result?;
    let troubles = source.progress().troubles;
    if troubles > 0 {
        say_troubles(troubles);
    }
    Ok(())
}

/// Says how many records are no events.
pub fn say_troubles(troubles: u64) {
    let records = if troubles == 1 { "record" } else { "records" };
    say(&format!(
        "{troubles} {records} could not be read as events; `stepback events` without a stream shows them in place"
    ));
}

fn progress_line(progress: &Progress) -> String {
    match (progress.done * 100).checked_div(progress.total) {
        Some(percent) => format!("reading: {percent} %, {} events", progress.events),
        None => format!("reading: {} events", progress.events),
    }
}

/// Writes one event as the JSON object of `events --json`.
///
/// # Errors
/// When writing fails.
pub fn write_event(out: &mut dyn Write, event: &Event) -> io::Result<()> {
    let mut line = String::with_capacity(256 + event.data.stored().len() + event.metadata.stored().len());
    line.push_str("{\"position\":");
    push_position(&mut line, &event.position);
    line.push_str(",\"stream\":");
    push_text(&mut line, event.stream.as_str());
    line.push_str(",\"version\":");
    line.push_str(&event.version.to_string());
    line.push_str(",\"id\":");
    push_optional(&mut line, event.id.as_deref());
    line.push_str(",\"type\":");
    push_text(&mut line, &event.event_type);
    line.push_str(",\"time\":");
    push_optional(&mut line, event.time.map(|time| time.to_string()).as_deref());
    line.push_str(",\"data\":");
    push_payload(&mut line, &event.data);
    line.push_str(",\"metadata\":");
    push_payload(&mut line, &event.metadata);
    if !event.notes.is_empty() {
        line.push_str(",\"notes\":[");
        for (n, note) in event.notes.iter().enumerate() {
            line.push_str(if n == 0 { "{\"kind\":" } else { ",{\"kind\":" });
            push_text(&mut line, note_kind(note.kind));
            line.push_str(",\"text\":");
            push_text(&mut line, &note.text);
            line.push('}');
        }
        line.push(']');
    }
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}

fn note_kind(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Link => "link",
        NoteKind::BrokenLink => "broken-link",
        NoteKind::Archived => "archived",
        NoteKind::Deleted => "deleted",
        NoteKind::Redacted => "redacted",
        NoteKind::Outside => "outside",
        NoteKind::Other => "other",
    }
}

/// Writes a hit of a search as a JSON object: the event without its payloads, and where in it what matches stands.
///
/// # Errors
/// When writing fails.
pub fn write_hit(out: &mut dyn Write, event: &Event, path: &str, text: &str) -> io::Result<()> {
    let mut line = String::from("{\"position\":");
    push_position(&mut line, &event.position);
    line.push_str(",\"stream\":");
    push_text(&mut line, event.stream.as_str());
    line.push_str(&format!(",\"version\":{},\"id\":", event.version));
    push_optional(&mut line, event.id.as_deref());
    line.push_str(",\"type\":");
    push_text(&mut line, &event.event_type);
    line.push_str(",\"time\":");
    push_optional(&mut line, event.time.map(|time| time.to_string()).as_deref());
    line.push_str(",\"where\":");
    push_text(&mut line, path);
    line.push_str(",\"text\":");
    push_text(&mut line, text);
    if let Some(trouble) = &event.trouble {
        line.push_str(",\"trouble\":");
        push_text(&mut line, &trouble.to_string());
    }
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}

/// Writes one stream as the JSON object of `streams --json`.
///
/// # Errors
/// When writing fails.
pub fn write_stream(out: &mut dyn Write, stream: &StreamSummary) -> io::Result<()> {
    let mut line = String::from("{\"stream\":");
    push_text(&mut line, stream.stream.as_str());
    line.push_str(&format!(
        ",\"events\":{},\"first_version\":{},\"last_version\":{},\"first_time\":",
        stream.events, stream.first_version, stream.last_version
    ));
    push_optional(&mut line, stream.first_time.map(|time| time.to_string()).as_deref());
    line.push_str(",\"last_time\":");
    push_optional(&mut line, stream.last_time.map(|time| time.to_string()).as_deref());
    line.push_str(&format!(",\"kind\":\"{}\"", stream.kind.name()));
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}

/// Adds text as a JSON string.
pub fn push_text(line: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write_string(line, text);
}

/// Adds text as a JSON string, or `null`.
pub fn push_optional(line: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(line, text),
        None => line.push_str("null"),
    }
}

/// Adds a position as a JSON number or string.
pub fn push_position(line: &mut String, position: &Position) {
    match position {
        Position::Number(number) => line.push_str(&number.to_string()),
        Position::Text(text) => push_text(line, text),
    }
}

/// The stored bytes as they are, or the JSON they stand for where they were decoded. Only what would break the line is
/// changed: a line break between JSON tokens becomes a blank (inside strings JSON has none), and bytes that are not JSON
/// become a string.
fn push_payload(line: &mut String, payload: &Payload) {
    let json = match payload.form() {
        Form::Absent => return line.push_str("null"),
        Form::Json | Form::JsonText => Some(Cow::Borrowed(&payload.stored()[..])),
        Form::Encoded => payload.json_bytes().ok(),
        Form::Opaque => None,
    };
    match json.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) if is_json(text) => match text.contains(['\n', '\r']) {
            true => line.push_str(&text.replace(['\n', '\r'], " ")),
            false => line.push_str(text),
        },
        _ => push_text(line, &payload.text()),
    }
}

/// Whether text is JSON throughout: a store may keep anything in a column that usually holds JSON.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() || Json::parse(text.as_bytes()).is_ok()
}

/// An instant for a table: UTC, to the millisecond where it has more.
pub fn time_cell(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".into(), |time| format!("{time:.3}"))
}

/// A table for people: a header, rows of safe text, columns as wide as they need to be.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

/// Rows that are measured together; a longer table is written in parts.
const ROWS: usize = 4096;

/// The most a column takes before it is cut with a sign.
const WIDEST: usize = 64;

impl Table {
    /// A table with these columns; a name that begins with `>` is a number, set to the right.
    pub fn new(columns: &[&'static str]) -> Self {
        Self {
            header: columns.iter().map(|name| name.trim_start_matches('>')).collect(),
            right: columns.iter().map(|name| name.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; writes what has gathered when it is much.
    ///
    /// # Errors
    /// When writing fails.
    pub fn row(&mut self, out: &mut dyn Write, cells: Vec<String>) -> io::Result<()> {
        self.rows.push(cells);
        if self.rows.len() >= ROWS {
            self.write(out)?;
        }
        Ok(())
    }

    /// Writes what has gathered.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<String>> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(|row| row.iter().map(|cell| text::fit(cell, 4 * WIDEST)).collect())
            .collect();
        let last = self.header.len() - 1;
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.len()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(text::width(cell)).min(WIDEST);
            }
        }
        let header: Vec<String> = self.header.iter().map(|name| (*name).to_owned()).collect();
        for row in std::iter::once(&header).filter(|_| !header[0].is_empty()).chain(&rows) {
            let mut line = String::new();
            for (n, cell) in row.iter().enumerate() {
                let cell = if n == last && !self.right[n] {
                    text::fit(cell, 4 * WIDEST)
                } else if self.right[n] {
                    let cell = text::fit(cell, widths[n]);
                    format!("{}{cell}", " ".repeat(widths[n].saturating_sub(text::width(&cell))))
                } else {
                    text::pad(cell, widths[n])
                };
                line.push_str(&cell);
                line.push_str("  ");
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        // A second part needs no second header.
        self.header.iter_mut().for_each(|name| *name = "");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_safe_and_cut_with_a_sign() {
        let mut table = Table::new(&["NAME", ">N", "LAST"]);
        let mut out = Vec::new();
        for (name, n) in [("山田", "7"), ("a\x1b[2J", "1000")] {
            table.row(&mut out, vec![name.into(), n.into(), "x".repeat(1000)]).expect("written");
        }
        table.write(&mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "NAME      N  LAST");
        assert!(lines[1].starts_with("山田      7  xxx"), "{}", lines[1]);
        assert!(lines[2].starts_with("a␛[2J  1000  xxx") && lines[2].ends_with('…'), "{}", lines[2]);
    }

    #[test]
    fn a_payload_is_written_as_it_is_stored_and_never_breaks_its_line() {
        let mut line = String::new();
        push_payload(&mut line, &Payload::json_text("{ \"a\":1.0,\n\"a\": 18446744073709551615}"));
        assert_eq!(line, "{ \"a\":1.0, \"a\": 18446744073709551615}");
        for (payload, written) in [
            (Payload::json_text("{\"a\":"), r#""{\"a\":""#),
            (Payload::decoded(vec![0x81, 1].into(), "MessagePack", "{\"a\":1}".into()), "{\"a\":1}"),
            (Payload::named(vec![131, 255].into(), "Erlang term"), "\"0x83ff\""),
        ] {
            line.clear();
            push_payload(&mut line, &payload);
            assert_eq!(line, written);
        }
    }
}
