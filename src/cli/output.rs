//! Writing answers: aligned tables for people, one JSON object a line for programs, quiet when nobody reads on.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use super::interrupt;
use crate::domain::{Failure, FailureKind, Progress, StreamKey, StreamSummary, Timestamp, address, names, text};
use crate::session::Source;
use crate::wire::{push_optional, push_parts, push_text};

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

/// Exit code of a text that was printed and is the whole answer. Whoever closed our output has read enough.
pub fn printed(written: io::Result<()>, code: ExitCode) -> ExitCode {
    match written.map_err(Ended::from) {
        Err(Ended::Failed(failure)) => {
            say_failure(&failure);
            exit_code(failure.kind)
        }
        _ => code,
    }
}

/// Cells of a line of a message; what it quotes may be of any length.
const LONGEST: usize = 2000;

/// Says something to the person, on standard error. Nothing in it can command the terminal.
pub fn say(message: &str) {
    // Nobody may be listening.
    let mut err = io::stderr().lock();
    for (n, line) in address::masked(message).lines().enumerate() {
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

/// Reads a source to its end and looks at every record, so that all counts are exact, showing the progress where a person watches.
///
/// # Errors
/// When it cannot be read to its end.
pub fn complete(source: &dyn Source) -> Result<(), Failure> {
    watched(|told| source.check(&interrupt::token(), told))
}

/// Reads a source to its end: every stream and event is known then, but a record that is broken behind its front may still
/// count as an event. For an answer about one stream, whose events are read one by one anyway.
///
/// # Errors
/// When it cannot be read to its end.
pub fn index(source: &dyn Source) -> Result<(), Failure> {
    watched(|told| source.complete(&interrupt::token(), told))
}

/// Does some work, with its progress shown where a person watches.
fn watched(work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<(), Failure>) -> Result<(), Failure> {
    let is_watched = io::stderr().is_terminal();
    let mut shown = false;
    let result = work(&mut |progress| {
        if is_watched && !progress.complete {
            shown = true;
            let _ = write!(io::stderr(), "\r\x1b[2K{}", progress_line(&progress));
        }
    });
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
    result
}

fn progress_line(progress: &Progress) -> String {
    match (progress.done * 100).checked_div(progress.total) {
        Some(percent) => format!("reading: {percent} %, {} events", progress.events),
        None => format!("reading: {} events", progress.events),
    }
}

/// Writes one stream as the JSON object of `streams --json`; with its parts where its name is made of several.
///
/// # Errors
/// When writing fails.
pub fn write_stream(out: &mut dyn Write, stream: &StreamSummary, key: Option<&StreamKey>) -> io::Result<()> {
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
    if let Some(parts) = key.and_then(|key| key.parts_of(stream.stream.as_str())) {
        push_parts(&mut line, &parts);
    }
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}

/// An instant for a table: UTC, to the millisecond where it has more.
pub fn time_cell(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".into(), |time| format!("{time:.3}"))
}

/// Who reads an answer: a person at a terminal, which is of some width, or whatever is behind a pipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// A person: what is long is cut with a sign.
    Person,
    /// A program, a file: nothing is cut.
    Pipe,
}

impl Reader {
    /// Who reads the standard output.
    pub fn of_output() -> Self {
        if io::stdout().is_terminal() { Self::Person } else { Self::Pipe }
    }
}

/// A line of an answer, safe; for a person at most so many cells.
pub fn line(text: &str, cells: usize) -> String {
    match Reader::of_output() {
        Reader::Person => text::fit(text, cells),
        Reader::Pipe => text::safe(text).into_owned(),
    }
}

/// A table for people: a header, rows of safe text, columns as wide as they need to be.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// Bytes of the rows.
    gathered: usize,
    reader: Reader,
}

/// Rows, and bytes, that are measured together; a longer table is written in parts.
const ROWS: usize = 4096;
const GATHERED: usize = 1 << 22;

/// The most a column takes at a terminal: what is longer is cut with a sign. Into a pipe it is what a column is filled up
/// to, and a longer cell makes its own line longer.
const WIDEST: usize = 64;

impl Table {
    /// A table with these columns; a name that begins with `>` is a number, set to the right.
    pub fn new(columns: &[&'static str]) -> Self {
        Self::read_by(Reader::of_output(), columns)
    }

    fn read_by(reader: Reader, columns: &[&'static str]) -> Self {
        Self {
            header: columns.iter().map(|name| name.trim_start_matches('>')).collect(),
            right: columns.iter().map(|name| name.starts_with('>')).collect(),
            rows: Vec::new(),
            gathered: 0,
            reader,
        }
    }

    /// Adds a row; writes what has gathered when it is much.
    ///
    /// # Errors
    /// When writing fails.
    pub fn row(&mut self, out: &mut dyn Write, cells: Vec<String>) -> io::Result<()> {
        self.gathered += cells.iter().map(String::len).sum::<usize>();
        self.rows.push(cells);
        if self.rows.len() >= ROWS || self.gathered >= GATHERED {
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
        self.gathered = 0;
        let rows = std::mem::take(&mut self.rows);
        let columns: Vec<Vec<String>> = (0..self.header.len()).map(|n| self.shown(n, &rows)).collect();
        let widths = self.header.iter().zip(&columns).map(|(name, cells)| {
            let widest = cells.iter().map(|cell| text::width(cell)).max().unwrap_or(0);
            name.len().max(widest.min(WIDEST))
        });
        let widths: Vec<usize> = widths.collect();
        let header: Vec<&str> = self.header.clone();
        let header = std::iter::once(header).filter(|header| !header[0].is_empty());
        let rows = (0..rows.len()).map(|row| columns.iter().map(|cells| cells[row].as_str()).collect());
        for row in header.chain(rows) {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let blanks = " ".repeat(width.saturating_sub(text::width(cell)));
                match right {
                    true => line.extend([blanks.as_str(), cell, "  "]),
                    false => line.extend([cell, blanks.as_str(), "  "]),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        // A second part needs no second header.
        self.header.iter_mut().for_each(|name| *name = "");
        Ok(())
    }

    /// The cells of a column as they are shown. Those of the last one end where the line does.
    fn shown(&self, column: usize, rows: &[Vec<String>]) -> Vec<String> {
        let cells = rows.iter().map(|row| row.get(column).map_or("", String::as_str));
        let last = column + 1 == self.header.len() && !self.right[column];
        match self.reader {
            Reader::Pipe => cells.map(|cell| text::safe(cell).into_owned()).collect(),
            Reader::Person if last => cells.map(|cell| text::fit(cell, 4 * WIDEST)).collect(),
            Reader::Person => names::all(&cells.collect::<Vec<_>>(), WIDEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_safe_and_cut_with_a_sign() {
        let mut table = Table::read_by(Reader::Person, &["NAME", ">N", "LAST"]);
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
    fn long_names_stay_apart_for_a_person_and_whole_in_a_pipe() {
        let long = |last: &str| format!("{}.{last}, {}", "Acme.Commerce".repeat(5), "Acme.Commerce".repeat(5));
        let written = |reader: Reader| {
            let mut table = Table::read_by(reader, &["TYPE", ">N"]);
            let mut out = Vec::new();
            for last in ["OrderPlaced", "OrderShipped"] {
                table.row(&mut out, vec![long(last), "7".into()]).expect("written");
            }
            table.write(&mut out).expect("written");
            String::from_utf8(out).expect("text")
        };
        let person = written(Reader::Person);
        assert!(person.contains("OrderPlaced… ") && person.contains("OrderShipped… "), "{person}");
        assert!(person.lines().all(|line| text::width(line) <= WIDEST + 3), "{person}");
        let pipe = written(Reader::Pipe);
        assert!(pipe.contains(&format!("{}  7\n", long("OrderPlaced"))), "{pipe}");
        assert!(pipe.contains(&format!("{}  7\n", long("OrderShipped"))), "{pipe}");
    }
}
