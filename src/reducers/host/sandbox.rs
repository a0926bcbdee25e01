//! What the worker gives up before it hears of any script: open files, the file system, the network, new processes,
//! memory without end, and last every call of the system but the few it works with (`calls`).
//!
//! The engine itself offers scripts none of these; this is for the day it has a hole. What the system at hand cannot
//! do is said, never hidden.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::reducers::protocol::{Level, Sandbox};

/// The address space of the worker: its program, the engine's memory, and the texts on their way in and out.
const ADDRESS_SPACE: u64 = 512 << 20;

/// How much stack the engine may take, in bytes.
const STACK: u64 = 1 << 20;

/// Gives up everything. To be called once, before any other thread exists.
pub fn lock_in() -> Sandbox {
    let mut missing = Vec::new();
    let mut done = 0;
    let mut tell = |what: &str, given_up: bool| if given_up { done += 1 } else { missing.push(what.to_owned()) };
    tell("environment", std::env::vars_os().all(|(name, _)| name == "TZ"));
    tell("inherited files", close_inherited());
    let (files, network) = restrict();
    tell("file system", files);
    tell("network", network);
    for (what, resource, limit) in [
        ("memory limit", Resource::As, ADDRESS_SPACE),
        ("open files limit", Resource::Nofile, 3),
        ("file size limit", Resource::Fsize, 0),
        ("core dump limit", Resource::Core, 0),
    ] {
        tell(what, limit_to(resource, limit));
    }
    let level = match (done, missing.len()) {
        (_, 0) => Level::Full,
        (0, _) => Level::None,
        _ => Level::Partial,
    };
    Sandbox { level, missing: missing.join(", ") }
}

/// Gives up the rest, once all threads are there: further processes and threads, and all calls that are not needed. (The
/// limit on processes does not bind a privileged user; the calls do.)
pub fn lock_up(mut sandbox: Sandbox) -> Sandbox {
    limit_to(Resource::Nproc, 0);
    if let Err(why) = super::calls::restrict() {
        let missing = if sandbox.missing.is_empty() { String::new() } else { format!("{}, ", sandbox.missing) };
        sandbox.missing = format!("{missing}system calls ({why})");
        if sandbox.level == Level::Full {
            sandbox.level = Level::Partial;
        }
    }
    sandbox
}

/// How much stack the engine may use: well within what this process has.
pub fn stack() -> usize {
    getrlimit(Resource::Stack).current.map_or(STACK, |stack| (stack / 4).min(STACK)) as usize
}

fn limit_to(resource: Resource, limit: u64) -> bool {
    let maximum = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) }).is_ok()
}

/// Closes everything but the three standard streams: what a shell or a careless library left open for us.
fn close_inherited() -> bool {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return false };
    let open: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // One of them was the directory itself, closed by now: an error says nothing.
    open.into_iter().filter(|descriptor| *descriptor > 2).for_each(|descriptor| {
        let _ = nix::unistd::close(descriptor);
    });
    true
}

/// Whether the file system and the network are out of reach now.
#[cfg(target_os = "linux")]
fn restrict() -> (bool, bool) {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
    };

    fn enforced(restrict: impl FnOnce() -> Result<RestrictionStatus, RulesetError>) -> bool {
        restrict().is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced && status.no_new_privs)
    }

    let files = enforced(|| Ruleset::default().handle_access(AccessFs::from_all(ABI::V3))?.create()?.restrict_self());
    let network =
        enforced(|| Ruleset::default().handle_access(AccessNet::from_all(ABI::V4))?.create()?.restrict_self());
    // Local sockets without a file, and signals: newer systems only, and not counted.
    enforced(|| Ruleset::default().scope(Scope::from_all(ABI::V6))?.create()?.restrict_self());
    (files, network)
}

/// Other systems have no way that needs no privilege.
#[cfg(not(target_os = "linux"))]
fn restrict() -> (bool, bool) {
    (false, false)
}

/// A processor time limit that moves along: the system ends this process when, against all other limits, it burns a
/// minute more than it can have been asked to.
pub struct ProcessorTime {
    begun: Instant,
    limit: Duration,
}

impl ProcessorTime {
    const MARGIN: Duration = Duration::from_secs(60);

    /// From now on.
    pub fn new() -> Self {
        let mut new = Self { begun: Instant::now(), limit: Duration::ZERO };
        new.renew();
        new
    }

    /// Grants another minute when half of the last one may be gone.
    pub fn renew(&mut self) {
        // Two threads at most, so twice the time that passed.
        let possible = self.begun.elapsed() * 2;
        if self.limit < possible + Self::MARGIN / 2 {
            self.limit = possible + Self::MARGIN;
            let maximum = getrlimit(Resource::Cpu).maximum;
            let current = maximum.map_or(self.limit.as_secs(), |maximum| maximum.min(self.limit.as_secs()));
            let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum });
        }
    }
}
