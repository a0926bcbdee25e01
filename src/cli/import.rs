//! `stepback import`: the events of any source into an embedded store.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::append::quiet;
use super::interrupt;
use super::source_args::SourceArgs;
use crate::domain::Failure;
use crate::domain::text::safe;
use crate::session::embedded::{self, ImportProgress};

/// Take over every event of a source into an embedded store; started again, it goes on where it was
#[derive(clap::Args, Debug)]
pub struct ImportArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// The store: a directory, made when it is not there
    pub store: PathBuf,
}

/// How often progress is told on a terminal, and elsewhere.
const TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(5);

/// Imports, telling the progress on `err`.
///
/// # Errors
/// When the source cannot be read or the store cannot be written. What was taken over until then stays.
pub fn run(args: &ImportArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitCode, Failure> {
    // Before the source is read, which may take long.
    embedded::folder(&args.store, "open")?;
    let (source, mut missing) = args.source.open()?;
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { TERMINAL } else { ELSEWHERE };
    let mut last = Instant::now();
    let result = embedded::import(&*source, &args.store, &interrupt::token(), &mut |progress| {
        if last.elapsed() >= every {
            last = Instant::now();
            let line = line(&progress);
            // A line of a terminal is written over; a log gets lines.
            drop(if terminal {
                write!(err, "\r\x1b[K{line}").and_then(|()| err.flush())
            } else {
                writeln!(err, "{line}")
            });
        }
    });
    if terminal {
        drop(write!(err, "\r\x1b[K"));
    }
    let done = result?;
    for notice in done.notices.iter().chain(&done.refusals) {
        drop(writeln!(err, "stepback: {}", safe(notice)));
    }
    let mut text = format!("{} events imported", done.taken.appended);
    for (count, what) in [
        (done.earlier, "taken over by an earlier run"),
        (done.taken.repeated, "in the store already"),
        (done.taken.renumbered, "given a new version"),
        (done.refused, "not imported because they are no events"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    writeln!(out, "{text}").and_then(|()| out.flush()).or_else(quiet)?;
    // The refusals are told one by one above; records that are no events are among them.
    missing.refused(done.refused);
    Ok(missing.end(&*source))
}

fn line(progress: &ImportProgress) -> String {
    match progress {
        ImportProgress::Counting(progress) => format!("reading the source: {} events found", progress.events),
        ImportProgress::Taking { done, total, rate, remaining } => {
            let percent = if *total == 0 { 100 } else { done * 100 / total };
            let rest = remaining.map_or_else(String::new, |rest| format!(", {} left", duration(rest)));
            format!("{done} of {total} ({percent}%), {rate:.0} events/s{rest}")
        }
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_rate_and_remaining_time() {
        let progress =
            ImportProgress::Taking { done: 250, total: 1000, rate: 125.4, remaining: Some(Duration::from_secs(3725)) };
        assert_eq!(line(&progress), "250 of 1000 (25%), 125 events/s, 1 h 2 min left");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 1 s");
    }
}
