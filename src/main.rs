//! The program: hands its arguments to the commands or to the interface.

use std::process::ExitCode;

use clap::Parser;
use stepback::cli::{self, Arguments};
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
    let arguments = Arguments::parse();
    let folders = Folders::of_user();
    match &arguments.command {
        Some(command) => {
            runtime::end_on_panic();
            cli::run(command, folders.configuration)
        }
        None => runtime::launch(arguments.interface, &folders, config::read(folders.configuration.as_deref())),
    }
}
