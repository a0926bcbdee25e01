//! `stepback inspect`: what a source is, and how that was found out.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::interrupt;
use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use crate::domain::{About, Asked, Caveat, EventQuery, Failure, Form, Payload, Progress, Scope, Timestamp, words};
use crate::session::Source;

/// Streams read at once.
const PAGE: usize = 4096;
/// Events whose payloads are looked at.
const LOOKED_AT: usize = 200;
/// Events the index is asked about at once.
const ASKED: usize = 1 << 17;
/// Cells a line takes.
const WIDE: usize = 2000;

/// Say what a source is: its layout and why, its mapping, what lies beside its events.
#[derive(Args, Debug)]
pub struct InspectArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Print the rows of this table, one JSON object a line
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// One JSON object
    #[arg(long, conflicts_with = "table")]
    json: bool,
}

pub(super) fn run(args: &InspectArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let opening = args.source.opening()?;
    let source = opening.source()?;
    output::complete(&*source)?;
    if let Some(table) = &args.table {
        return print_table(&*source, table, out);
    }
    let counted = Counted::of(&*source)?;
    let mut about = source.about();
    about.caveats.extend(opening.remarks(&*source)?.into_iter().map(Caveat::from));
    match args.json {
        true => writeln!(out, "{}", as_json(&about, &counted))?,
        false => print(&about, &counted, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(source: &dyn Source, table: &str, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let mut written = Ok(());
    let read = source.rows(table, &interrupt::token(), &mut |row| {
        written = out.write_all(row.as_bytes()).and_then(|()| out.write_all(b"\n"));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written?;
    read?;
    Ok(ExitCode::SUCCESS)
}

/// What there is how many of.
struct Counted {
    progress: Progress,
    /// Streams by what they are for.
    streams: BTreeMap<&'static str, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// How many events have no time, where an index tells.
    untimed: Option<u64>,
    /// How many of the first events were looked at for the next two.
    looked_at: u64,
    /// What their data is, by what it is called: JSON, an encoding, bytes.
    data: BTreeMap<String, u64>,
    /// What their metadata is.
    metadata: BTreeMap<String, u64>,
}

impl Counted {
    fn of(source: &dyn Source) -> Result<Self, Failure> {
        let (streams, data, metadata) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let progress = source.progress();
        let mut counted = Self {
            progress,
            streams,
            first: None,
            last: None,
            untimed: untimed(source)?,
            looked_at: 0,
            data,
            metadata,
        };
        let page = source.events(&EventQuery::first(Scope::All, LOOKED_AT), &interrupt::token())?;
        for event in page.events.iter().filter(|event| event.trouble.is_none()) {
            counted.looked_at += 1;
            for (payload, forms) in [(&event.data, &mut counted.data), (&event.metadata, &mut counted.metadata)] {
                if let Some(form) = form(payload) {
                    *forms.entry(form.into()).or_default() += 1;
                }
            }
        }
        let mut from = 0;
        loop {
            let page = source.streams(from, PAGE)?;
            for stream in &page.streams {
                *counted.streams.entry(stream.kind.name()).or_default() += 1;
                let times = [stream.first_time, stream.last_time];
                counted.first = times.into_iter().flatten().chain(counted.first).min();
                counted.last = times.into_iter().flatten().chain(counted.last).max();
            }
            from += page.streams.len();
            if page.streams.is_empty() || from >= page.total {
                return Ok(counted);
            }
        }
    }
}

/// How many events have no time, where an index tells.
fn untimed(source: &dyn Source) -> Result<Option<u64>, Failure> {
    // Every time lies after this one, for certain; only what has none does not.
    let asked = Asked { after: Some(Timestamp::MIN), ..Asked::default() };
    let (mut from, mut untimed) = (0, 0);
    while let Some(picked) = source.pick(&Scope::All, from, ASKED, &asked)? {
        untimed += picked.ordinals.iter().filter(|(_, certain)| !certain).count() as u64;
        if picked.looked <= from {
            return Ok(Some(untimed));
        }
        from = picked.looked;
    }
    Ok(None)
}

/// What a payload is called; nothing where there is none.
fn form(payload: &Payload) -> Option<&str> {
    match payload.form() {
        Form::Absent => None,
        Form::Json | Form::JsonText | Form::Encoded if payload.json().is_err() => Some("broken JSON"),
        Form::Json => Some("JSON"),
        Form::JsonText => Some("JSON in a string"),
        Form::Encoded => Some(payload.encoding().unwrap_or("JSON")),
        Form::Opaque => Some(payload.encoding().unwrap_or("bytes")),
    }
}

fn print(about: &About, counted: &Counted, out: &mut dyn Write) -> Result<(), Ended> {
    let line = |text: &str| output::line(text, WIDE);
    writeln!(out, "{}: {}", line(&about.name), line(&about.kind))?;
    if let Some(layout) = &about.layout {
        writeln!(out, "layout: {}", line(layout))?;
    }
    let Progress { events, troubles, streams, .. } = counted.progress;
    let (events, streams) = (words::counted(events, "event"), words::counted(streams, "stream"));
    writeln!(out, "{events} in {streams}, {} that could not be read", words::counted(troubles, "record"))?;
    if counted.streams.len() > 1 {
        let kinds: Vec<_> = counted.streams.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(out, "streams: {}", kinds.join(", "))?;
    }
    if let (Some(first), Some(last)) = (counted.first, counted.last) {
        let untimed = match counted.untimed.unwrap_or(0) {
            0 => String::new(),
            1 => ", 1 event has no time".into(),
            untimed => format!(", {untimed} events have no time"),
        };
        writeln!(out, "from {first} to {last}{untimed}")?;
    }
    for (part, forms) in [("data", &counted.data), ("metadata", &counted.metadata)] {
        if !forms.is_empty() {
            let forms: Vec<_> = forms.iter().map(|(form, count)| format!("{form} in {count}")).collect();
            writeln!(out, "{part}: {} of the first {}", forms.join(", "), counted.looked_at)?;
        }
    }
    list(out, "why", &about.reasons)?;
    let caveats: Vec<String> = about.caveats.iter().map(ToString::to_string).collect();
    list(out, "to know", &caveats)?;
    let normal: Vec<String> = about.normal.iter().map(|(finding, why)| format!("{finding}: {why}")).collect();
    list(out, "normal here", &normal)?;
    if !about.mapping.is_empty() {
        writeln!(out, "\nmapping")?;
        for (role, from) in &about.mapping {
            writeln!(out, "  {:<12}  {}", line(role), line(from))?;
        }
    }
    if !about.candidates.is_empty() {
        writeln!(out, "\nlayouts considered")?;
        for candidate in &about.candidates {
            let name = format!("{:<26}", output::line(&candidate.layout, 26));
            let taken = about.layout.as_ref() == Some(&candidate.layout);
            let reasons = if taken { "taken, see above".into() } else { candidate.reasons.join("; ") };
            writeln!(out, "  {name} {:>3} %  {}", candidate.score, line(&reasons))?;
        }
    }
    if !about.beside.is_empty() {
        writeln!(out, "\nbeside the events")?;
        let mut table = Table::new(&["  NAME", ">ROWS", "ROLE"]);
        for beside in &about.beside {
            let rows = beside.rows.map_or_else(|| "-".into(), |rows| rows.to_string());
            table.row(out, vec![format!("  {}", beside.name), rows, beside.role.clone()])?;
        }
        table.write(out)?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, title: &str, lines: &[String]) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    lines.iter().try_for_each(|line| writeln!(out, "  - {}", output::line(line, WIDE)))
}

fn as_json(about: &About, counted: &Counted) -> Value {
    let candidates = about
        .candidates
        .iter()
        .map(|candidate| json!({"layout": candidate.layout, "score": candidate.score, "reasons": candidate.reasons}));
    let beside =
        about.beside.iter().map(|beside| json!({"name": beside.name, "role": beside.role, "rows": beside.rows}));
    let left_out = about
        .left_out
        .iter()
        .map(|left_out| json!({"name": left_out.name, "rows": left_out.rows, "choose": left_out.choose}));
    let pairs = |pairs: &[(String, String)]| -> Value {
        let named = |(name, value): &(String, String)| json!({"name": name, "value": value});
        pairs.iter().map(named).collect()
    };
    json!({
        "name": about.name,
        "kind": about.kind,
        "layout": about.layout,
        "events": counted.progress.events,
        "troubles": counted.progress.troubles,
        "streams": counted.progress.streams,
        "streams_by_kind": counted.streams,
        "first_time": counted.first.map(|time| time.to_string()),
        "last_time": counted.last.map(|time| time.to_string()),
        "without_time": counted.untimed,
        "first_version": about.first_version,
        "counted_versions": about.counted_versions,
        "key": about.key.as_ref().map(|key| &key.parts),
        "left_out": left_out.collect::<Vec<_>>(),
        "payloads": {"looked_at": counted.looked_at, "data": counted.data, "metadata": counted.metadata},
        "reasons": about.reasons,
        "caveats": about.caveats.iter().map(|caveat| &**caveat).collect::<Vec<_>>(),
        "doubts": about.doubts,
        "normal": pairs(&about.normal),
        "mapping": pairs(&about.mapping),
        "candidates": candidates.collect::<Vec<_>>(),
        "beside": beside.collect::<Vec<_>>(),
    })
}
