//! `stepback cache`: the indexes kept between two runs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output::{self, Ended, Table};
use crate::config::Folders;
use crate::domain::{Failure, FailureKind, Timestamp, words};
use crate::session::caches::{Cache, Listed};
use crate::wire::push_text;

/// List the indexes of large files that are kept between two runs, those used last first.
#[derive(Args, Debug)]
pub struct CacheArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Remove all of them; what is opened again is indexed again
    Clear,
}

pub(super) fn run(args: &CacheArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let Some(directory) = Folders::of_user().cache else {
        let why = "there is no home directory, so that none are kept";
        return Err(Failure::new(FailureKind::NotFound, "stepback", "find the kept indexes", why).into());
    };
    let cache = Cache::new(&directory);
    let failed = |doing: &str, e| Failure::io(directory.display().to_string(), doing, &e);
    if let Some(What::Clear) = args.what {
        let (count, bytes) = cache.clear().map_err(|e| failed("remove the kept indexes", e))?;
        let indexes = if count == 1 { "index" } else { "indexes" };
        writeln!(out, "{count} {indexes} removed, {} freed", words::size(bytes))?;
        return Ok(ExitCode::SUCCESS);
    }
    let listed = cache.list().map_err(|e| failed("list the kept indexes", e))?;
    let mut table = Table::new(&["SOURCE", ">SOURCE SIZE", ">INDEX SIZE", "LAST USED", "INDEX"]);
    for entry in &listed {
        if args.json {
            write_json(out, entry)?;
        } else {
            table.row(out, cells(entry))?;
        }
    }
    if listed.is_empty() {
        return Err(Ended::Nothing(format!("no indexes are kept in {}", directory.display())));
    }
    table.write(out)?;
    Ok(ExitCode::SUCCESS)
}

fn used(entry: &Listed) -> Option<Timestamp> {
    Timestamp::try_from(entry.used).ok()
}

/// The source; an entry that another version wrote does not say it.
fn source(entry: &Listed) -> Option<&PathBuf> {
    Some(&entry.path).filter(|path| !path.as_os_str().is_empty())
}

fn cells(entry: &Listed) -> Vec<String> {
    let name = entry.file.file_name().unwrap_or_default();
    vec![
        source(entry).map_or_else(|| "-".into(), |path| path.display().to_string()),
        source(entry).map_or_else(|| "-".into(), |_| words::size(entry.length)),
        words::size(entry.size),
        output::time_cell(used(entry)),
        name.to_string_lossy().into_owned(),
    ]
}

fn write_json(out: &mut dyn Write, entry: &Listed) -> std::io::Result<()> {
    let mut line = String::from("{\"source\":");
    match source(entry) {
        Some(path) => push_text(&mut line, &path.display().to_string()),
        None => line.push_str("null"),
    }
    line.push_str(&format!(",\"source_bytes\":{},\"index_bytes\":{},\"used\":", entry.length, entry.size));
    push_text(&mut line, &used(entry).map(|time| time.to_string()).unwrap_or_default());
    line.push_str(",\"index\":");
    push_text(&mut line, &entry.file.display().to_string());
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}
