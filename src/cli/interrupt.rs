//! Ctrl-C in a command: what is known by then is printed, and the command ends with 130.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::domain::Cancel;

/// How long a command may take to end in order.
const BUDGET: Duration = Duration::from_secs(2);

/// The exit code of a command that was stopped.
pub const STOPPED: u8 = 130;

/// The token of this run: every long work of a command looks at it.
pub fn token() -> Cancel {
    static TOKEN: OnceLock<Cancel> = OnceLock::new();
    TOKEN.get_or_init(Cancel::default).clone()
}

/// Whether the person asked the command to stop.
pub fn is_stopped() -> bool {
    token().is_cancelled()
}

/// Listens for Ctrl-C from now on. Without the means to listen, the signal ends the program at once, as before.
pub fn listen() {
    let Ok(mut signals) = Signals::new([SIGINT]) else { return };
    let listening = move || {
        for _ in signals.forever() {
            if is_stopped() {
                // Asked twice: at once.
                std::process::exit(STOPPED.into());
            }
            token().cancel();
            // It may wait for a pipe that nobody writes to or reads from.
            let late = || {
                thread::sleep(BUDGET);
                std::process::exit(STOPPED.into())
            };
            drop(thread::Builder::new().name("stepback deadline".into()).spawn(late));
        }
    };
    drop(thread::Builder::new().name("stepback signals".into()).spawn(listening));
}
