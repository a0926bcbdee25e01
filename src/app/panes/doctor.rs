//! What the doctor found, as rows.

use super::listing::{Goal, Row, Target, Tone, wrapped};
use crate::domain::report::{Example, Report, Severity};
use crate::domain::words::instant;

/// All of it in a few words.
pub fn verdict(report: &Report) -> String {
    if report.findings.is_empty() { "nothing is out of order".to_owned() } else { report.counts() }
}

/// The event an example is about; of the whole store a place is that of the store's walk.
fn goal(example: &Example) -> Goal {
    Goal { stream: example.stream.clone(), version: example.version, place: example.place }
}

/// The rows for a width.
pub fn rows(report: &Report, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    if report.findings.is_empty() {
        rows.push(Row::of("Nothing is out of order.", Tone::Title));
        rows.push(Row::default());
    }
    for finding in &report.findings {
        let (word, tone) = match finding.severity {
            Severity::Error => ("! error  ", Tone::Error),
            Severity::Warning => ("~ warning", Tone::Warning),
            Severity::Note => ("  note   ", Tone::Info),
        };
        let target = finding.example.as_ref().map(|example| Target::Event(goal(example)));
        let heading = vec![(format!("{word}  "), tone), (finding.kind.name().to_owned(), Tone::Title)];
        rows.push(Row { pieces: heading, stop: true, target });
        rows.extend(wrapped(&finding.text, "    ", width, Tone::Plain));
        if let Some(reason) = &finding.normal {
            rows.extend(wrapped(&format!("normal here: {reason}"), "    ", width, Tone::Info));
        }
        if let Some(example) = &finding.example {
            rows.extend(wrapped(&example.line(instant), "    ", width, Tone::Muted));
        }
        rows.push(Row::default());
    }
    for (title, skipped) in [("What was looked at", false), ("What was not, or not wholly", true)] {
        let checks = || report.checks.iter().filter(|check| check.skipped.is_some() == skipped);
        if checks().next().is_none() {
            continue;
        }
        rows.push(Row::of(title, Tone::Title).stop(None));
        for check in checks() {
            let why = check.skipped.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let text = format!("{}: {}{why}", check.what, check.extent);
            rows.extend(wrapped(&text, "    ", width, Tone::Muted));
        }
        rows.push(Row::default());
    }
    rows
}
