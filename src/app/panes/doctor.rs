//! What the doctor found, as rows.

use super::survey::{Goal, Row, Target, Tone, wrapped};
use crate::app::Severity;

/// A finding.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name: `version-gaps`.
    pub name: String,
    /// What was found, and how often.
    pub text: String,
    /// Why it is normal here, where it is.
    pub normal: Option<String>,
    /// Where it is seen first, in words, and how to go there.
    pub example: Option<(String, Goal)>,
}

/// What the doctor says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Diagnosis {
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What was looked at, and why something was not.
    pub checks: Vec<(String, Option<String>)>,
    /// All of it in a few words.
    pub verdict: String,
}

impl Diagnosis {
    /// The rows for a width.
    pub fn rows(&self, width: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.findings.is_empty() {
            rows.push(Row::of("Nothing is out of order.", Tone::Title));
            rows.push(Row::default());
        }
        for finding in &self.findings {
            let (word, tone) = match finding.severity {
                Severity::Error => ("! error  ", Tone::Error),
                Severity::Warning => ("~ warning", Tone::Warning),
                Severity::Info => ("  note   ", Tone::Info),
            };
            let target = finding.example.as_ref().map(|(_, goal)| Target::Event(goal.clone()));
            let heading = vec![(format!("{word}  "), tone), (finding.name.clone(), Tone::Title)];
            rows.push(Row { pieces: heading, stop: true, target });
            rows.extend(wrapped(&finding.text, "    ", width, Tone::Plain));
            if let Some(reason) = &finding.normal {
                rows.extend(wrapped(&format!("normal here: {reason}"), "    ", width, Tone::Info));
            }
            if let Some((text, _)) = &finding.example {
                rows.extend(wrapped(text, "    ", width, Tone::Muted));
            }
            rows.push(Row::default());
        }
        for (title, skipped) in [("What was looked at", false), ("What was not, or not wholly", true)] {
            let checks = || self.checks.iter().filter(|(_, why)| why.is_some() == skipped);
            if checks().next().is_none() {
                continue;
            }
            rows.push(Row::of(title, Tone::Title).stop(None));
            for (text, why) in checks() {
                let text = why.as_ref().map_or_else(|| text.clone(), |why| format!("{text}: {why}"));
                rows.extend(wrapped(&text, "    ", width, Tone::Muted));
            }
            rows.push(Row::default());
        }
        rows
    }
}
