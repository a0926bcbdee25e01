//! Looks at the whole store for the screen: runs the doctor or gathers the types, and puts what they say into its words.

use std::sync::Arc;

use crate::app::Severity;
use crate::app::panes::doctor::{Diagnosis, Finding};
use crate::app::panes::survey::{Answer, Goal, Survey};
use crate::app::panes::types::{FieldEntry, TurnEntry, TypeEntry, TypeTable};
use crate::domain::words::{self, counted, instant};
use crate::domain::{Cancel, Failure};
use crate::replay::Patience;
use crate::session::doctor::{self, Example, Questions, Report};
use crate::session::shapes::{self, Part, Proof, Shapes, TypeShape};
use crate::session::{ReducerBook, Walker};
use crate::sources::Source;

/// Reads the reducers as they are now, for a walker of the doctor's own.
pub type Reducers = Arc<dyn Fn() -> Result<ReducerBook, Failure> + Send + Sync>;

/// Looks at all of a source, telling what is being done and how much of how much is.
///
/// # Errors
/// When the source or a project file of reducers cannot be read, or nobody wants it any more.
pub fn survey(
    survey: Survey,
    source: &Arc<dyn Source>,
    reducers: &Reducers,
    cancel: &Cancel,
    told: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Answer, Failure> {
    Ok(match survey {
        Survey::Doctor => {
            let walker = Walker::new(Arc::clone(source), reducers()?);
            let mut walker = walker.for_one_answer().with_patience(Patience::default());
            let report = doctor::examine(&**source, Some(&mut walker), &Questions::default(), cancel, told)?;
            Answer::Doctor(Arc::new(diagnosis(report)))
        }
        Survey::Types => {
            let shapes = shapes::gather(&**source, Part::Data, None, cancel, told)?;
            Answer::Types(Arc::new(table(shapes)))
        }
    })
}

fn diagnosis(report: Report) -> Diagnosis {
    let severity = |severity| match severity {
        doctor::Severity::Error => Severity::Error,
        doctor::Severity::Warning => Severity::Warning,
        doctor::Severity::Note => Severity::Info,
    };
    let counts =
        [(doctor::Severity::Error, "error"), (doctor::Severity::Warning, "warning"), (doctor::Severity::Note, "note")];
    let verdict = match report.findings.is_empty() {
        true => "nothing is out of order".to_owned(),
        false => counts.map(|(severity, word)| counted(report.of(severity) as u64, word)).join(", "),
    };
    let findings = report.findings.into_iter().map(|finding| Finding {
        severity: severity(finding.severity),
        name: finding.kind.name().to_owned(),
        text: finding.text,
        normal: finding.normal,
        example: finding.example.map(|example| (example_words(&example), goal(&example))),
    });
    let findings = findings.collect();
    let checks = report.checks.into_iter().map(|check| (format!("{}: {}", check.what, check.extent), check.skipped));
    Diagnosis { findings, checks: checks.collect(), verdict }
}

fn example_words(example: &Example) -> String {
    let mut parts = Vec::new();
    match (&example.stream, example.version) {
        (Some(stream), Some(version)) => parts.push(format!("{stream} version {version}")),
        (Some(stream), None) => parts.push(stream.to_string()),
        (None, _) => {}
    }
    parts.extend(example.position.as_ref().map(|position| format!("position {position}")));
    parts.extend(example.time.map(instant));
    match (parts.is_empty(), example.text.is_empty()) {
        (true, _) => example.text.clone(),
        (_, true) => parts.join(", "),
        _ => format!("{}: {}", parts.join(", "), example.text),
    }
}

/// Of the whole store a place is that of the store's walk.
fn goal(example: &Example) -> Goal {
    Goal { stream: example.stream.clone(), version: example.version, place: example.place }
}

fn table(shapes: Shapes) -> TypeTable {
    let left_out = (shapes.left_out > 0)
        .then(|| format!("{} of types beyond those told apart", counted(shapes.left_out, "event")));
    let mut remarks = shapes.sealed();
    remarks.extend(left_out);
    TypeTable {
        remarks,
        span: shapes.span.map(|(first, last)| (instant(first), instant(last))),
        types: shapes.types.into_iter().map(entry).collect(),
    }
}

fn entry(shape: TypeShape) -> TypeEntry {
    let places = [("first", &shape.first), ("last", &shape.last), ("largest", &shape.largest_at)];
    let places = places
        .into_iter()
        .filter_map(|(name, proof)| proof.as_ref().map(|proof| (name, proof_words(proof), to(proof))));
    let places = places.collect();
    let mut remarks = Vec::new();
    if shape.absent > 0 {
        remarks.push(format!("{} without a payload", counted(shape.absent, "event")));
    }
    if shape.unparsable > 0 {
        remarks.push(format!("{} not the JSON it should be", counted(shape.unparsable, "payload")));
    }
    remarks.extend(shape.opaque.iter().map(|(encoding, count)| {
        let encoding = if encoding.is_empty() { "no known encoding" } else { encoding };
        format!("{} of {encoding}, not looked into", counted(*count, "payload"))
    }));
    remarks.extend(shape.cut);
    let kinds = |kinds: &[(shapes::JsonKind, u64)]| {
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        kinds.join(", ")
    };
    TypeEntry {
        count: shape.count,
        rate: shape.rate,
        sizes: [words::size(shape.bytes), words::size(shape.bytes / shape.count.max(1)), words::size(shape.largest)],
        places,
        remarks,
        fields: shape
            .fields
            .iter()
            .map(|field| FieldEntry {
                depth: field.depth,
                name: field.name.clone(),
                kinds: kinds(&field.kinds),
                percent: field.percent(),
                examples: field.examples.join(", "),
            })
            .collect(),
        history: shape
            .beside
            .iter()
            .map(|beside| TurnEntry {
                text: format!("side by side in {}: {}", beside.path, beside.sentence()),
                proof: beside.first.as_ref().map_or_else(String::new, proof_words),
                goal: beside.first.as_ref().map(to),
            })
            .chain(shape.history.iter().map(|turn| TurnEntry {
                text: format!("{} {}", turn.path, turn.sentence()),
                proof: turn.proof.as_ref().map_or_else(String::new, proof_words),
                goal: turn.proof.as_ref().map(to),
            }))
            .collect(),
        name: shape.name,
    }
}

fn proof_words(proof: &Proof) -> String {
    let time = proof.time.map_or_else(String::new, |time| format!(", {}", instant(time)));
    format!("{} version {}, position {}{time}", proof.stream, proof.version, proof.position)
}

fn to(proof: &Proof) -> Goal {
    Goal { stream: Some(proof.stream.clone()), version: Some(proof.version), place: Some(proof.place) }
}
