//! The program: hands its arguments to the commands or to the interface.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use stepback::cli::{self, Arguments, Command};
use stepback::config::{self, Folders};
use stepback::{reducers, runtime};

fn main() -> ExitCode {
    // Our own binary, started again, hosts scripts: nothing of the program may run before it has given up its rights.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == reducers::javascript::HOST_ARGUMENT) {
        return reducers::host_main();
    }
    #[cfg(debug_assertions)]
    if let Some(probe) = runtime::probe_from_environment() {
        return probe;
    }
    // Events are somebody's business: what is made of them here (stores, indexes, copies) is its owner's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(why) = typed.get(1).and_then(|word| cli::unknown(&word.to_string_lossy())) {
        cli::say(&why);
        return ExitCode::from(cli::USAGE);
    }
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(error) => return cli::refused(&error, &typed),
    };
    let folders = Folders::of_user();
    match &arguments.command {
        Some(Command::Doctor(doctor)) if let Some(printed) = doctor.about_itself() => {
            let settings = config::read(folders.configuration.as_deref());
            runtime::say_surroundings(&folders, &settings, printed)
        }
        Some(command) => {
            runtime::end_on_panic();
            cli::run(command, folders.configuration)
        }
        None => runtime::launch(arguments.interface, &folders, config::read(folders.configuration.as_deref())),
    }
}
