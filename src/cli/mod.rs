//! The commands: arguments in, text out, an exit code.

pub mod append;
pub mod import;
pub mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::domain::{Failure, FailureKind};

#[derive(Parser)]
#[command(name = "stepback", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Append(append::AppendArgs),
    Import(import::ImportArgs),
    Verify(verify::VerifyArgs),
}

/// Runs the command the arguments say.
pub fn run(out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Append(args) => append::run(&args, out, err),
        Command::Import(args) => import::run(&args, out, err),
        Command::Verify(args) => verify::run(&args, out, err),
    };
    result.unwrap_or_else(|failure: Failure| {
        drop(writeln!(err, "stepback: {failure}"));
        ExitCode::from(match failure.kind {
            FailureKind::Malformed => 65,
            FailureKind::NotFound => 1,
            FailureKind::Io => 74,
            _ => 69,
        })
    })
}
