//! What this machine gives the program: `stepback doctor --self`.
//!
//! Nothing is guessed where it can be tried: the sandbox is that of a worker that was started, the cache folder is written
//! to. What the terminal can do is read off the environment, as the interface does, and nothing is asked of it.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};

use super::{Background, ColorDepth, background, color_depth, missing_terminal};
use crate::cli::{self, NOTHING, Printed};
use crate::config::{Folders, Settings};
use crate::domain::json::write_string;
use crate::domain::{Timestamp, text};
use crate::reducers::javascript::{self, ENGINE, JavaScriptConfig, Limits};
use crate::reducers::protocol::Level;

/// Fewer open files than this may not do for a folder of many files.
const FEW_FILES: u64 = 128;

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Severity {
    /// As it should be.
    Fine,
    /// Less than there could be; all works.
    Note,
    /// Something will not work, or is open to others.
    Error,
}

/// One thing looked at.
struct Finding {
    name: &'static str,
    severity: Severity,
    text: String,
}

fn fine(name: &'static str, text: impl Into<String>) -> Finding {
    Finding { name, severity: Severity::Fine, text: text.into() }
}

/// Looks at everything, prints it, and answers 1 when something is wrong.
pub fn say_surroundings(folders: &Folders, settings: &Result<Settings, String>, printed: Printed) -> ExitCode {
    let findings = look(folders, settings);
    let written = match printed {
        Printed::Text => write_text(&findings),
        Printed::JsonLines => write_json(&findings),
    };
    let mut out = cli::stdout();
    let written = out.write_all(written.as_bytes()).and_then(|()| out.flush());
    let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    cli::printed(written, ExitCode::from(if is_wrong { NOTHING } else { 0 }))
}

fn look(folders: &Folders, settings: &Result<Settings, String>) -> Vec<Finding> {
    let mut findings = vec![program(), script_host()];
    findings.extend(kernel());
    findings.extend([terminal(), colours(), clipboard(), cache(folders), configuration(folders, settings)]);
    findings.extend([temporary(), open_files(), clock(SystemTime::now())]);
    findings
}

fn program() -> Finding {
    let features = [("javascript", cfg!(feature = "javascript")), ("sqlite", cfg!(feature = "sqlite"))];
    let list = |there: bool| -> Vec<&str> {
        features.iter().filter(|(_, has)| *has == there).map(|(name, _)| *name).collect()
    };
    let without = list(false);
    let without = if without.is_empty() { String::new() } else { format!(", without {}", without.join(" and ")) };
    let build = if cfg!(debug_assertions) { ", a build for testing" } else { "" };
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let with = list(true).join(" and ");
    fine(
        "program",
        format!("stepback {} on {system} {machine}, with {with}{without}{build}", env!("CARGO_PKG_VERSION")),
    )
}

/// Starts a worker and hears how far it is locked in.
fn script_host() -> Finding {
    let found = |severity, text: String| Finding { name: "sandbox", severity, text };
    if cfg!(not(feature = "javascript")) {
        return found(Severity::Note, "this build has no script host".into());
    }
    let host = match std::env::current_exe() {
        Ok(host) => host,
        Err(error) => {
            return found(Severity::Error, format!("the program file is not known ({error}): no script can run"));
        }
    };
    let source = "export const initialState = 0; export const evolve = (state) => state;".to_owned();
    let config = JavaScriptConfig { file_name: "a script".into(), source, host, limits: Limits::default() };
    let mut reducer = javascript::reducer(config);
    if let Err(error) = reducer.load() {
        return found(Severity::Error, format!("the script host does not start: {error}"));
    }
    match reducer.sandbox() {
        Some(sandbox) if sandbox.level == Level::Full => fine(
            "sandbox",
            format!("full: {ENGINE} runs without files, network, processes and other system calls, within limits"),
        ),
        Some(sandbox) if sandbox.level == Level::Partial => {
            found(Severity::Note, format!("partial: the system does not give {}", sandbox.missing))
        }
        _ => found(Severity::Error, "none: nothing confines a script".into()),
    }
}

/// What the kernel has for sandboxes.
#[cfg(target_os = "linux")]
fn kernel() -> Vec<Finding> {
    let note = |name, text: &str| Finding { name, severity: Severity::Note, text: text.into() };
    let landlock = match std::thread::Builder::new().spawn(landlock_abi).map(std::thread::JoinHandle::join) {
        Ok(Ok(Some(abi))) => fine("landlock", format!("interface version {abi}")),
        Ok(Ok(None)) => note("landlock", "this kernel does not have it, or it is switched off"),
        _ => note("landlock", "it could not be asked for"),
    };
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    let seccomp = match actions {
        Ok(actions) if actions.split_whitespace().any(|action| action == "errno") => {
            fine("seccomp", "the kernel can filter system calls")
        }
        _ => note("seccomp", "the kernel does not say that it can filter system calls"),
    };
    vec![landlock, seccomp]
}

#[cfg(not(target_os = "linux"))]
fn kernel() -> Vec<Finding> {
    Vec::new()
}

/// The version of Landlock. It is told only to who restricts itself: called on a thread of its own, which takes the
/// restriction with it when it ends.
#[cfg(target_os = "linux")]
fn landlock_abi() -> Option<i32> {
    use landlock::{ABI, Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr};
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).ok()?.create().ok()?;
    match ruleset.restrict_self().ok()?.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => Some(kernel_abi.unwrap_or(effective_abi as i32)),
        _ => None,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn terminal() -> Finding {
    let term = variable("TERM").unwrap_or_default();
    match missing_terminal() {
        Some(why) => Finding { name: "terminal", severity: Severity::Note, text: format!("none here: {why}") },
        None => {
            let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok();
            let size =
                size.map_or_else(String::new, |size| format!(", {} columns and {} rows", size.ws_col, size.ws_row));
            fine("terminal", format!("TERM is {term}{size}"))
        }
    }
}

fn colours() -> Finding {
    let depth = match color_depth(variable) {
        ColorDepth::None => "none",
        ColorDepth::Sixteen => "16",
        ColorDepth::Indexed => "256",
        ColorDepth::True => "24 bits",
    };
    let ground = match background(variable) {
        Some(Background::Light) => "a light background",
        Some(Background::Dark) => "a dark background",
        None => "background unknown (COLORFGBG does not say)",
    };
    fine("colours", format!("{depth}, {ground}, as the environment says"))
}

fn clipboard() -> Finding {
    let between = match (variable("TMUX"), variable("SSH_CONNECTION")) {
        (Some(_), _) => "through tmux, which must have `set-clipboard on` or `allow-passthrough on`",
        (None, Some(_)) => "over SSH, into the clipboard of the terminal at the other end",
        (None, None) => "to the terminal",
    };
    let inside = if variable("STY").is_some() { "; GNU screen does not pass it on" } else { "" };
    fine("clipboard", format!("by OSC 52, {between}{inside}; terminals do not say whether they take it"))
}

fn cache(folders: &Folders) -> Finding {
    let found = |severity, text: String| Finding { name: "cache", severity, text };
    let Some(folder) = &folders.cache else {
        return found(Severity::Note, "no home directory: indexes of large files are not kept".into());
    };
    let name = folder.display();
    let mode = match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => metadata.permissions().mode() & 0o777,
        Ok(_) => return found(Severity::Error, format!("{name} is no folder: indexes of large files are not kept")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fine("cache", format!("{name} is made when the first index is kept"));
        }
        Err(error) => return found(Severity::Error, format!("{name} cannot be looked at: {error}")),
    };
    if let Err(error) = tempfile::tempfile_in(folder) {
        return found(Severity::Error, format!("{name} cannot be written to ({error}): indexes are not kept"));
    }
    if mode & 0o077 != 0 {
        let text = format!("{name} is open to other users (mode {mode:03o}): `chmod 700` makes it yours alone");
        return found(Severity::Error, text);
    }
    fine("cache", format!("{name}, mode {mode:03o}"))
}

fn configuration(folders: &Folders, settings: &Result<Settings, String>) -> Finding {
    match (&folders.configuration, settings) {
        (_, Err(problems)) => {
            let text = problems.lines().map(str::trim).collect::<Vec<_>>().join("; ");
            Finding { name: "settings", severity: Severity::Error, text }
        }
        (Some(folder), Ok(_)) => fine("settings", format!("read without problems from {}", folder.display())),
        (None, Ok(_)) => fine("settings", "the defaults: there is no home directory"),
    }
}

fn temporary() -> Finding {
    let folder = std::env::temp_dir();
    if let Err(error) = tempfile::tempfile_in(&folder) {
        let text = format!("{} cannot be written to ({error}): packed files cannot be opened", folder.display());
        return Finding { name: "temporary", severity: Severity::Error, text };
    }
    fine("temporary", format!("{}, {} free", folder.display(), free(&folder)))
}

fn free(folder: &Path) -> String {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => format!("{:.1} GiB", (disk.f_bavail as f64 * disk.f_frsize as f64) / f64::from(1 << 30)),
        Err(_) => "an unknown amount".into(),
    }
}

fn open_files() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let said = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    let text = format!("{} at once, {} when asked for", said(limit.current), said(limit.maximum));
    match limit.current {
        Some(few) if few < FEW_FILES => Finding {
            name: "open files",
            severity: Severity::Error,
            text: format!("{text}: too few for folders of many files (`ulimit -n`)"),
        },
        _ => fine("open files", text),
    }
}

fn clock(now: SystemTime) -> Finding {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok();
    let Some(time) = since.and_then(|_| Timestamp::try_from(now).ok()) else {
        let text = "it says a time before 1970 or after 9999: nothing can be appended".to_owned();
        return Finding { name: "clock", severity: Severity::Error, text };
    };
    let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
    let built = std::env::current_exe().and_then(std::fs::metadata).and_then(|metadata| metadata.modified());
    if built.is_ok_and(|built| now < built) {
        let text = format!("it says {second}, which is before this program was built");
        return Finding { name: "clock", severity: Severity::Error, text };
    }
    fine("clock", second.to_string())
}

fn write_text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.severity {
            Severity::Fine => "",
            Severity::Note => "note: ",
            Severity::Error => "error: ",
        };
        out.push_str(&format!("{:<11} {mark}{}\n", finding.name, text::safe(&finding.text)));
    }
    out
}

/// The lines of the doctor, and at their end the summary.
fn write_json(findings: &[Finding]) -> String {
    let mut out = String::new();
    let put = |out: &mut String, text: &str| {
        // Writing to a string cannot fail.
        let _ = write_string(out, text);
    };
    for finding in findings {
        out.push_str("{\"finding\":");
        put(&mut out, finding.name);
        out.push_str(match finding.severity {
            Severity::Fine => ",\"severity\":null,\"count\":0,\"text\":",
            Severity::Note => ",\"severity\":\"note\",\"count\":1,\"text\":",
            Severity::Error => ",\"severity\":\"error\",\"count\":1,\"text\":",
        });
        put(&mut out, &finding.text);
        out.push_str(",\"normal\":null,\"example\":null}\n");
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    out.push_str(&format!(
        "{{\"summary\":{{\"errors\":{},\"warnings\":0,\"notes\":{},\"checked\":{},\"partial\":false}}}}\n",
        count(Severity::Error),
        count(Severity::Note),
        findings.len()
    ));
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_is_an_error() {
        let of = |now| clock(now).severity;
        assert_eq!(of(SystemTime::now()), Severity::Fine);
        assert_eq!(of(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), Severity::Error);
        assert_eq!(
            of(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
            Severity::Error,
            "before the program was built"
        );
        assert_eq!(of(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)), Severity::Error);
    }

    #[test]
    fn every_line_is_json_and_every_text_is_there() {
        let findings =
            [fine("one", "a \"word\""), Finding { name: "two", severity: Severity::Error, text: "\u{1b}[31m".into() }];
        let lines = write_json(&findings);
        for line in lines.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
        assert!(lines.contains(r#"{"finding":"two","severity":"error","count":1,"text":"\u001b[31m""#), "{lines}");
        assert!(
            lines
                .ends_with("{\"summary\":{\"errors\":1,\"warnings\":0,\"notes\":0,\"checked\":2,\"partial\":false}}\n")
        );
        assert!(!write_text(&findings).contains('\u{1b}'));
    }
}
