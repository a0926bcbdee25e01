//! `stepback diff`: what differs between two places of a stream.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folding::{self, FoldArgs};
use super::output::{self, Ended};
use super::source_args::SourceArgs;
use super::{state, tree};
use crate::domain::{Place, text};
use crate::replay::Patch;
use crate::session::Reached;

/// Compare the state of a stream at two places.
#[derive(Args, Debug)]
pub struct DiffArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The stream
    stream: String,
    /// A version (12), the N-th event (#12), a time, or first, last, start
    #[arg(allow_hyphen_values = true)]
    from: Place,
    /// The same
    #[arg(allow_hyphen_values = true)]
    to: Place,
    #[command(flatten)]
    fold: FoldArgs,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let (source, mut walker, mut missing) = state::open(&args.source, &args.fold, configuration)?;
    let before = state::walk(&*source, &mut walker, &args.stream, &args.from)?;
    let after = state::walk(&*source, &mut walker, &args.stream, &args.to)?;
    let patch = Patch::between(&before.moment.state, &after.moment.state);
    if args.json {
        writeln!(out, "{}", json(&before, &after, &patch))?;
    } else {
        table(out, &before, &after, &patch)?;
    }
    out.flush()?;
    args.fold.note(&mut missing, &before, &place(&before));
    if after.moment.at != before.moment.at {
        args.fold.note(&mut missing, &after, &place(&after));
    }
    Ok(missing.end(&*source))
}

/// The later of two places: what failed before it failed before the other, or behind it.
fn farther<'a>(before: &'a Reached, after: &'a Reached) -> &'a Reached {
    if before.moment.at > after.moment.at { before } else { after }
}

fn version(reached: &Reached) -> Option<u64> {
    reached.moment.event.as_ref().map(|event| event.version.0)
}

/// A place in words.
fn place(reached: &Reached) -> String {
    version(reached).map_or_else(|| "start".to_owned(), |version| format!("version {version}"))
}

fn json(before: &Reached, after: &Reached, patch: &Patch) -> String {
    let number = |version: Option<u64>| version.map_or_else(|| "null".to_owned(), |version| version.to_string());
    let mut line = String::from("{\"stream\":");
    output::push_text(&mut line, before.moment.stream.as_str());
    line.push_str(&format!(",\"from\":{},\"to\":{},", number(version(before)), number(version(after))));
    folding::push_folded(&mut line, farther(before, after));
    line.push_str(",\"changes\":[");
    for (n, change) in patch.0.iter().enumerate() {
        line.push_str(if n == 0 { "{\"path\":" } else { ",{\"path\":" });
        output::push_text(&mut line, &change.path.to_string());
        for (name, side) in [("before", &change.before), ("after", &change.after)] {
            if let Some(value) = side {
                line.push_str(&format!(",\"{name}\":{value}"));
            }
        }
        line.push('}');
    }
    line.push_str("]}");
    line
}

fn table(out: &mut dyn Write, before: &Reached, after: &Reached, patch: &Patch) -> std::io::Result<()> {
    let heading = format!(
        "{} from {} to {}   {}",
        before.moment.stream,
        place(before),
        place(after),
        folding::heading(&farther(before, after).moment)
    );
    writeln!(out, "{}", text::safe(&heading))?;
    if patch.0.is_empty() {
        return writeln!(out, "nothing differs");
    }
    for change in &patch.0 {
        let path = change.path.to_string();
        let path = if path.is_empty() { "(the whole state)".to_owned() } else { text::safe(&path).into_owned() };
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => writeln!(out, "~ {path}  {} -> {}", tree::leaf(before), tree::leaf(after))?,
            (None, Some(after)) => writeln!(out, "+ {path}  {}", tree::leaf(after))?,
            (Some(before), None) => writeln!(out, "- {path}  {}", tree::leaf(before))?,
            (None, None) => {}
        }
    }
    Ok(())
}
