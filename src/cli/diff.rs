//! `stepback diff`: what differs between two places of a stream.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folding::{self, FoldArgs};
use super::output::Ended;
use super::source_args::SourceArgs;
use super::{state, tree};
use crate::domain::{Patch, Place, text};
use crate::session::{Reached, Source, Walker};
use crate::wire::{push_changes, push_text};

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
    let sides = [&before, &after].map(|side| (side, folding::named(&*source, &side.moment.stream, side.moment.at)));
    if args.json {
        writeln!(out, "{}", json(&*source, &sides, &walker, &patch))?;
    } else {
        table(out, &sides, &patch)?;
    }
    out.flush()?;
    state::say_what_names_no_reducer(&walker, &after);
    args.fold.note(&mut missing, &*source, &before, &words(&sides[0].1));
    if after.moment.at != before.moment.at {
        args.fold.note(&mut missing, &*source, &after, &words(&sides[1].1));
    }
    Ok(missing.end(&*source))
}

/// One of the two places, and how it is written.
type Side<'a> = (&'a Reached, Place);

/// The later of two places: what failed before it failed before the other, or behind it.
fn farther<'a>([before, after]: &[Side<'a>; 2]) -> &'a Reached {
    if before.0.moment.at > after.0.moment.at { before.0 } else { after.0 }
}

/// A place in words.
fn words(place: &Place) -> String {
    match place {
        Place::Number(version) => format!("version {version}"),
        place => place.to_string(),
    }
}

/// A place in JSON: the version, `"#3"` where that stands twice, `null` before the first event.
fn number(place: &Place) -> String {
    match place {
        Place::Number(version) => version.to_string(),
        Place::Start => "null".to_owned(),
        place => format!("\"{place}\""),
    }
}

fn json(source: &dyn Source, sides: &[Side<'_>; 2], walker: &Walker, patch: &Patch) -> String {
    let [(before, from), (_, to)] = sides;
    let mut line = String::from("{\"stream\":");
    push_text(&mut line, before.moment.stream.as_str());
    line.push_str(&format!(",\"from\":{},\"to\":{},", number(from), number(to)));
    folding::push_folded(&mut line, source, walker, farther(sides));
    line.push_str(",\"changes\":");
    push_changes(&mut line, patch, ",");
    line.push('}');
    line
}

fn table(out: &mut dyn Write, sides: &[Side<'_>; 2], patch: &Patch) -> std::io::Result<()> {
    let [(before, from), (_, to)] = sides;
    let heading = format!(
        "{} from {} to {}   {}",
        before.moment.stream,
        words(from),
        words(to),
        folding::heading(&farther(sides).moment)
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
