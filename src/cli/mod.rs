//! The commands: the same engine as the interface, as text for people and JSON lines for programs.
//!
//! Standard output carries data, standard error carries messages. Exit codes: 0 the whole answer; 1 nothing found, or something
//! wrong; 2 usage; 65 answered, but not whole, or nothing readable; 69 source unavailable; 70 a bug of ours; 74 reading or writing
//! failed, or a file changed while it was read; 130 stopped.

mod append;
mod args;
mod bisect;
mod blame;
mod cache;
mod check;
mod command;
mod diff;
mod doctor;
mod events;
mod export;
mod filter_args;
mod folding;
mod harmless;
mod import;
mod inspect;
mod interrupt;
mod layouts;
mod lines;
mod meter;
mod missing;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod partition;
mod place;
mod search;
mod source_args;
mod state;
mod streams;
mod tree;
mod types;
mod unknown;
mod verify;

use std::io::Write;
use std::process::ExitCode;

pub use args::{Arguments, Command, Interface};
pub use doctor::Printed;
pub use harmless::stdout;
pub use output::{exit_code, printed, say, say_failure};
pub use place::no_stream;
pub use source_args::SourceArgs;
pub use unknown::{refused, unknown};

use crate::domain::{Failure, FailureKind};
use missing::Missing;
use output::Ended;

/// Nothing was found.
pub const NOTHING: u8 = 1;
/// The arguments make no sense.
pub const USAGE: u8 = 2;

/// Runs a command to its end, with its messages on standard error.
pub fn run(command: &Command, configuration: Option<std::path::PathBuf>) -> ExitCode {
    interrupt::listen();
    let mut out = std::io::BufWriter::with_capacity(64 * 1024, harmless::stdout());
    let mut err = std::io::stderr();
    let result = match command {
        Command::Streams(args) => streams::run(args, &mut out),
        Command::Events(args) => events::run(args, configuration, &mut out),
        Command::State(args) => state::run(args, configuration, &mut out),
        Command::Diff(args) => diff::run(args, configuration, &mut out),
        Command::Blame(args) => blame::run(args, configuration, &mut out),
        Command::Bisect(args) => bisect::run(args, configuration, &mut out),
        Command::Check(args) => check::run(args, configuration, &mut out),
        Command::Search(args) => search::run(args, &mut out),
        Command::Doctor(args) => doctor::run(args, configuration, &mut out),
        Command::Export(args) => export::run(args, &mut out),
        Command::Inspect(args) => inspect::run(args, &mut out),
        Command::Layouts(args) => layouts::run(args, &mut out),
        Command::Types(args) => types::run(args, &mut out),
        Command::Append(args) => append::run(args, &mut out, &mut err).map_err(Ended::from),
        Command::Import(args) => import::run(args, &mut out, &mut err).map_err(Ended::from),
        Command::Cache(args) => cache::run(args, &mut out),
        Command::Verify(args) => verify::run(args, &mut out, &mut err).map_err(Ended::from),
    };
    let result = ended(result);
    source_args::leave();
    let result = result.and_then(|code| out.flush().map(|()| code).map_err(Ended::from));
    match result {
        Ok(code) => code,
        Err(Ended::Quietly) => ExitCode::SUCCESS,
        Err(Ended::Nothing(why)) => {
            output::say(&why);
            ExitCode::from(NOTHING)
        }
        Err(Ended::Failed(failure)) => {
            output::say_failure(&failure);
            exit_code(failure.kind)
        }
    }
}

/// How a command ends that found nothing or failed, where it read a source: what that lacks may hold what was not found, and
/// what failed may have failed because somebody wrote to it meanwhile.
fn ended(result: Result<ExitCode, Ended>) -> Result<ExitCode, Ended> {
    let Some((source, steady)) = source_args::opened() else { return result };
    match (result, source) {
        (Err(Ended::Nothing(why)), Some(source)) => Ok(Missing::over(steady).nothing(&*source, &why)),
        (Err(Ended::Failed(failure)), _) if !matches!(failure.kind, FailureKind::Usage | FailureKind::Cancelled) => {
            let Some(what) = steady.changed() else { return Err(failure.into()) };
            output::say_failure(&failure);
            output::say(&what);
            Ok(ExitCode::from(missing::CHANGED))
        }
        (result, _) => result,
    }
}

/// A failure the user's own words caused.
pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, "stepback", "do that", what).hint(hint)
}
