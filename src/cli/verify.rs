//! `stepback verify`: looks at every byte of an embedded store.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::append::quiet;
use super::interrupt;
use super::source_args::address;
use crate::config::Folders;
use crate::domain::Failure;
use crate::session::embedded;

/// Look at every byte of an embedded store and say what is damaged (exit code 1 when anything is)
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// The store: a directory
    pub store: PathBuf,
}

/// Verifies, and prints the report.
///
/// # Errors
/// When there is no store or reading it fails.
pub fn run(args: &VerifyArgs, out: &mut dyn Write, _err: &mut dyn Write) -> Result<ExitCode, Failure> {
    let store = PathBuf::from(address(args.store.as_os_str(), &Folders::of_user())?);
    let report = embedded::verify(&store, &interrupt::token(), &mut |_| {})?;
    write!(out, "{report}").and_then(|()| out.flush()).or_else(quiet)?;
    Ok(if report.is_damaged() { ExitCode::from(super::NOTHING) } else { ExitCode::SUCCESS })
}
