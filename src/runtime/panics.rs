//! What a panic does: the terminal is given back, one line is printed, and the program ends with code 70.
//!
//! It is not error handling: a panic is a bug. The invariant: a panic that somebody above catches on purpose (an index
//! that may be damaged) changes nothing on the screen, and every other one, in whatever thread, ends the program with
//! the terminal as it was.
//!
//! Our own threads run inside [`contain`]: the hook only notes what happened, and whoever contains the thread decides.
//! A thread of somebody else has nobody to decide: the hook itself ends the program.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::UnboundedSender;

use super::notice::Urgent;
use super::terminal;
use crate::domain::text;

/// The exit code of a bug (`EX_SOFTWARE` of sysexits).
pub(crate) const BUG: u8 = 70;

/// Names of threads whose panics their owner notices by himself: the embedded index.
const SELF_CONTAINED: &str = "sled-";

/// How the language begins the panics that abort instead of unwinding: nobody will catch them.
const CANNOT_UNWIND: [&str; 2] = ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// For the commands: from now on a panic nobody catches on purpose ends the program with the code for bugs and one line
/// that says so, in whatever thread it happens.
pub fn end_on_panic() {
    install();
    inject("command");
    inject_into_a_foreign_thread();
}

/// Puts our hook in the place of the standard one. Further calls do nothing new.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let report = describe(info);
        if CONTAINED.with(Cell::get) && !CANNOT_UNWIND.iter().any(|words| report.starts_with(words)) {
            LAST.with(|last| *last.borrow_mut() = Some(report));
            return;
        }
        if thread::current().name().is_some_and(|name| name.starts_with(SELF_CONTAINED)) {
            return;
        }
        end(&report);
    }));
}

/// Gives the terminal back, says why, and ends the program.
pub(crate) fn end(report: &str) -> ! {
    terminal::restore();
    say(report);
    std::process::exit(i32::from(BUG));
}

/// Says what happened, in one line.
pub(crate) fn say(report: &str) {
    print_line(&format!("stepback: this is a bug: {report}"));
}

/// Prints a line on standard error. Not `eprintln`: a standard error that is gone must not panic here.
pub(crate) fn print_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The message and the place, as one harmless line.
fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info
        .payload()
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| info.payload().downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    let message = text::fit(message.lines().next().unwrap_or_default(), 300);
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message,
    }
}

/// Runs work whose panic is the caller's business.
///
/// # Errors
/// What the panic said.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let outer = CONTAINED.with(|contained| contained.replace(true));
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.with(|contained| contained.set(outer));
    result.map_err(|_| {
        LAST.with(|last| last.borrow_mut().take()).unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

/// Starts a thread of ours: its panic reaches the loop, which ends the program.
pub(crate) fn spawn(
    name: &str,
    urgent: UnboundedSender<Urgent>,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("stepback {name}")).spawn(move || {
        if let Err(report) = contain(work)
            && urgent.send(Urgent::Panicked(report.clone())).is_err()
        {
            // Nobody is left to end the program in order.
            terminal::restore();
            say(&report);
        }
    })
}

/// Panics when the environment asks for it at this place; in builds for testing only.
pub(crate) fn inject(place: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os("STEPBACK_PANIC").is_some_and(|wanted| wanted == place) {
        panic!("injected into {place}");
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}

/// The same in a thread that nobody contains, as a library might start one.
pub(crate) fn inject_into_a_foreign_thread() {
    #[cfg(debug_assertions)]
    if std::env::var_os("STEPBACK_PANIC").is_some_and(|wanted| wanted == "foreign") {
        let _ = thread::spawn(|| inject("foreign")).join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_inside_is_told_and_what_does_not_is_passed_on() {
        assert_eq!(contain(|| 7), Ok(7));
        assert!(contain(|| panic!("no")).is_err());
        assert_eq!(contain(|| contain(|| 1).map(|one| one + 1)), Ok(Ok(2)));
    }
}
